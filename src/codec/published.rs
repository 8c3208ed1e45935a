//! Published records as an audit needs them: ids, sequences, amounts and where they came from.

use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::{Map, Value};

use super::avro_event::DecimalText;
use super::encode_record::{RecordEncoder, record_type, topic_of};
use super::framing::{Framed, framed, read_as};
use super::schemas::{RecordType, SchemaSet, Writer, builtin};
use super::shown::shown;
use crate::domain::symbols;
use crate::domain::{
    CallOrderKind, Cause, Currency, EntryKind, Moment, Money, NoticeKind, RateCardPart, Record,
    Source,
};

/// Bytes that are no record of ours. The message says what is wrong with them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RecordError(pub String);

/// The input record that a published one names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "OriginDatum")]
pub struct Origin {
    /// The input topic.
    pub topic: String,
    /// Partition and offset in it.
    pub source: Source,
}

/// What an audit needs of a published record.
#[derive(Clone, Debug, PartialEq)]
pub enum DecodedRecord {
    /// Use of a leg.
    RatedUsage(Box<UsageEntry>),
    /// Credit in, corrected, expired.
    WalletEntry(Box<CreditEntry>),
    /// A notice.
    BalanceNotice(Box<NoticeEntry>),
    /// An order about a leg or a tenant.
    Order(Box<OrderEntry>),
    /// A balance; it has no source.
    TenantBalance(Box<BalanceEntry>),
}

symbols! {
    /// Which of a leg's records it is.
    UsageKind {
        /// Proved by a tick.
        Minute = "MINUTE",
        /// The leg's one closing record.
        Final = "FINAL",
        /// A correction after it.
        Adjustment = "ADJUSTMENT",
    }
}

/// A `RatedUsage`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct UsageEntry {
    /// Unique within the tenant.
    pub record_id: String,
    /// Who pays.
    pub tenant_id: String,
    /// Shared with wallet entries, gap-free from 1.
    pub entry_sequence: i64,
    /// Which of the leg's records it is.
    pub kind: UsageKind,
    /// The leg.
    pub call_id: String,
    /// What led to it.
    pub cause: Cause,
    /// Signed.
    #[serde(deserialize_with = "money")]
    pub amount: Money,
    /// Of the leg, so far.
    #[serde(deserialize_with = "money")]
    pub call_total: Money,
    /// The wallet's.
    #[serde(deserialize_with = "currency")]
    pub currency: Currency,
    /// Before this record.
    #[serde(deserialize_with = "money")]
    pub balance_before: Money,
    /// After it.
    #[serde(deserialize_with = "money")]
    pub balance_after: Money,
    /// When the event happened.
    #[serde(deserialize_with = "moment")]
    pub occurred_at: Moment,
    /// Partition time of the decision.
    #[serde(deserialize_with = "moment")]
    pub rated_at: Moment,
    /// The input record.
    #[serde(rename = "source")]
    pub origin: Origin,
}

/// A `WalletEntry`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CreditEntry {
    /// Unique within the tenant.
    pub record_id: String,
    /// Whose.
    pub tenant_id: String,
    /// Shared with rated usage, gap-free from 1.
    pub entry_sequence: i64,
    /// What it is.
    pub kind: EntryKind,
    /// Signed.
    #[serde(deserialize_with = "money")]
    pub amount: Money,
    /// Of a positive amount, what paid debt.
    #[serde(deserialize_with = "money")]
    pub debt_paid: Money,
    /// The wallet's.
    #[serde(deserialize_with = "currency")]
    pub currency: Currency,
    /// Before this entry.
    #[serde(deserialize_with = "money")]
    pub balance_before: Money,
    /// After it.
    #[serde(deserialize_with = "money")]
    pub balance_after: Money,
    /// When the event happened.
    #[serde(deserialize_with = "moment")]
    pub occurred_at: Moment,
    /// Partition time of the decision.
    #[serde(deserialize_with = "moment")]
    pub recorded_at: Moment,
    /// The input record.
    #[serde(rename = "source")]
    pub origin: Origin,
}

