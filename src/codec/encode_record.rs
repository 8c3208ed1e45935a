//! Records to bytes, and where they go. The fields of each stand in the order of its schema; a test reads
//! them back by the schema file, so that the two cannot drift apart.

use super::datum::Datum;
use super::schemas::{RecordType, builtin};
use crate::domain::{
    BalanceNotice, CallOrder, LotUse, PhoneNumber, RatedUsage, RatedUsageKind, Record, Source,
    TenantBalance, TenantOrder, WalletEntry,
};

/// Where a record is published. The shell maps it to the configured topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutputTopic {
    /// Rated usage and wallet entries.
    RatedUsage,
    /// Notices.
    BalanceNotices,
    /// Orders.
    CallControl,
    /// Balances.
    Balances,
}

impl OutputTopic {
    /// The configuration key of the topic: `rated_usage`, ….
    #[must_use]
    pub const fn config_key(self) -> &'static str {
        match self {
            OutputTopic::RatedUsage => "rated_usage",
            OutputTopic::BalanceNotices => "balance_notices",
            OutputTopic::CallControl => "call_control",
            OutputTopic::Balances => "balances",
        }
    }
}

/// The topic of a record.
#[must_use]
pub fn topic_of(record: &Record) -> OutputTopic {
    match record {
        Record::RatedUsage(_) | Record::WalletEntry(_) => OutputTopic::RatedUsage,
        Record::BalanceNotice(_) => OutputTopic::BalanceNotices,
        Record::CallOrder(_) | Record::TenantOrder(_) => OutputTopic::CallControl,
        Record::TenantBalance(_) => OutputTopic::Balances,
    }
}

/// The key of a record: its tenant's id.
#[must_use]
pub fn key_of(record: &Record) -> &[u8] {
    match record {
        Record::RatedUsage(usage) => usage.tenant_id.as_bytes(),
        Record::WalletEntry(entry) => entry.tenant_id.as_bytes(),
        Record::BalanceNotice(notice) => notice.tenant_id.as_bytes(),
        Record::CallOrder(order) => order.tenant_id.as_bytes(),
        Record::TenantOrder(order) => order.tenant_id.as_bytes(),
        Record::TenantBalance(balance) => balance.tenant_id.as_bytes(),
    }
}

/// The schema of a record.
pub(super) fn record_type(record: &Record) -> RecordType {
    match record {
        Record::RatedUsage(_) => RecordType::RatedUsage,
        Record::WalletEntry(_) => RecordType::WalletEntry,
        Record::BalanceNotice(_) => RecordType::BalanceNotice,
        Record::CallOrder(_) => RecordType::CallOrder,
        Record::TenantOrder(_) => RecordType::TenantOrder,
        Record::TenantBalance(_) => RecordType::TenantBalance,
    }
}

/// Records to bytes, in Avro single-object encoding; nothing is allocated but room in the buffer.
#[derive(Clone, Debug)]
pub struct RecordEncoder {
    input_topic: Box<str>,
}

impl RecordEncoder {
    /// An encoder that names this topic as the source of its records.
    #[must_use]
    pub fn new(input_topic: &str) -> Self {
        RecordEncoder {
            input_topic: input_topic.into(),
        }
    }

    /// Appends a record.
    pub fn encode(&self, record: &Record, out: &mut Vec<u8>) {
        out.extend_from_slice(&builtin(record_type(record)).header());
        self.write(record, &mut Datum(out));
    }

    /// Appends a record's datum without a header.
    fn write(&self, record: &Record, datum: &mut Datum<'_>) {
        match record {
            Record::RatedUsage(usage) => self.rated_usage(usage, datum),
            Record::WalletEntry(entry) => self.wallet_entry(entry, datum),
            Record::BalanceNotice(notice) => self.balance_notice(notice, datum),
            Record::CallOrder(order) => self.call_order(order, datum),
            Record::TenantOrder(order) => self.tenant_order(order, datum),
            Record::TenantBalance(balance) => tenant_balance(balance, datum),
        }
    }

    fn rated_usage(&self, usage: &RatedUsage, datum: &mut Datum<'_>) {
        let call = &*usage.call;
        let masked = |datum: &mut Datum<'_>, number| masked(number, usage.mask_digits, datum);
        usage_id(&call.call_id, usage.kind, datum);
        datum.text(&usage.tenant_id);
        datum.long(usage.entry_sequence);
        datum.int(match usage.kind {
            RatedUsageKind::Minute(_) => 0,
            RatedUsageKind::Final => 1,
            RatedUsageKind::Adjustment(_) => 2,
        });
        datum.text(&call.call_id);
        datum.optional(call.conference_id.as_deref(), Datum::text);
        datum.optional(call.organizer_id.as_deref(), Datum::text);
        datum.symbol(call.leg);
        datum.optional(call.remote_number, masked);
        datum.optional(call.bridge_number, masked);
        datum.optional(call.country, |datum, code| datum.bytes(code.as_bytes()));
        datum.optional(call.destination.as_deref(), Datum::text);
        datum.symbol(call.license);
        datum.symbol(usage.cause);
        datum.int(usage.from_second);
        datum.int(usage.to_second);
        datum.int(usage.connected_seconds);
        datum.int(usage.billed_seconds);
        datum.optional(call.rate_card.as_deref(), Datum::text);
        datum.optional(usage.rate_card_version, Datum::long);
        datum.optional(call.prefix.as_deref(), Datum::text);
        datum.optional(usage.rate_per_minute, Datum::money);
        datum.optional(call.connection_fee, Datum::money);
        datum.money(usage.amount);
        datum.money(usage.call_total);
        datum.bytes(usage.currency.as_bytes());
        datum.int(usage.pool_minutes);
        datum.money(usage.uncovered);
        datum.boolean(call.unrated);
        datum.array(&usage.lots, lot_use);
        datum.money(usage.balance_before);
        datum.money(usage.balance_after);
        datum.moment(usage.occurred_at);
        datum.moment(usage.rated_at);
        self.source(usage.source, datum);
    }

