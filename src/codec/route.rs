//! Which partition a key belongs to, as the producers of the field decide it.

use serde::Deserialize;

/// How producers choose a partition from a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Partitioner {
    /// Java's: murmur2 of the key without its sign bit.
    #[default]
    Murmur2,
    /// librdkafka's `consistent`: CRC-32 of the key.
    Crc32,
}

/// The partition of a key among `partitions` (at least one).
#[must_use]
pub fn partition_of(partitioner: Partitioner, key: &[u8], partitions: i32) -> i32 {
    let count = u32::try_from(partitions).expect("a topic has at least one partition");
    let hash = match partitioner {
        Partitioner::Murmur2 => murmur2(key) & 0x7fff_ffff,
        Partitioner::Crc32 => crc32(key),
    };
    i32::try_from(hash % count).expect("a partition number is below the number of partitions")
}

/// `MurmurHash` 2, as Kafka's Java client computes it.
fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MIX: u32 = 0x5bd1_e995;
    const SHIFT: u32 = 24;
    // Java's array lengths are 32-bit; the multiplications below wrap just as Java's do.
    let length = u32::try_from(bytes.len()).expect("a key is shorter than 4 GiB");
    let mut hash = SEED ^ length;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut part = u32::from_le_bytes(*word).wrapping_mul(MIX);
        part ^= part >> SHIFT;
        hash = hash.wrapping_mul(MIX) ^ part.wrapping_mul(MIX);
    }
    if !rest.is_empty() {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u32::from_le_bytes(last)).wrapping_mul(MIX);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

/// CRC-32 (IEEE 802.3), as zlib and librdkafka compute it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        let index = usize::from(crc.to_le_bytes()[0] ^ byte);
        (crc >> 8) ^ CRC_TABLE[index]
    })
}

const CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    let mut seed = 0;
    while index < 256 {
        let mut value: u32 = seed;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                (value >> 1) ^ 0xedb8_8320
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
        seed += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_gives_what_kafkas_own_test_expects() {
        // org.apache.kafka.common.utils.UtilsTest.testMurmur2
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn crc32_gives_the_check_value_of_its_catalogue() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn the_sign_bit_is_cut_off_before_the_modulus() {
        // "21" hashes below zero in Java: toPositive(-973932308) = 1173551340.
        assert_eq!(
            partition_of(Partitioner::Murmur2, b"21", 16),
            1_173_551_340 % 16
        );
        assert_eq!(partition_of(Partitioner::Crc32, b"123456789", 16), 6);
        assert_eq!(partition_of(Partitioner::Murmur2, b"", 1), 0);
    }
}
