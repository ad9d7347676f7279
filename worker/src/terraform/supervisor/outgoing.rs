//! What waits to be told to the worker: bounded, so that a frozen worker costs memory up to a limit and never
//! holds up Terraform.

use std::{collections::VecDeque, io};

use tokio::net::unix::pipe;

use crate::terraform::protocol::{FromSupervisor, OutputStream, to_line};

/// Bytes of lines that wait for the worker; more are left out (the journal has them).
pub(super) const WAITING_LIMIT: usize = 64 * 1024 * 1024;

enum Entry {
    Message(Vec<u8>),
    LeftOut {
        id: u64,
        stream: OutputStream,
        lines: u64,
        bytes: u64,
    },
}

/// The messages that the worker has not read yet, oldest first.
pub(super) struct Outgoing {
    /// `None` once the worker does not listen any more: then everything is forgotten.
    pipe: Option<pipe::Sender>,
    entries: VecDeque<Entry>,
    waiting: usize,
    limit: usize,
    /// Bytes of the first entry that are written.
    written: usize,
}

impl Outgoing {
    pub(super) fn new(pipe: pipe::Sender, limit: usize) -> Self {
        Self {
            pipe: Some(pipe),
            entries: VecDeque::new(),
            waiting: 0,
            limit,
            written: 0,
        }
    }

    /// Something waits, and somebody may read it.
    pub(super) fn is_waiting(&self) -> bool {
        self.pipe.is_some() && !self.entries.is_empty()
    }

    /// Takes a line of output; when too much waits it is counted instead, in its place.
    pub(super) fn line(&mut self, id: u64, stream: OutputStream, text: String) {
        if self.pipe.is_none() {
            return;
        }
        if self.waiting >= self.limit {
            let missing = u64::try_from(text.len()).expect("a length fits 64 bits");
            match self.entries.back_mut() {
                Some(Entry::LeftOut {
                    id: of,
                    stream: from,
                    lines,
                    bytes,
                }) if (*of, *from) == (id, stream) => {
                    *lines += 1;
                    *bytes += missing;
                }
                _ => self.entries.push_back(Entry::LeftOut {
                    id,
                    stream,
                    lines: 1,
                    bytes: missing,
                }),
            }
            return;
        }
        self.message(&FromSupervisor::Line { id, stream, text });
    }

    /// Takes a message that is never left out.
    pub(super) fn message(&mut self, message: &FromSupervisor) {
        if self.pipe.is_some() {
            let line = to_line(message);
            self.waiting += line.len();
            self.entries.push_back(Entry::Message(line));
        }
    }

    /// Waits until the worker's pipe takes something.
    pub(super) async fn writable(&self) {
        match &self.pipe {
            // An error here shows at the write that follows.
            Some(pipe) => drop(pipe.writable().await),
            None => std::future::pending().await,
        }
    }

    /// Writes what the pipe takes now.
    pub(super) fn write(&mut self) {
        while let (Some(pipe), Some(entry)) = (&self.pipe, self.entries.front_mut()) {
            if let Entry::LeftOut {
                id,
                stream,
                lines,
                bytes,
            } = *entry
            {
                let text =
                    format!("[{lines} lines, {bytes} bytes, were left out here: nobody read them in time]");
                let line = to_line(&FromSupervisor::Line { id, stream, text });
                self.waiting += line.len();
                *entry = Entry::Message(line);
            }
            let Entry::Message(line) = entry else {
                unreachable!("just made a message")
            };
            match pipe.try_write(&line[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    // The worker is gone or does not listen. Terraform goes on until its lease is over:
                    // the end of stdin and the lease decide that, not this pipe.
                    self.pipe = None;
                    self.entries.clear();
                    self.waiting = 0;
                    return;
                }
            }
            if self.written == line.len() {
                self.waiting -= line.len();
                self.written = 0;
                self.entries.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    async fn write_all(outgoing: &mut Outgoing) {
        while outgoing.is_waiting() {
            outgoing.writable().await;
            outgoing.write();
        }
    }

    #[tokio::test]
    async fn lines_beyond_the_limit_are_counted_in_their_place_and_the_end_is_always_told() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let writer = pipe::Sender::from_owned_fd(writer.into()).unwrap();
        let mut outgoing = Outgoing::new(writer, 100);
        for number in 0..5 {
            outgoing.line(1, OutputStream::Stdout, format!("line {number}"));
        }
        outgoing.line(1, OutputStream::Stderr, "other".into());
        outgoing.message(&FromSupervisor::Failed {
            id: 1,
            error: "end".into(),
        });
        write_all(&mut outgoing).await;
        outgoing.line(1, OutputStream::Stdout, "after".into());
        write_all(&mut outgoing).await;
        assert_eq!(outgoing.waiting, 0);
        drop(outgoing);
        let mut told = String::new();
        reader.read_to_string(&mut told).unwrap();
        let expected = r#"{"line":{"id":1,"stream":"stdout","text":"line 0"}}
{"line":{"id":1,"stream":"stdout","text":"line 1"}}
{"line":{"id":1,"stream":"stdout","text":"[3 lines, 18 bytes, were left out here: nobody read them in time]"}}
{"line":{"id":1,"stream":"stderr","text":"[1 lines, 5 bytes, were left out here: nobody read them in time]"}}
{"failed":{"id":1,"error":"end"}}
{"line":{"id":1,"stream":"stdout","text":"after"}}
"#;
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_is_forgotten_and_no_error() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut outgoing = Outgoing::new(pipe::Sender::from_owned_fd(writer.into()).unwrap(), 100);
        drop(reader);
        outgoing.line(1, OutputStream::Stdout, "a".into());
        write_all(&mut outgoing).await;
        outgoing.line(1, OutputStream::Stdout, "b".into());
        assert!(!outgoing.is_waiting());
    }
}
