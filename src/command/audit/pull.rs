//! One topic, pulled record by record to its stable end.

use std::thread;
use std::time::{Duration, Instant};

use crate::audit::{InputPartition, Seen, Stream};
use crate::codec::{EventDecoder, RecordDecoder, SchemaSet};
use crate::command::reach::PATIENCE;
use crate::domain::Moment;
use crate::kafka::{
    BorrowedMessage, Connection, Error, Isolation, Message as _, Read, Start, TopicReader,
    headers_of,
};

/// How long a look at what has come takes at most.
const LOOK: Duration = Duration::from_millis(100);
/// How long the brokers may wait for records to come. Each of a partition's topics is read to its end,
/// which shows only in a fetch that finds nothing.
pub(super) const WAIT: Duration = Duration::from_millis(5);
/// How long to wait before asking for the stable end again.
const PAUSE: Duration = Duration::from_millis(20);

/// A topic on its way through an audit.
pub(super) struct Pull {
    stream: Stream,
    reader: TopicReader,
    /// Sees where the topic ends, undecided records included.
    undecided: TopicReader,
    events: EventDecoder,
    records: RecordDecoder,
    input_topic: String,
    partition: i32,
    done: bool,
}

impl Pull {
    pub(super) fn open(
        connection: &Connection,
        topic: &str,
        stream: Stream,
        input_topic: &str,
        schemas: SchemaSet,
    ) -> Result<Self, Error> {
        let open = |isolation| {
            TopicReader::open_asking(connection, topic, isolation, None, PATIENCE, WAIT)
        };
        Ok(Pull {
            stream,
            reader: open(Isolation::Committed)?,
            undecided: open(Isolation::Uncommitted)?,
            events: EventDecoder::new(schemas.clone()),
            records: RecordDecoder::new(schemas),
            input_topic: input_topic.to_owned(),
            partition: 0,
            done: true,
        })
    }

    /// The first offset retained of a partition.
    pub(super) fn start(&self, partition: i32) -> Result<i64, Error> {
        Ok(self.reader.watermarks(partition, PATIENCE)?.start)
    }

    /// Where a partition ends now, undecided records included. They must be decided before it is read: a
    /// transaction's marker may come here later than in the journal, which was read before.
    pub(super) fn end(&self, partition: i32) -> Result<i64, Error> {
        Ok(self.undecided.watermarks(partition, PATIENCE)?.end)
    }

    /// Begins with a partition once everything below `end` is decided.
    pub(super) fn begin(
        &mut self,
        partition: i32,
        from: i64,
        end: i64,
        patience: Duration,
    ) -> Result<(), Error> {
        let asked = Instant::now();
        while self.reader.watermarks(partition, PATIENCE)?.end < end {
            if asked.elapsed() > patience {
                return Err(Error::TimedOut {
                    doing: format!("waiting for open transactions on `{}`", self.reader.topic()),
                    seconds: patience.as_secs(),
                });
            }
            thread::sleep(PAUSE);
        }
        self.partition = partition;
        self.done = false;
        self.reader.assign(&[(partition, Start::Offset(from))])
    }

    /// Leaves what is left for the next audit.
    pub(super) fn stop(&mut self) -> Result<(), Error> {
        self.done = true;
        self.reader.assign(&[])
    }

    /// The next record; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Seen>, Error> {
        if self.done {
            return Ok(None);
        }
        let asked = Instant::now();
        loop {
            match self.reader.next(LOOK)? {
                Read::Record(message) => return Ok(Some(self.see(&message))),
                Read::End(_) => break,
                Read::Nothing if asked.elapsed() > PATIENCE => {
                    return Err(Error::TimedOut {
                        doing: format!("reading `{}`", self.reader.topic()),
                        seconds: PATIENCE.as_secs(),
                    });
                }
                Read::Nothing => {}
            }
        }
        self.stop()?;
        Ok(None)
    }

    fn see(&self, message: &BorrowedMessage<'_>) -> Seen {
        let (offset, payload) = (message.offset(), message.payload());
        let input = InputPartition {
            topic: &self.input_topic,
            partition: self.partition,
        };
        match self.stream {
            Stream::Events => {
                let millis = message.timestamp().to_millis().unwrap_or_default();
                Seen::event(&self.events, offset, Moment::from_millis(millis), payload)
            }
            Stream::Rejected => Seen::rejected(input, offset, &headers_of(message)),
            Stream::Ledger | Stream::Notices | Stream::Orders | Stream::Journal => {
                let headers = headers_of(message);
                let cause = headers.iter().find(|(name, _)| *name == "tollkeeper.cause");
                let cause = cause.and_then(|(_, value)| *value);
                Seen::output(
                    &self.records,
                    input,
                    offset,
                    cause,
                    payload.unwrap_or_default(),
                )
            }
        }
    }
}
