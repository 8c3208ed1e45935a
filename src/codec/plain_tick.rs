//! The commonest event read the short way. A tick written by the schema of this program needs none of what
//! the library does for others; whatever is not plain about its bytes is left to the library, which also
//! says what is wrong with them.

use super::schemas::{RecordType, Writer, builtin};
use crate::domain::{Body, CallMinuteTick, Event, Moment, Text};

/// Nine bytes of seven bits hold a `long` from -2^62 to 2^62 - 1; a longer one is not plain.
const PLAIN_BYTES: usize = 9;

/// The tick of a datum, if this program's own schema wrote it and it is plainly good.
pub(super) fn plain_tick<'a>(writer: &Writer, datum: &'a [u8]) -> Option<Event<'a>> {
    if writer.record != RecordType::CallMinuteTick {
        return None;
    }
    let ours = builtin(RecordType::CallMinuteTick);
    if writer.schema.rabin_fingerprint() != ours.schema.rabin_fingerprint() {
        return None;
    }
    let mut fields = Fields(datum);
    let event_id = fields.text()?;
    let tenant_id = fields.text()?;
    let occurred_at = Moment::checked_from_millis(fields.long()?).ok()?;
    let call_id = fields.text()?;
    let minute = i32::try_from(fields.long()?).ok()?;
    fields.0.is_empty().then_some(Event {
        event_id,
        tenant_id,
        occurred_at,
        body: Body::CallMinuteTick(CallMinuteTick { call_id, minute }),
    })
}

/// What is left of a datum.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// A `string`.
    fn text(&mut self) -> Option<Text<'a>> {
        let length = usize::try_from(self.long()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(Text::Borrowed)
    }

    /// An `int` or `long`.
    fn long(&mut self) -> Option<i64> {
        let mut zigzag = 0;
        for (place, byte) in self.0.iter().take(PLAIN_BYTES).enumerate() {
            zigzag |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                self.0 = &self.0[place + 1..];
                return Some((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::avro_event::read_whatever;
    use super::super::datum::Datum;
    use super::super::schemas::SchemaSet;
    use super::*;

    fn ours() -> &'static Writer {
        builtin(RecordType::CallMinuteTick)
    }

    fn tick(texts: [&str; 3], occurred_at: i64, minute: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut datum = Datum(&mut bytes);
        datum.text(texts[0]);
        datum.text(texts[1]);
        datum.long(occurred_at);
        datum.text(texts[2]);
        datum.long(minute);
        bytes
    }

    #[test]
    fn a_tick_of_ours_goes_the_short_way_and_nothing_else_does() {
        let datum = tick(["e1", "contoso", "call-ü"], 1_795_428_000_000, 3);
        let event = plain_tick(ours(), &datum).expect("plain");
        assert_eq!(Ok(event), read_whatever(ours(), &datum));
        let longer = [&*datum, &[0]].concat();
        for other in [&longer, &datum[..datum.len() - 1], &[]] {
            assert_eq!(plain_tick(ours(), other), None);
        }
        let end = builtin(RecordType::CallEnded);
        assert_eq!(plain_tick(end, &datum), None);
        let newer = include_str!("../../schemas/CallMinuteTick.avsc").replacen(
            "\"fields\": [",
            "\"fields\": [{\"name\": \"trace\", \"type\": \"string\"},",
            1,
        );
        let schemas = SchemaSet::builtin().with_confluent(7, &newer);
        let schemas = schemas.expect("ours reads what it writes");
        let writer = schemas.of_id(7).expect("just added");
        assert_eq!(plain_tick(writer, &datum), None);
    }

    proptest! {
        #[test]
        fn what_is_plain_means_what_the_library_says(
            texts in ["\\PC{0,9}", "\\PC{0,9}", "\\PC{0,9}"],
            occurred_at in prop_oneof![any::<i64>(), 0..4_000_000_000_000_i64],
            minute in prop_oneof![any::<i64>(), -2..2_000_i64],
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let [event, tenant, call] = &texts;
            let mut datum = tick([event, tenant, call], occurred_at, minute);
            for (at, byte) in changes {
                let place = at.index(datum.len());
                datum[place] = byte;
            }
            if let Some(event) = plain_tick(ours(), &datum) {
                prop_assert_eq!(Ok(event), read_whatever(ours(), &datum));
            }
        }

        #[test]
        fn any_bytes_that_are_plain_mean_what_the_library_says(
            datum in prop::collection::vec(prop_oneof![0..16_u8, any::<u8>()], 0..40),
        ) {
            if let Some(event) = plain_tick(ours(), &datum) {
                prop_assert_eq!(Ok(event), read_whatever(ours(), &datum));
            }
        }
    }
}
