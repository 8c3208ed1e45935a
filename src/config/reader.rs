//! Takes settings one by one, by key, with a default and a range; what nobody took is unknown.

use std::fmt::Display;
use std::ops::RangeInclusive;

use toml::Value;

use super::faults::Faults;
use super::source::{Setting, Settings};

/// Settings that have not been taken yet, and what was wrong with those that were.
pub(super) struct Reader {
    settings: Settings,
    faults: Faults,
    /// Every key asked for, with its default.
    #[cfg(test)]
    pub(super) defaults: std::collections::BTreeMap<String, Value>,
}

impl Reader {
    pub(super) fn new(settings: Settings, faults: Faults) -> Self {
        Reader {
            settings,
            faults,
            #[cfg(test)]
            defaults: std::collections::BTreeMap::new(),
        }
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str, default: &str) -> String {
        self.note_default(key, || Value::String(default.to_owned()));
        match self.settings.remove(key) {
            None => default.to_owned(),
            Some(Setting::Environment(text) | Setting::File(Value::String(text))) => text,
            Some(Setting::File(other)) => {
                self.wrong_type(key, "a text", &other);
                default.to_owned()
            }
        }
    }

    /// A switch.
    pub(super) fn flag(&mut self, key: &str, default: bool) -> bool {
        self.note_default(key, || Value::Boolean(default));
        match self.settings.remove(key) {
            None => default,
            Some(Setting::File(Value::Boolean(flag))) => flag,
            Some(Setting::File(other)) => {
                self.wrong_type(key, "`true` or `false`", &other);
                default
            }
            Some(Setting::Environment(text)) => text.parse().unwrap_or_else(|_| {
                self.fault(key, format!("`{text}` is not `true` or `false`"));
                default
            }),
        }
    }

    /// A whole number within a range.
    pub(super) fn whole<T>(&mut self, key: &str, default: T, range: RangeInclusive<T>) -> T
    where
        T: Copy + Into<i64> + TryFrom<i64> + PartialOrd + Display,
    {
        self.note_default(key, || Value::Integer(default.into()));
        let number = match self.settings.remove(key) {
            None => return default,
            Some(Setting::File(Value::Integer(number))) => Some(number),
            Some(Setting::File(other)) => {
                self.wrong_type(key, "a whole number", &other);
                return default;
            }
            Some(Setting::Environment(text)) => {
                let number = text.parse::<i64>().ok();
                if number.is_none() {
                    self.fault(key, format!("`{text}` is not a whole number"));
                    return default;
                }
                number
            }
        };
        let fits = number
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number));
        fits.unwrap_or_else(|| {
            let (from, to) = (range.start(), range.end());
            self.fault(key, format!("is not between `{from}` and `{to}`"));
            default
        })
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> T {
        let (default_word, default) = words[0];
        let word = self.text(key, default_word);
        if let Some((_, value)) = words.iter().find(|(name, _)| *name == word) {
            return *value;
        }
        let known: Vec<String> = words.iter().map(|(name, _)| format!("`{name}`")).collect();
        self.fault(key, format!("`{word}` is none of {}", known.join(", ")));
        default
    }

    /// Everything left under a section, as text: numbers and switches as they are written.
    pub(super) fn rest_of(&mut self, section: &str) -> Vec<(String, String)> {
        let prefix = format!("{section}.");
        let keys: Vec<String> = self
            .settings
            .keys()
            .filter(|key| key.starts_with(&prefix))
            .cloned()
            .collect();
        let mut rest = Vec::new();
        for key in keys {
            let text = match self.settings.remove(&key) {
                Some(Setting::Environment(text) | Setting::File(Value::String(text))) => text,
                Some(Setting::File(Value::Integer(number))) => number.to_string(),
                Some(Setting::File(Value::Boolean(flag))) => flag.to_string(),
                Some(Setting::File(other)) => {
                    self.wrong_type(&key, "a text, whole number or switch", &other);
                    continue;
                }
                None => continue,
            };
            rest.push((key[prefix.len()..].to_owned(), text));
        }
        rest
    }

    /// Something is wrong with a key.
    pub(super) fn fault(&mut self, key: &str, what: impl Into<String>) {
        self.faults.add(key, what);
    }

    /// Nothing may be left over, and nothing wrong.
    pub(super) fn finish(self) -> Result<(), Faults> {
        let mut faults = self.faults;
        for key in self.settings.keys() {
            faults.add(key, "is not a key that exists");
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    fn wrong_type(&mut self, key: &str, wanted: &str, found: &Value) {
        self.fault(key, format!("is not {wanted} but {}", found.type_str()));
    }

    #[cfg(test)]
    fn note_default(&mut self, key: &str, default: impl FnOnce() -> Value) {
        self.defaults.insert(key.to_owned(), default());
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the tests' version needs it")]
    fn note_default(&mut self, _key: &str, _default: impl FnOnce() -> Value) {}
}
