//! What a person sees while something runs: lines that stay, and below them one that moves.
//!
//! [`road`] turns events into lines and knows nothing of terminals; [`paint`] colours and cuts them; [`Screen`] puts
//! them where they belong. Without a terminal every line is plain and nothing moves.

pub(crate) mod paint;
pub(crate) mod road;
pub(crate) mod rows;
pub(crate) mod table;

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use paint::{Line, Paint};

/// How often the moving line moves.
const FRAME: Duration = Duration::from_millis(100);

/// Columns of the moving sign, the gap behind it, and one that stays free.
const SPINNER: usize = 3;

/// Stdout, as a terminal or not.
#[derive(Debug)]
pub(crate) struct Screen {
    paint: Paint,
    moving: Option<ProgressBar>,
}

impl Screen {
    /// Looks at what stdout is and at `NO_COLOR`.
    pub(crate) fn of_process() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let paint = Paint {
            colors: is_terminal && !no_color && !is_dumb,
        };
        let moving = (is_terminal && !is_dumb).then(|| {
            let bar = ProgressBar::new_spinner().with_style(
                ProgressStyle::with_template("{spinner} {msg}")
                    .expect("the template is right")
                    .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "),
            );
            bar.set_draw_target(ProgressDrawTarget::hidden());
            bar
        });
        Self { paint, moving }
    }

    /// Writes a line that stays.
    pub(crate) fn say(&self, line: &Line) {
        let text = self.paint.line(line, self.width());
        match &self.moving {
            Some(bar) => bar.suspend(|| write_out(&text)),
            None => write_out(&text),
        }
    }

    /// Writes a plain line that stays.
    pub(crate) fn text(&self, text: impl Into<String>) {
        self.say(&Line::plain(text));
    }

    /// Shows what is going on, below all lines; nothing where there is no terminal.
    pub(crate) fn show(&self, text: &str) {
        let Some(bar) = &self.moving else { return };
        if bar.is_hidden() {
            bar.set_draw_target(ProgressDrawTarget::stdout());
            bar.enable_steady_tick(FRAME);
        }
        // Cut here and not by the bar, which takes a terminal that does not tell its height for 80 columns wide.
        let room = self
            .width()
            .map_or(usize::MAX, |width| width.saturating_sub(SPINNER));
        bar.set_message(
            text.chars()
                .filter(|c| !c.is_control())
                .take(room)
                .collect::<String>(),
        );
    }

    /// Takes the moving line away.
    pub(crate) fn rest(&self) {
        if let Some(bar) = &self.moving
            && !bar.is_hidden()
        {
            bar.disable_steady_tick();
            bar.finish_and_clear();
            bar.set_draw_target(ProgressDrawTarget::hidden());
            bar.reset();
        }
    }

    /// How many columns there are; `None` without a terminal.
    fn width(&self) -> Option<usize> {
        self.moving.as_ref()?;
        rustix::termios::tcgetwinsize(std::io::stdout())
            .ok()
            .map(|size| usize::from(size.ws_col))
            .filter(|width| *width > 0)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.rest();
    }
}

/// Writes to stdout. A reader that went away (`| head`) is no reason to stop a deployment.
fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// `1m 02s`, `4.2s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", time.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}
