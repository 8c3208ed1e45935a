//! Enumerations whose names go over the wire.

/// An enumeration with the symbols of its Avro schema, in schema order.
pub trait Symbol: Copy + 'static {
    /// Every value, in the order of the schema's symbols.
    const ALL: &'static [Self];
    /// The symbol as it is written in Avro and JSON.
    fn symbol(self) -> &'static str;
    /// The position in the schema's list of symbols.
    fn ordinal(self) -> usize;
    /// The value with this symbol, if there is one.
    fn from_symbol(symbol: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| v.symbol() == symbol)
    }
}

/// Declares an enumeration together with its wire symbols.
macro_rules! symbols {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $symbol:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $symbol)] $variant),+ }

        impl $crate::domain::Symbol for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn symbol(self) -> &'static str {
                match self { $(Self::$variant => $symbol),+ }
            }
            fn ordinal(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use symbols;
