//! Where a journal stands, short enough for the metadata of a consumer group's offset.

use std::fmt::Write as _;

/// A record of the journal: its number and the hash of its last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionMark {
    /// The record's number; the genesis is 0.
    pub sequence: u64,
    /// blake3 of its last message, which covers all before it.
    pub hash: [u8; 32],
}

const PREFIX: &str = "tollkeeper/1";

impl PositionMark {
    /// As text of at most 100 bytes: `tollkeeper/1 SEQUENCE HASH`.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = format!("{PREFIX} {} ", self.sequence);
        for byte in self.hash {
            write!(text, "{byte:02x}").expect("a string takes all that is written to it");
        }
        text
    }

    /// From the text of [`PositionMark::encode`]; anything else is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        if words.next()? != PREFIX {
            return None;
        }
        let sequence = words.next()?.parse().ok()?;
        let digits = words.next()?.as_bytes();
        if words.next().is_some() || digits.len() != 64 {
            return None;
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Some(PositionMark { sequence, hash })
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_the_groups_metadata() {
        let mut hash = [0xA5; 32];
        hash[0] = 0x0F;
        for sequence in [0, 1, u64::MAX] {
            let mark = PositionMark { sequence, hash };
            let text = mark.encode();
            assert!(text.len() <= 100, "{text}");
            assert_eq!(PositionMark::parse(&text), Some(mark));
        }
    }

    #[test]
    fn foreign_metadata_is_no_mark() {
        let good = PositionMark {
            sequence: 7,
            hash: [1; 32],
        }
        .encode();
        for text in [
            "",
            "tollkeeper/1",
            "tollkeeper/1 7",
            "tollkeeper/1 7 00",
            &good.replace("/1", "/2"),
            &good.replace(" 7 ", " -7 "),
            &good.replace("01", "0G"),
            &format!("{good} "),
        ] {
            assert_eq!(PositionMark::parse(text), None, "{text}");
        }
    }
}
