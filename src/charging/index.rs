//! From ids to slots.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};

/// A hash map whose order never reaches an output.
pub(super) type Map<K> = HashMap<K, u32, FixedState>;

/// Slots found by a text and, for calls, the tenant they belong to.
///
/// An entry has 8 bytes, so that the index of many tenants stays in the processor's cache.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: HashTable<(u32, u32)>,
}

/// The hash under which an id of an owner is found.
pub(super) fn hash_of(owner: u32, id: &str) -> u32 {
    let hash = FixedState::with_seed(u64::from(owner) + 1).hash_one(id);
    u32::try_from(hash >> 32).expect("the upper half of a word")
}

/// 32 bits spread over the 64 that the table looks at.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Index {
    /// The slot under this hash that `is` the one looked for.
    pub fn find(&self, hash: u32, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        self.slots
            .find(spread(hash), |(h, slot)| *h == hash && is(*slot))
            .map(|(_, slot)| *slot)
    }

    /// A slot under this hash, which may be another's.
    pub fn likely(&self, hash: u32) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// Adds a slot.
    pub fn insert(&mut self, hash: u32, slot: u32) {
        let entry = (hash, slot);
        self.slots
            .insert_unique(spread(hash), entry, |(h, _)| spread(*h));
    }

    /// How many slots it has.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Takes a slot out.
    pub fn remove(&mut self, hash: u32, slot: u32) {
        if let Ok(entry) = self.slots.find_entry(spread(hash), |(_, s)| *s == slot) {
            entry.remove();
        }
    }
}

/// 128 bits by which an id of a kind is remembered.
pub(super) fn key_of(kind: u8, tenant_id: &str, id: &str) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(
        &u64::try_from(tenant_id.len())
            .unwrap_or(u64::MAX)
            .to_le_bytes(),
    );
    hasher.update(tenant_id.as_bytes());
    hasher.update(id.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_le_bytes(bytes)
}

/// 64 bits by which content is compared.
pub(super) fn content_of(content: &impl serde::Serialize) -> u64 {
    let bytes = postcard::to_stdvec(content).expect("an event's fields always serialize");
    let mut head = [0; 8];
    head.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..8]);
    u64::from_le_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_one_hash_are_told_apart_and_one_that_was_taken_out_is_not_found() {
        let mut index = Index::default();
        for (hash, slot) in [(7, 1), (7, 2), (7, 3), (8, 4)] {
            index.insert(hash, slot);
        }
        for slot in 1..=3 {
            assert_eq!(index.find(7, |found| found == slot), Some(slot));
        }
        assert_eq!(index.find(7, |found| found == 4), None);
        index.remove(7, 2);
        assert_eq!(index.find(7, |found| found == 2), None);
        assert_eq!(index.find(7, |found| found == 3), Some(3));
        assert_eq!(index.find(8, |_| true), Some(4));
        assert_eq!(index.len(), 3);
    }
}
