//! A partition's journal: a state that can be written and read again, or a refusal that says where.
//!
//! The input is a row of chunks: a byte of flags, two bytes of length, lowest first, that many bytes.
//! Most chunks are what a record says, and get the frame that makes them the next record of the chain,
//! so that what lies behind checksum and chain is reached.

use tollkeeper::journal::{Chain, READABLE_FORMATS, Restored};

use crate::state::{PARTITION, commit, first_message, genesis, restore, rows};

/// Fed as it is, whatever it says of itself.
pub const RAW: u8 = 1;
/// Cut into two parts.
pub const IN_PARTS: u8 = 2;
/// On the first chunk: the log begins with it, trimmed, and not with a genesis.
pub const TRIMMED: u8 = 4;
/// Written in the oldest format that is read, not in the newest.
pub const OLDEST: u8 = 8;

/// A restored table is as long as its highest slot, whose bound has a test of its own.
const SLOTS: u32 = 1_024;
/// The sequence number of the first record of a trimmed log.
const TRIMMED_AT: u64 = 7;

/// Checks one log.
pub fn check(data: &[u8]) {
    let log = messages(data);
    if log.is_empty() || !slots_are_low(&log) {
        return;
    }
    match restore(&log) {
        Ok(restored) => goes_on(restored, log),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// What was restored can be written on, swept, and is the same when read again.
fn goes_on(mut restored: Restored, mut log: Vec<Vec<u8>>) {
    for _ in 0..3 {
        commit(&mut restored, &mut log);
    }
    let again = restore(&log).expect("what was written on can be read");
    assert_eq!(rows(&again.partition), rows(&restored.partition));
}

fn slots_are_low(log: &[Vec<u8>]) -> bool {
    let mut chain = Chain::new(genesis(), PARTITION);
    for (offset, message) in (0..).zip(log) {
        match chain.follow(offset, message) {
            Ok(None) => {}
            Ok(Some(mut record)) => {
                while let Ok(Some(entry)) = record.next_entry() {
                    if entry.key.slot > SLOTS {
                        return false;
                    }
                }
            }
            Err(_) => return true,
        }
    }
    true
}

/// The messages of a log.
fn messages(data: &[u8]) -> Vec<Vec<u8>> {
    let mut log = Vec::new();
    let mut rest = data;
    let (mut sequence, mut hash) = (0, [0; 32]);
    while let [flags, low, high, more @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(more.len());
        let (chunk, more) = more.split_at(length);
        rest = more;
        if log.is_empty() {
            if flags & TRIMMED == 0 {
                let genesis = first_message();
                hash = *blake3::hash(&genesis[..genesis.len() - 8]).as_bytes();
                log.push(genesis);
                sequence = 1;
            } else {
                sequence = TRIMMED_AT;
            }
        }
        if flags & RAW != 0 {
            log.push(chunk.to_vec());
            continue;
        }
        let format = if flags & OLDEST == 0 {
            READABLE_FORMATS.end()
        } else {
            READABLE_FORMATS.start()
        };
        let cut = if flags & IN_PARTS == 0 {
            0
        } else {
            chunk.len() / 2
        };
        let slices: &[&[u8]] = if cut == 0 {
            &[chunk]
        } else {
            &[&chunk[..cut], &chunk[cut..]]
        };
        let parts = u16::try_from(slices.len()).expect("one or two");
        for (part, slice) in (1_u16..).zip(slices) {
            let mut message = b"TJ".to_vec();
            message.push(*format);
            message.extend_from_slice(&[1, 0]);
            message.extend_from_slice(&u64::to_le_bytes(sequence));
            message.extend_from_slice(&part.to_le_bytes());
            message.extend_from_slice(&parts.to_le_bytes());
            message.extend_from_slice(&hash);
            message.extend_from_slice(slice);
            hash = *blake3::hash(&message).as_bytes();
            message.extend_from_slice(&hash[..8]);
            log.push(message);
        }
        sequence += 1;
    }
    log
}
