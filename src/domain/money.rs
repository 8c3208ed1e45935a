//! Exact money: whole millionths of a currency unit, never binary floating point.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An amount, rate or fee in millionths of the currency unit.
///
/// What comes in from outside is bounded by [`Money::LIMIT`] (`decimal(18,6)`), so that sums of what
/// a wallet can hold never leave `i64`; an overflow is therefore a bug and panics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

/// Why a text or decimal is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// More digits behind the point than money has.
    #[error("more than six decimals")]
    TooManyDecimals,
    /// Beyond `decimal(18,6)`.
    #[error("more than twelve digits before the point")]
    TooLarge,
}

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);
    /// The largest amount that goes over the wire: `decimal(18,6)`.
    pub const LIMIT: Money = Money(999_999_999_999_999_999);

    /// From millionths.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Money(micros)
    }

    /// In millionths.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// From a decimal; refuses a seventh decimal and what `decimal(18,6)` cannot carry.
    ///
    /// # Errors
    /// [`MoneyError::TooManyDecimals`], [`MoneyError::TooLarge`].
    pub fn from_decimal(value: Decimal) -> Result<Self, MoneyError> {
        let value = value.normalize();
        if value.scale() > 6 {
            return Err(MoneyError::TooManyDecimals);
        }
        let shift = 10_i128.pow(6 - value.scale());
        let micros = value
            .mantissa()
            .checked_mul(shift)
            .ok_or(MoneyError::TooLarge)?;
        let micros = i64::try_from(micros).map_err(|_| MoneyError::TooLarge)?;
        if micros.unsigned_abs() > Self::LIMIT.0.unsigned_abs() {
            return Err(MoneyError::TooLarge);
        }
        Ok(Money(micros))
    }

    /// From text such as `0.018` or `-3`.
    ///
    /// # Errors
    /// [`MoneyError`] if it is not a plain decimal, has a seventh decimal or is too large.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.ends_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if !plain {
            return Err(MoneyError::NotANumber);
        }
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if fraction.trim_end_matches('0').len() > 6 {
            return Err(MoneyError::TooManyDecimals);
        }
        if whole.trim_start_matches('0').len() > 12 {
            return Err(MoneyError::TooLarge);
        }
        let value = text
            .parse::<Decimal>()
            .map_err(|_| MoneyError::NotANumber)?;
        Self::from_decimal(value)
    }

    /// As a decimal with its insignificant zeros removed.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, 6).normalize()
    }

    /// The sum, or `None` where it would leave what the wire can carry.
    #[must_use]
    pub fn checked_add(self, other: Money) -> Option<Money> {
        let sum = self.0.checked_add(other.0)?;
        (sum.unsigned_abs() <= Self::LIMIT.0.unsigned_abs()).then_some(Money(sum))
    }

    /// True for an amount above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// True for an amount below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// True for nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// This amount, or zero if it is negative.
    #[must_use]
    pub fn at_least_zero(self) -> Money {
        self.max(Money::ZERO)
    }

    /// For people: rounded half-even to the currency's ISO 4217 exponent.
    #[must_use]
    pub fn display_in(self, currency: super::Currency) -> String {
        let exponent = currency.exponent();
        let mut value = Decimal::new(self.0, 6).round_dp_with_strategy(
            exponent,
            rust_decimal::RoundingStrategy::MidpointNearestEven,
        );
        value.rescale(exponent);
        value.to_string()
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(
            self.0
                .checked_add(other.0)
                .expect("a sum of money fits into 64 bits"),
        )
    }
}

impl Sub for Money {
    type Output = Money;
    fn sub(self, other: Money) -> Money {
        Money(
            self.0
                .checked_sub(other.0)
                .expect("a difference of money fits into 64 bits"),
        )
    }
}

impl Neg for Money {
    type Output = Money;
    fn neg(self) -> Money {
        Money(
            self.0
                .checked_neg()
                .expect("money is never the smallest 64-bit number"),
        )
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Money) {
        *self = *self - other;
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Money>>(iter: I) -> Money {
        iter.fold(Money::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    /// Plain and minimal: `0.018`, `5`, `-0.3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let whole = self.0.unsigned_abs() / 1_000_000;
        let mut fraction = self.0.unsigned_abs() % 1_000_000;
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let mut digits = 6;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, "{sign}{whole}.{fraction:0digits$}")
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back_is_minimal_and_exact() {
        for (text, micros, shown) in [
            ("0.018", 18_000, "0.018"),
            ("5.000000", 5_000_000, "5"),
            ("-0.3", -300_000, "-0.3"),
            ("0", 0, "0"),
            (
                "999999999999.999999",
                999_999_999_999_999_999,
                "999999999999.999999",
            ),
            ("0.000001", 1, "0.000001"),
        ] {
            let money = Money::parse(text).expect(text);
            assert_eq!(
                (money.micros(), money.to_string().as_str()),
                (micros, shown)
            );
        }
    }

    #[test]
    fn what_is_not_money_is_refused() {
        for (text, error) in [
            ("0.0000001", MoneyError::TooManyDecimals),
            ("1000000000000", MoneyError::TooLarge),
            ("99999999999999999999999999999999", MoneyError::TooLarge),
            ("1e3", MoneyError::NotANumber),
            ("", MoneyError::NotANumber),
            ("-", MoneyError::NotANumber),
            ("+1", MoneyError::NotANumber),
            ("1_000", MoneyError::NotANumber),
            (".5", MoneyError::NotANumber),
            ("1.2.3", MoneyError::NotANumber),
        ] {
            assert_eq!(Money::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn display_rounds_to_the_currency_half_even() {
        let yen = crate::domain::Currency::parse("JPY").expect("JPY");
        let dinar = crate::domain::Currency::parse("KWD").expect("KWD");
        let euro = crate::domain::Currency::parse("EUR").expect("EUR");
        assert_eq!(Money::from_micros(2_500_000).display_in(yen), "2");
        assert_eq!(Money::from_micros(3_500_000).display_in(yen), "4");
        assert_eq!(Money::from_micros(1_234_500).display_in(dinar), "1.234");
        assert_eq!(Money::from_micros(5_000_000).display_in(euro), "5.00");
    }
}
