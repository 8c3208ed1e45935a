//! Writing Avro's binary encoding, value by value.

use crate::domain::{Moment, Money, Symbol};

/// An Avro datum that is being appended to a buffer.
pub(super) struct Datum<'o>(pub(super) &'o mut Vec<u8>);

impl Datum<'_> {
    /// An `int` or `long`: zigzag, seven bits a byte, the lowest first.
    pub(super) fn long(&mut self, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while rest > 0x7f {
            self.0.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.0.push(rest.to_le_bytes()[0]);
    }

    /// An `int`.
    pub(super) fn int(&mut self, value: i32) {
        self.long(value.into());
    }

    /// A `boolean`.
    pub(super) fn boolean(&mut self, value: bool) {
        self.0.push(value.into());
    }

    /// A `bytes`, or a `string` known to be text.
    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.length(value.len());
        self.0.extend_from_slice(value);
    }

    /// A `string`.
    pub(super) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// A `string` made of parts that are texts.
    pub(super) fn joined(&mut self, parts: &[&[u8]]) {
        self.length(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            self.0.extend_from_slice(part);
        }
    }

    /// A `decimal` of scale 6: big-endian two's complement in as few bytes as carry the sign.
    pub(super) fn money(&mut self, value: Money) {
        let micros = value.micros();
        let magnitude_bits = 64 - (micros ^ (micros >> 63)).leading_zeros();
        // One bit more for the sign, in whole bytes.
        let bytes = magnitude_bits / 8 + 1;
        self.int(bytes.cast_signed());
        let end = self.0.len() + usize::try_from(bytes).expect("at most eight");
        let leading = micros << (64 - 8 * bytes);
        self.0.extend_from_slice(&leading.to_be_bytes());
        self.0.truncate(end);
    }

    /// A `timestamp-millis`.
    pub(super) fn moment(&mut self, value: Moment) {
        self.long(value.millis());
    }

    /// An `enum`.
    pub(super) fn symbol(&mut self, value: impl Symbol) {
        self.length(value.ordinal());
    }

    /// A union of `null` and another type.
    pub(super) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.0.push(0),
            Some(value) => {
                self.0.push(2);
                write(self, value);
            }
        }
    }

    /// An `array`: one block, if there are items, and the end.
    pub(super) fn array<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        if !items.is_empty() {
            self.length(items.len());
            for item in items {
                write(self, item);
            }
        }
        self.0.push(0);
    }

    fn length(&mut self, length: usize) {
        self.long(i64::try_from(length).expect("what is in memory is shorter than 2^63 bytes"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Datum<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut Datum(&mut out));
        out
    }

    #[test]
    fn longs_are_zigzag_as_the_specification_shows() {
        for (value, bytes) in [
            (0, vec![0]),
            (-1, vec![1]),
            (1, vec![2]),
            (-64, vec![0x7f]),
            (64, vec![0x80, 1]),
            (
                i64::MIN,
                vec![255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
            ),
        ] {
            assert_eq!(written(|d| d.long(value)), bytes, "{value}");
        }
    }

    #[test]
    fn decimals_take_as_few_bytes_as_carry_the_sign() {
        for (micros, bytes) in [
            (0, vec![2, 0]),
            (127, vec![2, 127]),
            (128, vec![4, 0, 128]),
            (-1, vec![2, 255]),
            (-128, vec![2, 128]),
            (-129, vec![4, 255, 127]),
            (i64::MIN, vec![16, 128, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(
                written(|d| d.money(Money::from_micros(micros))),
                bytes,
                "{micros}"
            );
        }
    }
}
