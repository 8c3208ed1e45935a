//! The requests in the bytes that a client sends to a broker, told apart by their lengths, whatever pieces they
//! come in.

/// Kafka's number for the request that ends a transaction.
pub const END_TXN: i16 = 26;

/// What is looked at of a request: its length in four bytes, and its kind in two that the length counts.
const HEAD: usize = 6;

/// How far into its requests a connection is.
#[derive(Debug, Default)]
pub struct Requests {
    head: Vec<u8>,
    /// Bytes of the present request, behind its head, that have not come yet.
    rest: usize,
}

impl Requests {
    /// The kinds of the requests whose heads end in the next piece of the stream.
    pub fn follow(&mut self, mut piece: &[u8]) -> Vec<i16> {
        let mut kinds = Vec::new();
        loop {
            let passed = self.rest.min(piece.len());
            self.rest -= passed;
            let of_head = (HEAD - self.head.len()).min(piece.len() - passed);
            self.head
                .extend_from_slice(&piece[passed..passed + of_head]);
            piece = &piece[passed + of_head..];
            let Some((length, kind)) = self.head.split_first_chunk() else {
                return kinds;
            };
            let Ok(kind) = kind.try_into() else {
                return kinds;
            };
            kinds.push(i16::from_be_bytes(kind));
            let length = usize::try_from(u32::from_be_bytes(*length)).expect("a size");
            self.rest = length.saturating_sub(kind.len());
            self.head.clear();
        }
    }
}
