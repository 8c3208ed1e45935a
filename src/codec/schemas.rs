//! The schemas of the contract, and the set of writer schemas by which bytes are read.

use std::fmt;
use std::sync::{Arc, LazyLock};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde_avro_fast::Schema;
use serde_avro_fast::schema::{RegularType, SchemaMut};

use super::compatibility::{agrees_with, parsed};
use crate::domain::{Symbol, symbols};

symbols! {
    /// The records of the contract.
    RecordType {
        /// In: a leg was answered.
        CallStarted = "CallStarted",
        /// In: full minutes have passed.
        CallMinuteTick = "CallMinuteTick",
        /// In: a leg ended.
        CallEnded = "CallEnded",
        /// In: credit came.
        CreditGranted = "CreditGranted",
        /// In: credit was corrected.
        CreditAdjusted = "CreditAdjusted",
        /// In: a recharge failed.
        RechargeFailed = "RechargeFailed",
        /// In: a tenant's configuration.
        TenantConfigured = "TenantConfigured",
        /// In: a part of a rate card.
        RateCardPart = "RateCardPart",
        /// Out: use of a leg.
        RatedUsage = "RatedUsage",
        /// Out: credit in, corrected, expired.
        WalletEntry = "WalletEntry",
        /// Out: a notice.
        BalanceNotice = "BalanceNotice",
        /// Out: an order about a leg.
        CallOrder = "CallOrder",
        /// Out: an order about a tenant.
        TenantOrder = "TenantOrder",
        /// Out: the latest of a tenant.
        TenantBalance = "TenantBalance",
    }
}

macro_rules! schema_texts {
    ($($record:literal),+ $(,)?) => {
        [$(include_str!(concat!("../../schemas/", $record, ".avsc"))),+]
    };
}

/// The schema files, in the order of [`RecordType`].
const TEXTS: [&str; 14] = schema_texts![
    "CallStarted",
    "CallMinuteTick",
    "CallEnded",
    "CreditGranted",
    "CreditAdjusted",
    "RechargeFailed",
    "TenantConfigured",
    "RateCardPart",
    "RatedUsage",
    "WalletEntry",
    "BalanceNotice",
    "CallOrder",
    "TenantOrder",
    "TenantBalance",
];

const NAMESPACE: &str = "tollkeeper.v1";

/// The first two bytes of Avro's single-object encoding, version 1.
pub(super) const SINGLE_OBJECT: [u8; 2] = [0xC3, 0x01];

/// A schema that bytes are written by.
pub(super) struct Writer {
    /// Whose datums it describes.
    pub(super) record: RecordType,
    /// For reading.
    pub(super) schema: Schema,
    /// For walking.
    pub(super) nodes: SchemaMut,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}

impl Writer {
    /// Parses a schema of one of our records.
    fn parse(json: &str) -> Result<Self, String> {
        let nodes: SchemaMut = json
            .parse()
            .map_err(|error| format!("not an Avro schema: {error}"))?;
        let RegularType::Record(root) = &nodes.root().type_ else {
            return Err("not the schema of a record".to_owned());
        };
        let record = (root.name.namespace() == Some(NAMESPACE))
            .then(|| RecordType::from_symbol(root.name.name()))
            .flatten()
            .ok_or_else(|| {
                let name = root.name.fully_qualified_name();
                format!("`{name}` is no record of the contract")
            })?;
        let schema = nodes
            .clone()
            .freeze()
            .map_err(|error| format!("not an Avro schema: {error}"))?;
        Ok(Writer {
            record,
            schema,
            nodes,
        })
    }

    /// The ten bytes that begin a datum of this schema in single-object encoding.
    pub(super) fn header(&self) -> [u8; 10] {
        let mut header = [0; 10];
        header[..2].copy_from_slice(&SINGLE_OBJECT);
        header[2..].copy_from_slice(self.schema.rabin_fingerprint());
        header
    }
}

