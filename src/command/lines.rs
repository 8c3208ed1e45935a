//! The lines of an event file, numbered, each within bounds.

use std::io::{self, BufRead};

/// The longest line that is taken, in bytes: no broker of ours takes a longer record.
pub(super) const LONGEST: usize = 1_000_000;

/// A line that holds something.
pub(super) struct Numbered {
    /// From 1.
    pub(super) number: u64,
    /// Without its end; or why it is no text.
    pub(super) text: Result<String, String>,
    /// Of the file, its end included.
    pub(super) bytes: u64,
}

/// Reads numbered lines and skips empty ones.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// From the first line on.
    pub(super) fn of(input: R) -> Self {
        Lines { input, number: 0 }
    }

    fn read(&mut self) -> io::Result<Option<Numbered>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(LONGEST).expect("a small number") + 2;
        let taken = io::Read::take(&mut self.input, limit).read_until(b'\n', &mut bytes)?;
        if taken == 0 {
            return Ok(None);
        }
        self.number += 1;
        let mut length = u64::try_from(taken).expect("a length fits 64 bits");
        let whole = bytes.ends_with(b"\n") || length < limit;
        if !whole {
            length += u64::try_from(skip_line(&mut self.input)?).expect("a length fits 64 bits");
        }
        while bytes.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
            bytes.pop();
        }
        let text = if whole && bytes.len() <= LONGEST {
            String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
        } else {
            Err(format!("is longer than {LONGEST} bytes"))
        };
        Ok(Some(Numbered {
            number: self.number,
            text,
            bytes: length,
        }))
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<usize> {
    let mut skipped = 0;
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|b| *b == b'\n');
        let step = end.map_or(buffer.len(), |at| at + 1);
        input.consume(step);
        skipped += step;
        if end.is_some() || step == 0 {
            return Ok(skipped);
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Numbered>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read().transpose()? {
                Ok(line) if line.text.as_ref().is_ok_and(|t| t.trim().is_empty()) => {}
                line => return Some(line),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Vec<(u64, Result<String, String>)> {
        Lines::of(input)
            .map(|line| line.expect("memory can be read"))
            .map(|line| (line.number, line.text))
            .collect()
    }

    #[test]
    fn empty_lines_are_skipped_and_counted() {
        assert_eq!(
            read(b"a\n\n  \r\nb\r\nc"),
            [
                (1, Ok("a".to_owned())),
                (4, Ok("b".to_owned())),
                (5, Ok("c".to_owned()))
            ]
        );
    }

    #[test]
    fn a_line_that_is_no_text_or_too_long_says_so_and_the_next_one_is_read() {
        let mut input = b"\xff\xfe\n".to_vec();
        input.extend(vec![b'x'; LONGEST]);
        input.push(b'\n');
        input.extend(vec![b'x'; LONGEST + 1]);
        input.push(b'\n');
        input.extend(vec![b'x'; 3 * LONGEST]);
        input.extend(b"\nend");
        let too_long = || Err("is longer than 1000000 bytes".to_owned());
        assert_eq!(
            read(&input),
            [
                (1, Err("is not UTF-8".to_owned())),
                (2, Ok("x".repeat(LONGEST))),
                (3, too_long()),
                (4, too_long()),
                (5, Ok("end".to_owned())),
            ]
        );
    }
}
