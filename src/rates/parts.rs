//! A version of a rate card as the records of its topic, and back.
//!
//! The canonical CSV is compressed as a whole and cut into parts; a version is there once every part
//! was read and the whole has the hash that each part names.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::domain::{Currency, Moment, RateCardPart};

use super::csv::{MAX_CSV_BYTES, MAX_ROWS};
use super::{RateCard, RateRow, canonical_csv, parse_csv};

/// The most bytes of compressed CSV in one part.
pub const MAX_PART_BYTES: usize = 512 * 1024;
/// The most parts of a version: enough for [`MAX_CSV_BYTES`] that do not compress at all.
pub const MAX_PARTS: i32 = 160;
/// The most bytes that versions with parts still missing may hold, all together.
pub const MAX_UNFINISHED_BYTES: usize = 256 * 1024 * 1024;

const COMPRESSION_LEVEL: i32 = 9;
const MAX_ID_BYTES: usize = 100;

/// A rate card, one of its versions, and what is wrong with what was published or is to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rate card `{card_id}@{version}`: {fault}")]
pub struct PartError {
    /// The card.
    pub card_id: String,
    /// Its version.
    pub version: i64,
    /// What is wrong.
    pub fault: PartFault,
}

/// What is wrong with a version of a rate card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartFault {
    /// The id cannot be part of a key.
    #[error("the id must be 1 to {MAX_ID_BYTES} letters, digits, `.`, `_` or `-`")]
    Id,
    /// Versions rise from 1.
    #[error("the version must be 1 or more")]
    Version,
    /// A card without rows, or with too many.
    #[error("{0} rows where 1 to {MAX_ROWS} are possible")]
    Rows(usize),
    /// Its canonical CSV is too large.
    #[error("its CSV is larger than {MAX_CSV_BYTES} bytes")]
    TooLarge,
    /// A part beyond the number of parts, or too many parts.
    #[error("part {part} of {parts} where at most {MAX_PARTS} are possible")]
    Part {
        /// Which.
        part: i32,
        /// Of how many.
        parts: i32,
    },
    /// A part that is empty or too large.
    #[error("part {part} has {bytes} bytes where 1 to {MAX_PART_BYTES} are possible")]
    PartBytes {
        /// Which.
        part: i32,
        /// Its length.
        bytes: usize,
    },
    /// Parts of two publications under one version.
    #[error(
        "part {0} is of another publication of the same version than the parts before it, which are dropped"
    )]
    Mixed(i32),
    /// The version is complete already, with other content.
    #[error(
        "part {0} is of another publication of the same version, which is complete and is kept"
    )]
    Published(i32),
    /// Too many bytes wait for their missing parts.
    #[error("the versions with missing parts hold more than {MAX_UNFINISHED_BYTES} bytes")]
    Unfinished,
    /// Parts never came.
    #[error("parts {missing:?} of {parts} are missing")]
    Missing {
        /// Which.
        missing: Vec<i32>,
        /// Of how many.
        parts: i32,
    },
    /// Not the compressed form that was promised.
    #[error("its parts cannot be decompressed: {0}")]
    Compression(String),
    /// Not the content that was promised.
    #[error("its content has another SHA-256 than its parts name")]
    Hash,
    /// Not as many rows as were promised.
    #[error("its content has {found} rows where its parts name {named}")]
    RowCount {
        /// In the content.
        found: usize,
        /// In the parts.
        named: i32,
    },
    /// The content is no rate card.
    #[error("its content has {faults} faults, the first: {first}")]
    Csv {
        /// How many.
        faults: usize,
        /// The first, in words.
        first: String,
    },
}

fn error<T>(card_id: &str, version: i64, fault: PartFault) -> Result<T, PartError> {
    Err(PartError {
        card_id: card_id.to_owned(),
        version,
        fault,
    })
}

/// The key of a part's record: `card@version#part`.
#[must_use]
pub fn part_key(part: &RateCardPart) -> String {
    format!("{}@{}#{}", part.card_id, part.version, part.part)
}