static BUILTIN: LazyLock<[Arc<Writer>; 14]> = LazyLock::new(|| {
    TEXTS.map(|text| {
        Arc::new(Writer::parse(text).expect("the built-in schemas are those of our records"))
    })
});

/// The built-in schema of a record.
pub(super) fn builtin(record: RecordType) -> &'static Arc<Writer> {
    &BUILTIN[record.ordinal()]
}

/// The text of a record's built-in schema, as it stands in `schemas/`.
pub(super) fn schema_text(record: RecordType) -> &'static str {
    TEXTS[record.ordinal()]
}

/// A writer schema that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema `{name}`: {what}")]
pub struct SchemaError {
    /// The file's name, the Confluent id or the record's name.
    pub name: String,
    /// What is wrong with it.
    pub what: String,
}

/// The writer schemas by which bytes are read: the built-in ones and those that are added.
#[derive(Clone, Debug)]
pub struct SchemaSet {
    by_fingerprint: HashMap<[u8; 8], Arc<Writer>, FixedState>,
    by_id: HashMap<u32, Arc<Writer>, FixedState>,
}

impl SchemaSet {
    /// The schemas of this program.
    #[must_use]
    pub fn builtin() -> Self {
        let mut set = SchemaSet {
            by_fingerprint: HashMap::default(),
            by_id: HashMap::default(),
        };
        for writer in BUILTIN.iter() {
            set.add(writer.clone());
        }
        set
    }

    /// Adds the content of a file of `schemas.dir`: `<id>.avsc` is the schema of a Confluent id (and is found by
    /// its fingerprint too), any other `*.avsc` is found by its fingerprint only. Files with another ending are
    /// the caller's to leave out.
    ///
    /// # Errors
    /// [`SchemaError`] if it is not a schema of one of our records, or one that ours cannot read.
    pub fn with_file(self, name: &str, json: &str) -> Result<Self, SchemaError> {
        let stem = name.strip_suffix(".avsc").unwrap_or(name);
        match stem.parse::<u32>() {
            Ok(id) => self.with_confluent(id, json),
            Err(_) => self.with_writer(json),
        }
        .map_err(|error| SchemaError {
            name: name.to_owned(),
            ..error
        })
    }

    /// Adds the schema of a Confluent id.
    ///
    /// # Errors
    /// As [`SchemaSet::with_file`].
    pub fn with_confluent(mut self, id: u32, json: &str) -> Result<Self, SchemaError> {
        let writer = readable(json).map_err(|what| SchemaError {
            name: id.to_string(),
            what,
        })?;
        self.add(writer.clone());
        self.by_id.insert(id, writer);
        Ok(self)
    }

    /// Adds a writer schema that is found by its fingerprint.
    ///
    /// # Errors
    /// As [`SchemaSet::with_file`].
    pub fn with_writer(mut self, json: &str) -> Result<Self, SchemaError> {
        let writer = readable(json).map_err(|what| SchemaError {
            name: "writer".to_owned(),
            what,
        })?;
        self.add(writer);
        Ok(self)
    }

    /// An added schema with the fingerprint of a known one differs from it in nothing that bytes show.
    fn add(&mut self, writer: Arc<Writer>) {
        self.by_fingerprint
            .entry(*writer.schema.rabin_fingerprint())
            .or_insert(writer);
    }

    /// The schema with this fingerprint.
    pub(super) fn of_fingerprint(&self, fingerprint: [u8; 8]) -> Option<&Writer> {
        self.by_fingerprint.get(&fingerprint).map(Arc::as_ref)
    }

    /// The schema with this Confluent id.
    pub(super) fn of_id(&self, id: u32) -> Option<&Writer> {
        self.by_id.get(&id).map(Arc::as_ref)
    }
}

/// A writer schema, if the built-in one of its record can read what it writes.
fn readable(json: &str) -> Result<Arc<Writer>, String> {
    let writer = Writer::parse(json)?;
    let ours = parsed(schema_text(writer.record))?;
    agrees_with(&parsed(json)?, &ours)?;
    Ok(Arc::new(writer))
}
