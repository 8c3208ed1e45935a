//! Reading the fields of a JSON object by name and type. Messages name the field and what was expected,
//! never what was found: it may be a telephone number.

use serde_json::{Map, Value};

use super::rejection::{invalid, undecodable};
use crate::domain::{Country, Currency, Moment, MomentError, Money, MoneyError, Rejected, Symbol};

/// Why a value is not of a type.
pub(super) enum Mismatch {
    /// It has another form.
    Form,
    /// It has the form, but makes no sense.
    Value(String),
}

/// A type with a JSON form.
pub(super) trait JsonForm: Sized {
    /// What to write, for the message.
    fn expected() -> String;
    /// The value, if it has the form.
    fn read(value: &Value) -> Result<Self, Mismatch>;
}

/// The fields of an object.
pub(super) struct Fields<'v> {
    map: &'v Map<String, Value>,
    within: &'static str,
}

impl<'v> Fields<'v> {
    /// Of an event.
    pub(super) fn new(map: &'v Map<String, Value>) -> Self {
        Fields { map, within: "" }
    }

    /// Of an object that stands in a field of an event; `within` ends with a point.
    pub(super) fn within(value: &'v Value, within: &'static str) -> Result<Self, Rejected> {
        let map = value.as_object().ok_or_else(|| {
            let name = within.trim_end_matches('.');
            undecodable(format!("field `{name}`: expected an object"))
        })?;
        Ok(Fields { map, within })
    }

    /// A field that may be absent, or null.
    pub(super) fn value(&self, name: &str) -> Option<&'v Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A field that may be absent.
    pub(super) fn optional<T: JsonForm>(&self, name: &str) -> Result<Option<T>, Rejected> {
        self.value(name)
            .map(|value| self.read(name, value))
            .transpose()
    }

    /// A field that must be there.
    pub(super) fn required<T: JsonForm>(&self, name: &str) -> Result<T, Rejected> {
        self.optional(name)?
            .ok_or_else(|| undecodable(format!("field `{}{name}` is missing", self.within)))
    }

    /// The items of a list, which may be absent.
    pub(super) fn items(&self, name: &str) -> Result<Option<&'v [Value]>, Rejected> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let items = value.as_array().ok_or_else(|| {
            undecodable(format!("field `{}{name}`: expected a list", self.within))
        })?;
        Ok(Some(items))
    }

    /// A value of the field `name`.
    pub(super) fn read<T: JsonForm>(&self, name: &str, value: &Value) -> Result<T, Rejected> {
        let field = format_args!("field `{}{name}`", self.within);
        T::read(value).map_err(|mismatch| match mismatch {
            Mismatch::Form => undecodable(format!("{field}: expected {}", T::expected())),
            Mismatch::Value(why) => invalid(format!("{field}: {why}")),
        })
    }
}

fn text_of(value: &Value) -> Result<&str, Mismatch> {
    value.as_str().ok_or(Mismatch::Form)
}

impl JsonForm for String {
    fn expected() -> String {
        "a text".to_owned()
    }
    fn read(value: &Value) -> Result<Self, Mismatch> {
        text_of(value).map(str::to_owned)
    }
}

impl JsonForm for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }
    fn read(value: &Value) -> Result<Self, Mismatch> {
        value.as_bool().ok_or(Mismatch::Form)
    }
}

impl JsonForm for i64 {
    fn expected() -> String {
        "a whole number".to_owned()
    }
    fn read(value: &Value) -> Result<Self, Mismatch> {
        match value.as_i64() {
            Some(number) => Ok(number),
            None if value.is_u64() => Err(Mismatch::Value("too large a number".to_owned())),
            None => Err(Mismatch::Form),
        }
    }
}

impl JsonForm for i32 {
    fn expected() -> String {
        i64::expected()
    }
    fn read(value: &Value) -> Result<Self, Mismatch> {
        let number = i64::read(value)?;
        i32::try_from(number).map_err(|_| Mismatch::Value("too large a number".to_owned()))
    }
}

impl JsonForm for Moment {
    fn expected() -> String {
        "a moment such as \"2026-11-23T10:00:00.000Z\"".to_owned()
    }
    fn read(value: &Value) -> Result<Self, Mismatch> {
        Moment::parse(text_of(value)?).map_err(|error| match error {
            MomentError::NotAMoment => Mismatch::Form,
            MomentError::OutOfRange => Mismatch::Value(error.to_string()),
        })
    }
}

impl JsonForm for Money {
    fn expected() -> String {
        "a decimal as text, such as \"0.018\"".to_owned()
    }
    fn read(value: &Value) -> Result<Self, Mismatch> {
        Money::parse(text_of(value)?).map_err(|error| match error {
            MoneyError::NotANumber => Mismatch::Form,
            MoneyError::TooManyDecimals | MoneyError::TooLarge => {
                Mismatch::Value(error.to_string())
            }
        })
    }
}

impl JsonForm for Country {
    fn expected() -> String {
        "a country code as text".to_owned()
    }
    fn read(value: &Value) -> Result<Self, Mismatch> {
        Country::parse(text_of(value)?)
            .ok_or_else(|| Mismatch::Value("not a code of two capital letters".to_owned()))
    }
}

impl JsonForm for Currency {
    fn expected() -> String {
        "a currency code as text".to_owned()
    }
    fn read(value: &Value) -> Result<Self, Mismatch> {
        Currency::parse(text_of(value)?)
            .ok_or_else(|| Mismatch::Value("not a code of three capital letters".to_owned()))
    }
}

impl<S: Symbol> JsonForm for S {
    fn expected() -> String {
        let symbols: Vec<_> = S::ALL.iter().map(|symbol| symbol.symbol()).collect();
        format!("one of {}", symbols.join(", "))
    }
    fn read(value: &Value) -> Result<Self, Mismatch> {
        S::from_symbol(text_of(value)?).ok_or(Mismatch::Form)
    }
}
