//! Records at fault: how they come about here, and the headers they carry to the rejected topic.

use crate::domain::{RejectReason, Rejected, RejectedRecord, Symbol};

/// The current record cannot be read.
pub(super) fn undecodable(message: impl Into<String>) -> Rejected {
    rejected(RejectReason::Undecodable, message)
}

/// The current record can be read, but a value of it makes no sense.
pub(super) fn invalid(message: impl Into<String>) -> Rejected {
    rejected(RejectReason::Invalid, message)
}

fn rejected(reason: RejectReason, message: impl Into<String>) -> Rejected {
    Rejected {
        record: RejectedRecord::Current,
        reason,
        message: message.into(),
    }
}

/// The headers that are added to a rejected record, which stood at `offset` of `partition` of `topic`.
#[must_use]
pub fn rejection_headers(
    rejected: &Rejected,
    topic: &str,
    partition: i32,
    offset: i64,
) -> [(&'static str, String); 6] {
    [
        ("tollkeeper.errors.topic", topic.to_owned()),
        ("tollkeeper.errors.partition", partition.to_string()),
        ("tollkeeper.errors.offset", offset.to_string()),
        (
            "tollkeeper.errors.stage",
            rejected.reason.stage().symbol().to_owned(),
        ),
        (
            "tollkeeper.errors.reason",
            rejected.reason.symbol().to_owned(),
        ),
        ("tollkeeper.errors.message", rejected.message.clone()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_record_says_where_it_stood_and_why() {
        let headers = rejection_headers(&invalid("field `minute` is 0"), "events", 3, 42);
        let shown = headers.map(|(name, value)| format!("{name}={value}"));
        assert_eq!(
            shown,
            [
                "tollkeeper.errors.topic=events",
                "tollkeeper.errors.partition=3",
                "tollkeeper.errors.offset=42",
                "tollkeeper.errors.stage=VALIDATE",
                "tollkeeper.errors.reason=INVALID",
                "tollkeeper.errors.message=field `minute` is 0",
            ]
        );
    }
}
