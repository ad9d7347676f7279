//! Server-sent events, as their standard has it: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The id that it came with; what to name when asking for what comes after it.
    pub(super) id: Option<String>,
    /// Its text.
    pub(super) data: String,
}

/// Makes messages of bytes, however these are cut.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    after_return: bool,
    id: Option<String>,
    data: Option<String>,
}

impl Parser {
    /// Takes the next bytes and gives the messages that are whole now.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        for byte in bytes {
            let was_return = std::mem::take(&mut self.after_return);
            match byte {
                // CR LF is one end of line.
                b'\n' if was_return => {}
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    messages.extend(self.end_line(&String::from_utf8_lossy(&line)));
                }
                byte => self.line.push(*byte),
            }
        }
        messages
    }

    fn end_line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let id = self.id.take();
            return self.data.take().map(|data| Message { id, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // A comment has no field; `event` is in the data too; `retry` is ours to decide.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: Option<&str>, data: &str) -> Message {
        Message {
            id: id.map(str::to_owned),
            data: data.to_owned(),
        }
    }

    #[test]
    fn messages_come_out_the_same_however_the_bytes_are_cut() {
        let text = ": heartbeat\n\nid: 7\nevent: log\ndata: {\"a\":1}\n\ndata:two\r\ndata: lines é\r\n\r\nid: 9\ndata: cut";
        let expected = [message(Some("7"), "{\"a\":1}"), message(None, "two\nlines é")];
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let found: Vec<Message> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|bytes| parser.push(bytes))
                .collect();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_message_without_data_is_none() {
        assert_eq!(Parser::default().push(b"id: 4\nevent: log\n\nretry: 10\n\n"), []);
    }
}
