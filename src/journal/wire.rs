//! Numbers and byte strings: LEB128 and length-prefixed.

/// Bytes that end early or a number that is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub &'static str);

/// Appends a number, seven bits a byte, lowest first.
pub(super) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_bits(value) | 0x80);
        value >>= 7;
    }
    out.push(low_bits(value));
}

fn low_bits(value: u64) -> u8 {
    u8::try_from(value & 0x7F).expect("seven bits fit into a byte")
}

/// Appends a number that is never negative.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_number(
        out,
        u64::try_from(value).expect("offsets, counts and moments are never negative"),
    );
}

/// Appends a byte string behind its length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(
        out,
        u64::try_from(bytes.len()).expect("a length fits into 64 bits"),
    );
    out.extend_from_slice(bytes);
}

/// Reads what the functions above wrote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.rest.split_first().ok_or(Malformed("it ends early"))?;
        self.rest = rest;
        Ok(first)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if bits.leading_zeros() < shift {
                return Err(Malformed("a number beyond 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed("a number beyond 64 bits"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        i64::try_from(self.number()?).map_err(|_| Malformed("a number beyond 63 bits"))
    }

    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.number()?).map_err(|_| Malformed("a number beyond its bounds"))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length: usize = self.small()?;
        let (bytes, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Malformed("it ends early"))?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a text that is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive() {
        for value in [
            0,
            1,
            127,
            128,
            300,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, value);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.number(), Ok(value));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn what_is_too_large_or_too_short_is_malformed() {
        let early = Err(Malformed("it ends early"));
        let large = Err(Malformed("a number beyond 64 bits"));
        for (bytes, expected) in [
            (&[][..], early),
            (&[0x80], early),
            (&[0xFF; 10], large),
            (
                &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2],
                large,
            ),
        ] {
            assert_eq!(Reader::new(bytes).number(), expected, "{bytes:?}");
        }
        assert_eq!(
            Reader::new(&[3, 1, 2]).bytes(),
            Err(Malformed("it ends early"))
        );
        assert_eq!(
            Reader::new(&[1, 0xFF]).text(),
            Err(Malformed("a text that is not UTF-8"))
        );
    }
}
