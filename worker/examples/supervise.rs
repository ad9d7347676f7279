//! The supervisor as a program of its own: what the tests of this crate start.

fn main() -> std::process::ExitCode {
    worker::terraform::supervisor::supervise()
}
