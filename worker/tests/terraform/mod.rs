//! The process layer with the true terraform and the true supervisor.

mod cancel;
mod found;
mod lease;
mod orphans;
mod output;
mod supervisor;
mod ui_samples;
