//! Cuts the bytes of a process into lines of text.
//!
//! Any bytes are taken: what is no UTF-8 becomes U+FFFD, and a line over the limit is cut, with a mark that
//! says how much is missing. Memory is bounded by the limit.

/// Bytes of a line that are kept, if nothing else is asked for: 1 MiB.
pub const LINE_LIMIT: usize = 1024 * 1024;

/// Collects chunks of bytes until a line is whole.
#[derive(Debug)]
pub struct LineSplitter {
    line: Vec<u8>,
    limit: usize,
    left_out: usize,
}

impl LineSplitter {
    /// A splitter that keeps at most `limit` bytes of each line.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            limit,
            left_out: 0,
        }
    }

    /// Takes the next bytes and gives the lines that they complete, without their line ends.
    #[must_use]
    pub fn push(&mut self, chunk: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut pieces = chunk.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            self.collect(piece);
            if pieces.peek().is_some() {
                lines.push(self.take());
            }
        }
        lines
    }

    /// The rest: a last line that had no line end.
    #[must_use]
    pub fn finish(&mut self) -> Option<String> {
        (!self.line.is_empty() || self.left_out > 0).then(|| self.take())
    }

    fn collect(&mut self, piece: &[u8]) {
        let kept = piece.len().min(self.limit - self.line.len());
        self.line.extend_from_slice(&piece[..kept]);
        self.left_out += piece.len() - kept;
    }

    fn take(&mut self) -> String {
        if self.left_out == 0 && self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        let mut text = String::from_utf8_lossy(&self.line).into_owned();
        if self.left_out > 0 {
            text.push_str(&format!(
                " [{} more bytes of this line were left out]",
                self.left_out
            ));
        }
        self.line.clear();
        self.left_out = 0;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_from_chunks_that_end_anywhere() {
        let mut splitter = LineSplitter::new(100);
        assert_eq!(splitter.push(b"fir"), Vec::<String>::new());
        assert_eq!(splitter.push(b"st\n\nsecond\r\nth"), ["first", "", "second"]);
        assert_eq!(
            splitter.push("ird ü".as_bytes().split_at(5).0),
            Vec::<String>::new()
        );
        assert_eq!(
            splitter.push("ird ü".as_bytes().split_at(5).1),
            Vec::<String>::new()
        );
        assert_eq!(splitter.finish().as_deref(), Some("third ü"));
        assert_eq!(splitter.finish(), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_lose_nothing_around_them() {
        assert_eq!(
            LineSplitter::new(100).push(b"a\xff\xfeb\n"),
            ["a\u{fffd}\u{fffd}b"]
        );
    }

    #[test]
    fn a_line_over_the_limit_is_cut_and_says_how_much_is_missing() {
        let mut splitter = LineSplitter::new(4);
        assert_eq!(splitter.push(b"12345"), Vec::<String>::new());
        assert_eq!(
            splitter.push(b"678\n1234\n"),
            ["1234 [4 more bytes of this line were left out]", "1234"]
        );
        assert!(
            splitter.line.capacity() < 100,
            "what is left out is not kept in memory"
        );
    }
}
