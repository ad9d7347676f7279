//! Several things that go on at once, a moving row each. Without a terminal each row says what it finished.

use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{FRAME, SPINNER, Screen};

/// The rows.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    bars: Arc<Vec<ProgressBar>>,
    labels: Arc<Vec<String>>,
    moves: bool,
    width: Option<usize>,
}

impl Rows {
    /// A row for each label.
    pub(crate) fn new(screen: &Screen, labels: Vec<String>) -> Self {
        let moves = screen.moving.is_some();
        let all = MultiProgress::new();
        if !moves {
            all.set_draw_target(ProgressDrawTarget::hidden());
        }
        let widest = labels
            .iter()
            .map(|label| label.chars().count())
            .max()
            .unwrap_or(0);
        let bars = labels
            .iter()
            .map(|label| {
                let bar = all.add(ProgressBar::new_spinner());
                bar.set_style(
                    ProgressStyle::with_template("{spinner} {prefix}  {msg}")
                        .expect("the template is right")
                        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏✓"),
                );
                bar.set_prefix(format!("{label:<widest$}"));
                if moves {
                    bar.enable_steady_tick(FRAME);
                }
                bar
            })
            .collect();
        Self {
            bars: Arc::new(bars),
            width: screen
                .width()
                .map(|width| width.saturating_sub(SPINNER + widest + 2)),
            labels: Arc::new(labels),
            moves,
        }
    }

    /// What goes on in a row.
    pub(crate) fn show(&self, row: usize, text: &str) {
        self.bars[row].set_message(self.fitting(text));
    }

    /// What a row came to; it stays.
    pub(crate) fn finish(&self, row: usize, text: &str) {
        if self.moves {
            self.bars[row].finish_with_message(self.fitting(text));
        } else {
            super::write_out(&format!("{}: {text}", self.labels[row]));
        }
    }

    fn fitting(&self, text: &str) -> String {
        let clean = text.chars().filter(|c| !c.is_control());
        clean.take(self.width.unwrap_or(usize::MAX)).collect()
    }
}
