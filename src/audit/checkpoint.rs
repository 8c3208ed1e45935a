//! What an audit leaves for the next one, as bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Carried;
use crate::journal::Genesis;

const MAGIC: &[u8; 4] = b"TKA1";
const CHECKSUM_BYTES: usize = 16;

/// Where an audit without a violation came to, by partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    cluster_id: String,
    input_topic_id: String,
    /// Of the partitions that were audited.
    pub partitions: BTreeMap<i32, Carried>,
}

/// Why bytes are no checkpoint to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not written by an audit of this version, or damaged.
    #[error("not the checkpoint of an audit, or damaged")]
    Unreadable,
    /// Of other topics.
    #[error("the checkpoint of an audit of another cluster or input topic")]
    Elsewhere,
}

impl Checkpoint {
    /// Before the first audit.
    #[must_use]
    pub fn beginning(genesis: &Genesis) -> Self {
        Checkpoint {
            cluster_id: genesis.cluster_id.clone(),
            input_topic_id: genesis.input_topic_id.clone(),
            partitions: BTreeMap::new(),
        }
    }

    /// As bytes for a file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let bytes = postcard::to_extend(self, MAGIC.to_vec());
        let mut bytes = bytes.expect("plain values always serialize");
        let checksum = blake3::hash(&bytes);
        bytes.extend_from_slice(&checksum.as_bytes()[..CHECKSUM_BYTES]);
        bytes
    }

    /// From bytes of [`Checkpoint::encode`] for the same topics.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn decode(bytes: &[u8], genesis: &Genesis) -> Result<Self, CheckpointError> {
        let end = bytes
            .len()
            .checked_sub(CHECKSUM_BYTES)
            .ok_or(CheckpointError::Unreadable)?;
        let (content, checksum) = bytes.split_at(end);
        let body = content
            .strip_prefix(MAGIC)
            .ok_or(CheckpointError::Unreadable)?;
        if blake3::hash(content).as_bytes()[..CHECKSUM_BYTES] != *checksum {
            return Err(CheckpointError::Unreadable);
        }
        let checkpoint: Checkpoint =
            postcard::from_bytes(body).map_err(|_| CheckpointError::Unreadable)?;
        let ours = (&genesis.cluster_id, &genesis.input_topic_id);
        if (&checkpoint.cluster_id, &checkpoint.input_topic_id) == ours {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Elsewhere)
        }
    }
}