    fn wallet_entry(&self, entry: &WalletEntry, datum: &mut Datum<'_>) {
        datum.text(&entry.record_id);
        datum.text(&entry.tenant_id);
        datum.long(entry.entry_sequence);
        datum.symbol(entry.kind);
        datum.optional(entry.lot_id.as_deref(), Datum::text);
        datum.money(entry.amount);
        datum.money(entry.debt_paid);
        datum.bytes(entry.currency.as_bytes());
        datum.optional(entry.reason, Datum::text);
        datum.optional(entry.expires_at, Datum::moment);
        datum.money(entry.balance_before);
        datum.money(entry.balance_after);
        datum.moment(entry.occurred_at);
        datum.moment(entry.recorded_at);
        self.source(entry.source, datum);
    }

    fn balance_notice(&self, notice: &BalanceNotice, datum: &mut Datum<'_>) {
        datum.joined(&[
            b"notice/",
            digits().format(notice.notice_sequence).as_bytes(),
        ]);
        datum.text(&notice.tenant_id);
        datum.long(notice.notice_sequence);
        datum.symbol(notice.kind);
        datum.optional(notice.threshold, |datum, threshold| {
            datum.symbol(threshold.kind);
            datum.money(threshold.value);
        });
        datum.optional(notice.request_id.as_deref(), Datum::text);
        datum.optional(notice.amount, Datum::money);
        datum.optional(notice.call_id.as_deref(), Datum::text);
        datum.optional(notice.detail.as_deref(), Datum::text);
        datum.money(notice.balance);
        datum.money(notice.available);
        datum.money(notice.holds);
        datum.bytes(notice.currency.as_bytes());
        datum.int(notice.live_calls);
        datum.money(notice.burn_per_minute);
        datum.optional(notice.runway_seconds, Datum::long);
        datum.moment(notice.occurred_at);
        self.source(notice.source, datum);
    }

    fn call_order(&self, order: &CallOrder, datum: &mut Datum<'_>) {
        datum.joined(&[
            order.call_id.as_bytes(),
            b"/",
            digits().format(order.order_sequence).as_bytes(),
        ]);
        datum.text(&order.tenant_id);
        datum.text(&order.call_id);
        datum.optional(order.conference_id.as_deref(), Datum::text);
        datum.optional(order.organizer_id.as_deref(), Datum::text);
        datum.optional(order.leg, Datum::symbol);
        datum.int(order.order_sequence);
        datum.symbol(order.kind);
        datum.optional(order.cut_at, Datum::moment);
        datum.int(order.reason.code());
        datum.symbol(order.reason);
        datum.moment(order.occurred_at);
        datum.moment(order.issued_at);
        self.source(order.source, datum);
    }

    fn tenant_order(&self, order: &TenantOrder, datum: &mut Datum<'_>) {
        datum.joined(&[b"tenant/", digits().format(order.order_sequence).as_bytes()]);
        datum.text(&order.tenant_id);
        datum.long(order.order_sequence);
        datum.symbol(order.kind);
        datum.money(order.available);
        datum.moment(order.occurred_at);
        datum.moment(order.issued_at);
        self.source(order.source, datum);
    }

    fn source(&self, source: Source, datum: &mut Datum<'_>) {
        datum.text(&self.input_topic);
        datum.int(source.partition);
        datum.long(source.offset);
    }
}

fn tenant_balance(balance: &TenantBalance, datum: &mut Datum<'_>) {
    datum.text(&balance.tenant_id);
    datum.money(balance.balance);
    datum.money(balance.available);
    datum.money(balance.holds);
    datum.money(balance.debt);
    datum.bytes(balance.currency.as_bytes());
    datum.int(balance.pool_minutes_left);
    datum.int(balance.live_calls);
    datum.long(balance.entry_sequence);
    datum.array(&balance.lots, lot_use);
    datum.moment(balance.updated_at);
}

fn lot_use(datum: &mut Datum<'_>, lot: &LotUse) {
    datum.text(&lot.lot_id);
    datum.money(lot.amount);
}

/// Room for the digits of a number.
fn digits() -> itoa::Buffer {
    itoa::Buffer::new()
}

fn usage_id(call_id: &str, kind: RatedUsageKind, datum: &mut Datum<'_>) {
    let call_id = call_id.as_bytes();
    let (infix, number): (&[u8], _) = match kind {
        RatedUsageKind::Final => return datum.joined(&[call_id, b"/FINAL"]),
        RatedUsageKind::Minute(number) => (b"/MINUTE/", number),
        RatedUsageKind::Adjustment(number) => (b"/ADJUSTMENT/", number),
    };
    datum.joined(&[call_id, infix, digits().format(number).as_bytes()]);
}

/// A number with its last digits hidden, written without a copy of it.
fn masked(number: PhoneNumber, hidden: u8, datum: &mut Datum<'_>) {
    const STARS: &[u8] = b"***************";
    let mut room = digits();
    let digits = number.digits(&mut room).as_bytes();
    let shown = digits.len().saturating_sub(hidden.into());
    let stars = digits.len() - shown;
    datum.joined(&[b"+", &digits[..shown], &STARS[..stars]]);
}