/// A `BalanceNotice`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NoticeEntry {
    /// Whose.
    pub tenant_id: String,
    /// Gap-free from 1.
    pub notice_sequence: i64,
    /// What it tells.
    pub kind: NoticeKind,
    /// The input record.
    #[serde(rename = "source")]
    pub origin: Origin,
}

/// A `CallOrder`, or, without a call, a `TenantOrder`.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderEntry {
    /// Whose.
    pub tenant_id: String,
    /// The leg and what to do with it.
    pub call: Option<(String, CallOrderKind)>,
    /// Rising within the leg or the tenant.
    pub order_sequence: i64,
    /// Partition time of the decision.
    pub issued_at: Moment,
    /// The input record.
    pub origin: Origin,
}

/// A `TenantBalance`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BalanceEntry {
    /// Whose.
    pub tenant_id: String,
    /// Lots less debt.
    #[serde(deserialize_with = "money")]
    pub balance: Money,
    /// Of the last ledger record.
    pub entry_sequence: i64,
}

#[derive(Deserialize)]
struct OriginDatum {
    topic: String,
    partition: i32,
    offset: i64,
}

impl From<OriginDatum> for Origin {
    fn from(datum: OriginDatum) -> Self {
        Origin {
            topic: datum.topic,
            source: Source {
                partition: datum.partition,
                offset: datum.offset,
            },
        }
    }
}

#[derive(Deserialize)]
struct CallOrderDatum {
    tenant_id: String,
    call_id: String,
    order_sequence: i32,
    kind: CallOrderKind,
    #[serde(deserialize_with = "moment")]
    issued_at: Moment,
    source: Origin,
}

#[derive(Deserialize)]
struct TenantOrderDatum {
    tenant_id: String,
    order_sequence: i64,
    #[serde(deserialize_with = "moment")]
    issued_at: Moment,
    source: Origin,
}

impl From<CallOrderDatum> for OrderEntry {
    fn from(datum: CallOrderDatum) -> Self {
        OrderEntry {
            tenant_id: datum.tenant_id,
            call: Some((datum.call_id, datum.kind)),
            order_sequence: datum.order_sequence.into(),
            issued_at: datum.issued_at,
            origin: datum.source,
        }
    }
}

impl From<TenantOrderDatum> for OrderEntry {
    fn from(datum: TenantOrderDatum) -> Self {
        OrderEntry {
            tenant_id: datum.tenant_id,
            call: None,
            order_sequence: datum.order_sequence,
            issued_at: datum.issued_at,
            origin: datum.source,
        }
    }
}

fn money<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    let money = deserializer.deserialize_str(DecimalText)?;
    money.map_err(D::Error::custom)
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
    let millis = i64::deserialize(deserializer)?;
    Moment::checked_from_millis(millis).map_err(D::Error::custom)
}

fn currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Currency, D::Error> {
    let code = <&str>::deserialize(deserializer)?;
    Currency::parse(code).ok_or_else(|| D::Error::custom("not a currency code"))
}

/// Bytes of any of our topics back to JSON and to what an audit needs.
#[derive(Clone, Debug)]
pub struct RecordDecoder {
    schemas: SchemaSet,
}

impl RecordDecoder {
    /// A decoder that knows these writer schemas.
    #[must_use]
    pub fn new(schemas: SchemaSet) -> Self {
        RecordDecoder { schemas }
    }