/// The parts of a version, in the order in which they are to be published.
///
/// # Errors
/// [`PartError`] for an id or version that cannot be published, no rows, or too many.
pub fn split(
    card_id: &str,
    version: i64,
    currency: Currency,
    rows: &[RateRow],
) -> Result<Vec<RateCardPart>, PartError> {
    check_name(card_id, version)?;
    let row_count = match i32::try_from(rows.len()) {
        Ok(count) if (1..=MAX_ROWS).contains(&rows.len()) => count,
        _ => return error(card_id, version, PartFault::Rows(rows.len())),
    };
    let csv = canonical_csv(rows);
    if csv.len() > MAX_CSV_BYTES {
        return error(card_id, version, PartFault::TooLarge);
    }
    let sha256 = Sha256::digest(&csv).into();
    let compressed = zstd::bulk::compress(csv.as_bytes(), COMPRESSION_LEVEL)
        .expect("compressing in memory never fails");
    let slices = compressed.chunks(MAX_PART_BYTES);
    let parts = i32::try_from(slices.len()).expect("what is bounded has few parts");
    Ok((1..)
        .zip(slices)
        .map(|(part, slice)| RateCardPart {
            card_id: card_id.to_owned(),
            version,
            currency,
            part,
            parts,
            row_count,
            sha256,
            rows: slice.to_vec(),
        })
        .collect())
}

fn check_name(card_id: &str, version: i64) -> Result<(), PartError> {
    let good = (1..=MAX_ID_BYTES).contains(&card_id.len())
        && card_id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !good {
        return error(card_id, version, PartFault::Id);
    }
    if version < 1 {
        return error(card_id, version, PartFault::Version);
    }
    Ok(())
}

/// Takes the parts of all cards in the order of their topic and gives each version as its last part
/// arrives. Repeats change nothing; a version with a fault is left out and the next one goes on.
#[derive(Debug, Default)]
pub struct PartAssembler {
    unfinished: BTreeMap<(String, i64), Unfinished>,
    unfinished_bytes: usize,
    /// The hash of each complete version, so that a repeat of it is told from another publication.
    finished: BTreeMap<(String, i64), [u8; 32]>,
}

/// A version some of whose parts are there.
#[derive(Debug)]
struct Unfinished {
    currency: Currency,
    parts: i32,
    row_count: i32,
    sha256: [u8; 32],
    slices: BTreeMap<i32, Vec<u8>>,
}

impl Unfinished {
    fn is_of(&self, part: &RateCardPart) -> bool {
        (self.currency, self.parts, self.row_count, self.sha256)
            == (part.currency, part.parts, part.row_count, part.sha256)
    }

    fn bytes(&self) -> usize {
        self.slices.values().map(Vec::len).sum()
    }
}

impl PartAssembler {
    /// Takes a part and its record's timestamp. The last missing part of a version gives that version
    /// and the moment of its publication.
    ///
    /// # Errors
    /// [`PartError`]: what is wrong with the part, or with the version that it completes.
    pub fn take(
        &mut self,
        part: RateCardPart,
        timestamp: Moment,
    ) -> Result<Option<(Arc<RateCard>, Moment)>, PartError> {
        check(&part)?;
        let name = (part.card_id.clone(), part.version);
        if let Some(sha256) = self.finished.get(&name) {
            return if *sha256 == part.sha256 {
                Ok(None)
            } else {
                error(&name.0, name.1, PartFault::Published(part.part))
            };
        }
        let mixed = self.drop_other(&name, &part);
        let number = part.part;
        if self.unfinished_bytes + part.rows.len() > MAX_UNFINISHED_BYTES {
            return error(&name.0, name.1, PartFault::Unfinished);
        }
        if self.keep(&name, part) {
            let version = self.forget(&name).expect("a part of it was just kept");
            let card = assemble(&name, &version)?;
            self.finished.insert(name, version.sha256);
            return Ok(Some((Arc::new(card), timestamp)));
        }
        if mixed {
            return error(&name.0, name.1, PartFault::Mixed(number));
        }
        Ok(None)
    }

