//! Finds the rows of a number, longest prefix first, in one binary search.
//!
//! Prefixes are packed into words that sort as their digits do, so everything between a prefix and a
//! number that begins with it begins with it too. Hence the longest prefix of a number is the greatest
//! word not above the number, or one of that word's own prefixes, to which each node points.

use crate::domain::PhoneNumber;

use super::RateRow;

/// Digits of the longest E.164 number, and so of the longest prefix.
pub(super) const MAX_DIGITS: usize = 15;

/// 1 to 15 digits, left-aligned in fifteen places, then their count: sorts as text does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Packed(u64);

const LENGTH_BITS: u32 = 4;
const POWERS_OF_TEN: [u64; MAX_DIGITS] = {
    let mut powers = [1; MAX_DIGITS];
    let mut at = 1;
    while at < MAX_DIGITS {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

impl Packed {
    fn new(digits: &[u8]) -> Self {
        let places = MAX_DIGITS
            .checked_sub(digits.len())
            .filter(|places| *places < MAX_DIGITS)
            .expect("a prefix or number has 1 to 15 digits");
        let value = digits.iter().fold(0, |value, digit| {
            assert!(
                digit.is_ascii_digit(),
                "a prefix or number holds digits only"
            );
            value * 10 + u64::from(*digit - b'0')
        });
        Packed(((value * POWERS_OF_TEN[places]) << LENGTH_BITS) | digits.len() as u64)
    }

    const fn digits(self) -> u64 {
        self.0 >> LENGTH_BITS
    }

    /// True if `longer`, which sorts at or after this one, begins with this one's digits.
    fn begins(self, longer: Packed) -> bool {
        let length = usize::try_from(self.0 & 0xF).expect("at most 15");
        longer.digits() - self.digits() < POWERS_OF_TEN[MAX_DIGITS - length]
    }
}

/// One prefix of the card: where its rows are, and which prefix is the next shorter one of it.
#[derive(Clone, Copy, Debug)]
struct Node {
    shorter: Option<u32>,
    first: u32,
    end: u32,
}

/// The rows of one kind of leg by prefix.
#[derive(Debug, Default)]
pub(super) struct PrefixIndex {
    prefixes: Vec<Packed>,
    nodes: Vec<Node>,
    /// Row numbers: by prefix, and within one prefix the row that wins first.
    order: Vec<u32>,
}

impl PrefixIndex {
    /// Indexes those of a card's rows that `wanted` names.
    pub(super) fn new(rows: &[RateRow], wanted: impl Fn(&RateRow) -> bool) -> Self {
        let mut order: Vec<u32> = (0_u32..)
            .zip(rows)
            .filter_map(|(number, row)| wanted(row).then_some(number))
            .collect();
        order.sort_by_cached_key(|number| {
            let row = &rows[*number as usize];
            // The winner first: banded, then latest in force, then later in the file.
            let rank = (row.band.is_none(), -row.effective_from.millis());
            (Packed::new(row.prefix.as_bytes()), rank, u32::MAX - *number)
        });
        let mut index = PrefixIndex {
            order,
            ..PrefixIndex::default()
        };
        index.link(rows);
        index
    }

    fn link(&mut self, rows: &[RateRow]) {
        let mut open: Vec<u32> = Vec::with_capacity(MAX_DIGITS);
        for (place, number) in (0_u32..).zip(&self.order) {
            let prefix = Packed::new(rows[*number as usize].prefix.as_bytes());
            if self.prefixes.last() == Some(&prefix) {
                self.nodes.last_mut().expect("one for each prefix").end = place + 1;
                continue;
            }
            open.retain(|node| self.prefixes[*node as usize].begins(prefix));
            self.nodes.push(Node {
                shorter: open.last().copied(),
                first: place,
                end: place + 1,
            });
            open.push(u32::try_from(self.prefixes.len()).expect("no more prefixes than rows"));
            self.prefixes.push(prefix);
        }
    }

    /// The numbers of the rows whose prefix the number begins with, the longest prefix first and
    /// within one prefix the row that wins first.
    pub(super) fn candidates(&self, number: PhoneNumber) -> impl Iterator<Item = u32> + '_ {
        let mut buffer = itoa::Buffer::new();
        let number = Packed::new(number.digits(&mut buffer).as_bytes());
        let after = self.prefixes.partition_point(|prefix| *prefix <= number);
        let nearest = after.checked_sub(1);
        let chain = std::iter::successors(nearest, |node| {
            self.nodes[*node].shorter.map(|shorter| shorter as usize)
        });
        chain
            .filter(move |node| self.prefixes[*node].begins(number))
            .flat_map(|node| {
                let Node { first, end, .. } = self.nodes[node];
                self.order[first as usize..end as usize].iter().copied()
            })
    }
}
