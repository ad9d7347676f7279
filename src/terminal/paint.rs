//! Lines, their marks and colours, and how they fit into a width.

/// What a line says about what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing in front.
    None,
    /// Done.
    Done,
    /// Not done.
    Failed,
    /// Left out.
    Skipped,
    /// Begun.
    Begun,
    /// Made.
    Made,
    /// Changed.
    Changed,
    /// Removed.
    Removed,
    /// A warning.
    Warning,
    /// A person has to do something.
    Waiting,
}

/// One line, or a few that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its mark.
    pub(crate) mark: Mark,
    /// How far to the right.
    pub(crate) depth: usize,
    /// What it says.
    pub(crate) text: String,
    /// What stands behind it, dimmed.
    pub(crate) note: String,
}

impl Line {
    /// A line with a mark.
    pub(crate) fn new(mark: Mark, text: impl Into<String>) -> Self {
        Self {
            mark,
            depth: 0,
            text: text.into(),
            note: String::new(),
        }
    }

    /// A line without one.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::new(Mark::None, text)
    }

    /// The same, further to the right.
    pub(crate) fn deeper(mut self) -> Self {
        self.depth += 1;
        self
    }

    /// The same, with something dimmed behind it.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    /// Whether there are.
    pub(crate) colors: bool,
}

impl Paint {
    /// The line as it is written. With a width nothing is wider than that, but for single words of an error: those
    /// are never cut.
    pub(crate) fn line(self, line: &Line, width: Option<usize>) -> String {
        let (sign, color, is_error) = match line.mark {
            Mark::None => ("", "", false),
            Mark::Done => ("✓ ", "32", false),
            Mark::Failed => ("✗ ", "31", true),
            Mark::Skipped => ("○ ", "2", false),
            Mark::Begun => ("… ", "2", false),
            Mark::Made => ("+ ", "32", false),
            Mark::Changed => ("~ ", "33", false),
            Mark::Removed => ("- ", "31", false),
            Mark::Warning => ("! ", "33", true),
            Mark::Waiting => ("? ", "36", false),
        };
        let indent = "  ".repeat(line.depth);
        let start = indent.len() + sign.chars().count();
        let room = width.map(|width| width.saturating_sub(start).max(8));
        let text = clean(&line.text);
        let note = clean(&line.note);
        // An error is for reading, so it is broken into lines; everything else is cut.
        if is_error || line.mark == Mark::None {
            let lines = text.lines().flat_map(|part| match room {
                Some(room) => wrapped(part, room),
                None => vec![part.to_owned()],
            });
            let hang = " ".repeat(start);
            let body: Vec<String> = lines
                .enumerate()
                .map(|(index, part)| {
                    let front = if index == 0 {
                        format!("{indent}{sign}")
                    } else {
                        hang.clone()
                    };
                    self.color(color, &format!("{front}{part}"))
                })
                .collect();
            let whole = body.join("\n");
            if note.is_empty() {
                return whole;
            }
            let last = hang.len() + text.lines().last().map_or(0, |last| last.chars().count());
            let fits = room.is_none() || last + 2 + note.chars().count() <= width.unwrap_or(usize::MAX);
            if fits {
                return format!("{whole}  {}", self.color("2", &note));
            }
            let lines = wrapped(&note, room.unwrap_or(usize::MAX));
            let lines: Vec<String> = lines
                .iter()
                .map(|part| format!("{hang}{}", self.color("2", part)))
                .collect();
            return format!("{whole}\n{}", lines.join("\n"));
        }
        let text = text.replace('\n', " ");
        let (text, note) = match room {
            Some(room) => fit(&text, &note, room),
            None => (text, note),
        };
        let gap = if note.is_empty() { "" } else { "  " };
        format!(
            "{indent}{}{text}{gap}{}",
            self.color(color, sign),
            self.color("2", &note)
        )
    }

    fn color(self, code: &str, text: &str) -> String {
        if self.colors && !code.is_empty() && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Without what a cloud or a program could use to write over other lines.
fn clean(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

/// Text and note beside each other; the text is cut in its middle, where addresses say least, and then the note goes.
fn fit(text: &str, note: &str, room: usize) -> (String, String) {
    let note_width = if note.is_empty() {
        0
    } else {
        note.chars().count() + 2
    };
    if text.chars().count() + note_width <= room {
        (text.to_owned(), note.to_owned())
    } else if note_width + 16 <= room {
        (shortened(text, room - note_width), note.to_owned())
    } else {
        (shortened(text, room), String::new())
    }
}

/// At most `room` characters, with the middle left out.
pub(crate) fn shortened(text: &str, room: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(1);
    let front = kept / 3;
    let back = kept - front;
    let start: String = characters[..front].iter().collect();
    let end: String = characters[characters.len() - back..].iter().collect();
    format!("{start}…{end}")
}

/// Lines of at most `room` characters, broken between words.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    // Leading spaces belong to the text: Terraform indents what it quotes.
    let indent: String = text.chars().take_while(|c| *c == ' ').collect();
    for word in text.split_whitespace() {
        let is_first_line = lines.len() == 1;
        let last = lines.last_mut().expect("there is always one");
        if last.is_empty() {
            if is_first_line {
                last.push_str(&indent);
            }
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= room {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Paint = Paint { colors: false };

    #[test]
    fn nothing_but_a_long_word_is_ever_wider_than_the_terminal() {
        let lines = [
            Line::new(
                Mark::Made,
                "module.site.module.networking.aws_route_table_association.public[1]",
            )
            .deeper()
            .note("12/47  4.2s"),
            Line::new(Mark::Done, "apply").note("1m 02s"),
            Line::new(
                Mark::Failed,
                "creating RDS DB Instance (shop): DBInstanceQuotaExceeded: too many",
            )
            .deeper(),
            Line::plain("create shop on aws in us-east-1").note("SIMULATED: nothing costs money or exists"),
            Line::plain("The site answers at a very long sentence that has to be broken somewhere."),
        ];
        for width in 20..120 {
            for line in &lines {
                let shown = PLAIN.line(line, Some(width));
                for part in shown.lines() {
                    let longest_word = part
                        .split_whitespace()
                        .map(|word| word.chars().count())
                        .max()
                        .unwrap_or(0);
                    let is_one_word =
                        matches!(line.mark, Mark::Failed | Mark::None) && longest_word + 6 > width;
                    assert!(part.chars().count() <= width || is_one_word, "{width}: {part:?}");
                }
            }
        }
    }

    #[test]
    fn an_address_keeps_its_end_where_it_is_told_from_others() {
        let address = "module.site.module.networking.aws_subnet.public[1]";
        assert_eq!(shortened(address, 24), "module.…subnet.public[1]");
        assert_eq!(shortened("short", 24), "short");
    }

    #[test]
    fn without_a_width_a_line_is_whole_and_an_error_keeps_its_lines() {
        let line = Line::new(Mark::Failed, "first\nsecond").deeper();
        assert_eq!(PLAIN.line(&line, None), "  ✗ first\n    second");
        assert_eq!(
            PLAIN.line(&Line::new(Mark::Done, "plan").note("3.1s"), None),
            "✓ plan  3.1s"
        );
    }

    #[test]
    fn colours_are_there_only_when_asked_for_and_control_characters_never() {
        let line = Line::new(Mark::Done, "pl\x1b[2Jan\r").note("1s");
        assert_eq!(PLAIN.line(&line, None), "✓ pl[2Jan  1s");
        assert_eq!(
            Paint { colors: true }.line(&line, None),
            "\x1b[32m✓ \x1b[0mpl[2Jan  \x1b[2m1s\x1b[0m"
        );
    }
}
