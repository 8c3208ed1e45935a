//! One message: which part of which record it is, what came before it, a checksum.
//!
//! ```text
//! "TJ" | format u8 | logic version u16 | sequence u64 | part u16 | parts u16 | hash before [32]
//! | a slice of the record's body | first 8 bytes of blake3 of all before
//! ```
//! Numbers are little-endian. The hash of a message is blake3 of all but its checksum, which adds
//! nothing to it.

use super::error::Fault;
use super::{LOGIC_VERSION, PositionMark, READABLE_FORMATS};

const MAGIC: &[u8; 2] = b"TJ";
const FORMAT_AT: usize = 2;
const BODY_AT: usize = 49;
const CHECKSUM_BYTES: usize = 8;
/// What a message needs beside its slice of the body.
pub(super) const OVERHEAD: usize = BODY_AT + CHECKSUM_BYTES;

/// A message, taken apart and checked by itself.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub format: u8,
    pub logic_version: u16,
    pub sequence: u64,
    /// From 1.
    pub part: u16,
    pub parts: u16,
    /// The hash of the message before.
    pub before: [u8; 32],
    /// This part's slice of the body.
    pub slice: &'a [u8],
    /// This message's hash.
    pub hash: [u8; 32],
}

/// Cuts a record's body into messages of at most `message_bytes` and links them behind `before`.
/// Returns them with the mark of the last.
pub(super) fn seal(
    format: u8,
    sequence: u64,
    before: [u8; 32],
    body: &[u8],
    message_bytes: usize,
) -> (Vec<Vec<u8>>, PositionMark) {
    assert!(
        message_bytes > OVERHEAD,
        "a message is longer than its own frame"
    );
    let slices: Vec<&[u8]> = body.chunks(message_bytes - OVERHEAD).collect();
    let parts = u16::try_from(slices.len()).expect("a transaction is bounded to far fewer parts");
    let mut hash = before;
    let mut messages = Vec::with_capacity(slices.len());
    for (part, slice) in (1..=parts).zip(slices) {
        let mut message = Vec::with_capacity(OVERHEAD + slice.len());
        message.extend_from_slice(MAGIC);
        message.push(format);
        message.extend_from_slice(&LOGIC_VERSION.to_le_bytes());
        message.extend_from_slice(&sequence.to_le_bytes());
        message.extend_from_slice(&part.to_le_bytes());
        message.extend_from_slice(&parts.to_le_bytes());
        message.extend_from_slice(&hash);
        message.extend_from_slice(slice);
        hash = *blake3::hash(&message).as_bytes();
        message.extend_from_slice(&hash[..CHECKSUM_BYTES]);
        messages.push(message);
    }
    (messages, PositionMark { sequence, hash })
}

impl<'a> Frame<'a> {
    /// Takes a message apart.
    pub(super) fn open(message: &'a [u8]) -> Result<Self, Fault> {
        let format = *message.get(FORMAT_AT).ok_or(Fault::Foreign)?;
        if !message.starts_with(MAGIC) {
            return Err(Fault::Foreign);
        }
        if !READABLE_FORMATS.contains(&format) {
            return Err(Fault::Format {
                found: format,
                readable: READABLE_FORMATS,
            });
        }
        if message.len() < OVERHEAD {
            return Err(Fault::Foreign);
        }
        let (content, checksum) = message.split_at(message.len() - CHECKSUM_BYTES);
        let sequence = u64::from_le_bytes(bytes_at(content, 5));
        let hash = *blake3::hash(content).as_bytes();
        if hash[..CHECKSUM_BYTES] != *checksum {
            return Err(Fault::Checksum { sequence });
        }
        let frame = Frame {
            format,
            logic_version: u16::from_le_bytes(bytes_at(content, 3)),
            sequence,
            part: u16::from_le_bytes(bytes_at(content, 13)),
            parts: u16::from_le_bytes(bytes_at(content, 15)),
            before: bytes_at(content, 17),
            slice: &content[BODY_AT..],
            hash,
        };
        if frame.part == 0 || frame.part > frame.parts {
            return Err(Fault::Parts {
                sequence,
                what: "a part beyond their number",
            });
        }
        Ok(frame)
    }
}

fn bytes_at<const N: usize>(content: &[u8], at: usize) -> [u8; N] {
    content[at..at + N]
        .try_into()
        .expect("the slice has that length")
}