    /// What is missing of the versions that are not complete; at the end of the topic each of them is
    /// one that was never published whole.
    #[must_use]
    pub fn missing(&self) -> Vec<PartError> {
        let missing = |((card_id, version), unfinished): (&(String, i64), &Unfinished)| PartError {
            card_id: card_id.clone(),
            version: *version,
            fault: PartFault::Missing {
                missing: (1..=unfinished.parts)
                    .filter(|part| !unfinished.slices.contains_key(part))
                    .collect(),
                parts: unfinished.parts,
            },
        };
        self.unfinished.iter().map(missing).collect()
    }

    /// Drops what is there of another publication of the same version: compaction may have taken the
    /// rest of it. True if there was any.
    fn drop_other(&mut self, name: &(String, i64), part: &RateCardPart) -> bool {
        let other = self
            .unfinished
            .get(name)
            .is_some_and(|known| !known.is_of(part));
        other && self.forget(name).is_some()
    }

    fn forget(&mut self, name: &(String, i64)) -> Option<Unfinished> {
        let version = self.unfinished.remove(name)?;
        self.unfinished_bytes -= version.bytes();
        Some(version)
    }

    /// Keeps a part; true if the version is complete with it.
    fn keep(&mut self, name: &(String, i64), part: RateCardPart) -> bool {
        let version = self
            .unfinished
            .entry(name.clone())
            .or_insert_with(|| Unfinished {
                currency: part.currency,
                parts: part.parts,
                row_count: part.row_count,
                sha256: part.sha256,
                slices: BTreeMap::new(),
            });
        self.unfinished_bytes += part.rows.len();
        if let Some(repeated) = version.slices.insert(part.part, part.rows) {
            self.unfinished_bytes -= repeated.len();
        }
        i32::try_from(version.slices.len()).is_ok_and(|slices| slices == version.parts)
    }
}

/// What can be seen from one part.
fn check(part: &RateCardPart) -> Result<(), PartError> {
    check_name(&part.card_id, part.version)?;
    let fault = if !(1..=MAX_PARTS).contains(&part.parts) || !(1..=part.parts).contains(&part.part)
    {
        PartFault::Part {
            part: part.part,
            parts: part.parts,
        }
    } else if !(1..=MAX_PART_BYTES).contains(&part.rows.len()) {
        PartFault::PartBytes {
            part: part.part,
            bytes: part.rows.len(),
        }
    } else {
        return Ok(());
    };
    error(&part.card_id, part.version, fault)
}

fn assemble((card_id, version): &(String, i64), whole: &Unfinished) -> Result<RateCard, PartError> {
    let rows = rows_of(whole).or_else(|fault| error(card_id, *version, fault))?;
    Ok(RateCard::new(
        card_id.as_str(),
        *version,
        Some(whole.currency),
        rows,
    ))
}

fn rows_of(whole: &Unfinished) -> Result<Vec<RateRow>, PartFault> {
    let compressed: Vec<u8> = whole.slices.values().flatten().copied().collect();
    let csv = decompress(&compressed)?;
    if <[u8; 32]>::from(Sha256::digest(&csv)) != whole.sha256 {
        return Err(PartFault::Hash);
    }
    let rows = parse_csv(&csv).map_err(|faults| PartFault::Csv {
        faults: faults.len(),
        first: faults.first().map(ToString::to_string).unwrap_or_default(),
    })?;
    if i32::try_from(rows.len()) != Ok(whole.row_count) {
        return Err(PartFault::RowCount {
            found: rows.len(),
            named: whole.row_count,
        });
    }
    Ok(rows)
}

/// At most [`MAX_CSV_BYTES`], whatever the compressed bytes promise.
fn decompress(compressed: &[u8]) -> Result<Vec<u8>, PartFault> {
    let unreadable = |error: std::io::Error| PartFault::Compression(error.to_string());
    let limit = u64::try_from(MAX_CSV_BYTES).expect("a length fits into 64 bits");
    let decoder = zstd::stream::read::Decoder::with_buffer(compressed).map_err(unreadable)?;
    let mut csv = Vec::new();
    decoder
        .take(limit + 1)
        .read_to_end(&mut csv)
        .map_err(unreadable)?;
    if csv.len() > MAX_CSV_BYTES {
        return Err(PartFault::TooLarge);
    }
    Ok(csv)
}
