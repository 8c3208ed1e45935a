//! Decimal digits without a string.

/// The decimal digits of a number, on the stack.
#[derive(Clone, Copy)]
pub struct Digits {
    bytes: [u8; 20],
    from: usize,
}

impl Digits {
    /// Of a number that is not negative.
    #[must_use]
    pub fn of(number: u64) -> Self {
        let mut digits = Digits {
            bytes: [0; 20],
            from: 20,
        };
        let mut rest = number;
        loop {
            digits.from -= 1;
            digits.bytes[digits.from] = b'0' + (rest % 10).to_le_bytes()[0];
            rest /= 10;
            if rest == 0 {
                return digits;
            }
        }
    }

    /// In ASCII, the highest first.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_number() {
        for number in [0, 7, 10, 4_012, u64::MAX] {
            let digits = Digits::of(number);
            assert_eq!(digits.as_bytes(), number.to_string().as_bytes());
        }
    }
}