    /// A record or event in the JSON form, beginning with `type`. What came as JSON is handed back as it is.
    ///
    /// # Errors
    /// [`RecordError`] if the bytes are of no schema that is known.
    pub fn to_json(&self, payload: &[u8]) -> Result<Value, RecordError> {
        match framed(&self.schemas, payload).map_err(RecordError)? {
            Framed::Datum(writer, datum) => shown(writer, datum, Map::new()).map_err(RecordError),
            Framed::Json(text) => serde_json::from_slice(text).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                RecordError(format!("not JSON: at line {line}, column {column}"))
            }),
        }
    }

    /// What an audit needs of a published record.
    ///
    /// # Errors
    /// [`RecordError`] if the bytes are no published record of a schema that is known.
    pub fn decode(&self, payload: &[u8]) -> Result<DecodedRecord, RecordError> {
        let (writer, datum) = self.avro(payload)?;
        Ok(match writer.record {
            RecordType::RatedUsage => DecodedRecord::RatedUsage(boxed(writer, datum)?),
            RecordType::WalletEntry => DecodedRecord::WalletEntry(boxed(writer, datum)?),
            RecordType::BalanceNotice => DecodedRecord::BalanceNotice(boxed(writer, datum)?),
            RecordType::TenantBalance => DecodedRecord::TenantBalance(boxed(writer, datum)?),
            RecordType::CallOrder => {
                let order: CallOrderDatum = read(writer, datum)?;
                DecodedRecord::Order(Box::new(order.into()))
            }
            RecordType::TenantOrder => {
                let order: TenantOrderDatum = read(writer, datum)?;
                DecodedRecord::Order(Box::new(order.into()))
            }
            other => return Err(RecordError(format!("a {other:?} is not published by us"))),
        })
    }

    fn avro<'p>(&self, payload: &'p [u8]) -> Result<(&Writer, &'p [u8]), RecordError> {
        match framed(&self.schemas, payload).map_err(RecordError)? {
            Framed::Datum(writer, datum) => Ok((writer, datum)),
            Framed::Json(_) => Err(RecordError("JSON where a record was expected".to_owned())),
        }
    }

    /// The part of a rate card in a record of its topic.
    fn card_part(&self, payload: &[u8]) -> Result<RateCardPart, RecordError> {
        match self.avro(payload)? {
            (writer, datum) if writer.record == RecordType::RateCardPart => {
                read::<RateCardPartDatum<'_>>(writer, datum)?.into_part()
            }
            (writer, _) => Err(RecordError(format!(
                "a {:?} where a RateCardPart was expected",
                writer.record
            ))),
        }
    }
}

#[derive(Deserialize)]
struct RateCardPartDatum<'a> {
    card_id: &'a str,
    version: i64,
    #[serde(deserialize_with = "currency")]
    currency: Currency,
    part: i32,
    parts: i32,
    row_count: i32,
    sha256: &'a [u8],
    rows: &'a [u8],
}

impl RateCardPartDatum<'_> {
    fn into_part(self) -> Result<RateCardPart, RecordError> {
        let sha256 = self.sha256.try_into().map_err(|_| {
            let length = self.sha256.len();
            RecordError(format!("RateCardPart: a SHA-256 of {length} bytes"))
        })?;
        Ok(RateCardPart {
            card_id: self.card_id.to_owned(),
            version: self.version,
            currency: self.currency,
            part: self.part,
            parts: self.parts,
            row_count: self.row_count,
            sha256,
            rows: self.rows.to_vec(),
        })
    }
}

fn read<'a, T: Deserialize<'a>>(writer: &Writer, datum: &'a [u8]) -> Result<T, RecordError> {
    read_as(&writer.schema, datum)
        .map_err(|what| RecordError(format!("{:?}: {what}", writer.record)))
}

fn boxed<'a, T: Deserialize<'a>>(writer: &Writer, datum: &'a [u8]) -> Result<Box<T>, RecordError> {
    read(writer, datum).map(Box::new)
}

/// A record in the JSON form, beginning with `topic` (the config key) and `type`, its fields in schema order.
#[must_use]
pub fn record_to_json(record: &Record, source_topic: &str) -> Value {
    let mut bytes = Vec::new();
    RecordEncoder::new(source_topic).encode(record, &mut bytes);
    let writer = builtin(record_type(record));
    let mut head = Map::new();
    head.insert("topic".to_owned(), topic_of(record).config_key().into());
    shown(writer, &bytes[writer.header().len()..], head).expect("what we encode can be read back")
}

/// The part of a rate card in these bytes, by the built-in schema.
///
/// # Errors
/// [`RecordError`] if the bytes are none.
pub fn decode_card_part(payload: &[u8]) -> Result<RateCardPart, RecordError> {
    static BUILTIN: LazyLock<RecordDecoder> =
        LazyLock::new(|| RecordDecoder::new(SchemaSet::builtin()));
    BUILTIN.card_part(payload)
}
