//! The topics that an audit reads: the journal first, the others side by side.

use std::time::{Duration, Instant};

use super::pull::{Pull, WAIT};
use crate::audit::{
    Carried, Counts, Findings, GroupPosition, JournalAudit, JournalRead, PartitionAudit, Scope,
    Stream, Taken, Violation, Wrong, next_of,
};
use crate::charging;
use crate::codec::SchemaSet;
use crate::command::Failure;
use crate::command::reach::{PATIENCE, schemas};
use crate::config::Config;
use crate::journal::{Genesis, PositionMark};
use crate::kafka::{Error, Isolation, Message as _, Read, Start, TopicReader};

/// How long a look at what has come takes at most.
const LOOK: Duration = Duration::from_millis(100);

/// Readers of all topics, and whose they are.
pub(super) struct Topics {
    genesis: Genesis,
    charging: charging::Settings,
    events: String,
    /// How long a transaction may stay undecided.
    undecided: Duration,
    journal: TopicReader,
    beside: [Pull; 5],
}

/// What an audit of a partition gives: where the next one goes on, unless the journal is broken, and what
/// was found and checked.
pub(super) type Audited = (Option<Carried>, Findings, Counts);

impl Topics {
    pub(super) fn open(config: &Config, genesis: &Genesis) -> Result<Self, Failure> {
        let (names, group) = (&config.names, config.worker.group.as_str());
        let schemas: SchemaSet = schemas(config)?;
        let connection = &config.kafka;
        let pull = |stream: Stream| {
            let topic = match stream {
                Stream::Rejected => &names.rejected,
                Stream::Ledger => &names.rated_usage,
                Stream::Notices => &names.balance_notices,
                Stream::Orders => &names.call_control,
                Stream::Events => &names.events,
                Stream::Journal => &names.state,
            };
            Pull::open(connection, topic, stream, &names.events, schemas.clone())
        };
        let [rejected, ledger, notices, orders, events] = Stream::BESIDE;
        let (isolation, state) = (Isolation::Committed, &names.state);
        Ok(Topics {
            genesis: genesis.clone(),
            charging: config.charging,
            events: names.events.clone(),
            undecided: config.worker.transaction_timeout + PATIENCE,
            journal: TopicReader::open_asking(
                connection,
                state,
                isolation,
                Some(group),
                PATIENCE,
                WAIT,
            )?,
            beside: [
                pull(rejected)?,
                pull(ledger)?,
                pull(notices)?,
                pull(orders)?,
                pull(events)?,
            ],
        })
    }

    /// Audits a partition from where the last audit of it ended.
    pub(super) fn audit(
        &mut self,
        partition: i32,
        last: Option<&Carried>,
    ) -> Result<Audited, Failure> {
        let mut findings = Findings::default();
        let read = loop {
            match self.read_journal(partition, last) {
                // It was trimmed meanwhile: again, from its new start.
                Err(Error::Trimmed { .. }) => {}
                read => break read?,
            }
        };
        let read = match read {
            Ok(read) => read,
            Err(violation) => {
                findings.add(violation);
                return Ok((None, findings, Counts::default()));
            }
        };
        let (mut carried, from) = self.starts(partition, last, &mut findings)?;
        carried.journal = Some((read.mark.sequence, read.mark.hash));
        let JournalRead {
            books,
            violations,
            counts: of_journal,
            ..
        } = read;
        for violation in violations {
            findings.add(violation);
        }
        let scope = Scope::new(partition, self.charging.late_by_minutes);
        let mut audit = PartitionAudit::new(&books, scope, carried, findings);
        self.read_beside(partition, from, &mut audit)?;
        let (carried, findings, mut counts) = audit.finish();
        counts += of_journal;
        Ok((Some(carried), findings, counts))
    }

    /// The group's offset first, then the journal to its stable end and at least to the record that
    /// the offset names, whose marker may come a little later.
    fn read_journal(
        &mut self,
        partition: i32,
        last: Option<&Carried>,
    ) -> Result<Result<JournalRead, Violation>, Error> {
        let committed = self.journal.committed(&self.events, partition, PATIENCE)?;
        let group = committed.map(|committed| GroupPosition {
            next_offset: committed.next_offset,
            mark: std::str::from_utf8(&committed.metadata)
                .ok()
                .and_then(PositionMark::parse),
        });
        let last = last.and_then(|last| last.journal);
        let last = last.map(|(sequence, hash)| PositionMark { sequence, hash });
        let mut audit =
            JournalAudit::new(self.genesis.clone(), partition, self.charging, group, last);
        self.journal.assign(&[(partition, Start::Beginning)])?;
        let (mut heard, mut ended) = (Instant::now(), false);
        let fault = loop {
            let waited = heard.elapsed() > self.undecided;
            if ended && (audit.reached() || waited) {
                break None;
            }
            match self.journal.next(LOOK)? {
                Read::Record(message) => {
                    (heard, ended) = (Instant::now(), false);
                    let payload = message.payload().unwrap_or_default();
                    if let Err(violation) = audit.feed(message.offset(), payload) {
                        break Some(violation);
                    }
                }
                Read::End(_) => ended = true,
                Read::Nothing if waited => {
                    return Err(Error::TimedOut {
                        doing: format!("reading the journal of partition `{partition}`"),
                        seconds: self.undecided.as_secs(),
                    });
                }
                Read::Nothing => {}
            }
        };
        self.journal.assign(&[])?;
        Ok(fault.map_or_else(|| audit.finish(), Err))
    }

    /// Where each topic is read from: where the last audit ended, if that is still retained.
    fn starts(
        &self,
        partition: i32,
        last: Option<&Carried>,
        findings: &mut Findings,
    ) -> Result<(Carried, [i64; 5]), Failure> {
        let mut starts = [0; 5];
        for (start, pull) in starts.iter_mut().zip(&self.beside) {
            *start = pull.start(partition)?;
        }
        let beginning = || (Carried::beginning(starts), starts);
        let Some((last, next)) = last.and_then(|last| Some((last, last.next?))) else {
            return Ok(beginning());
        };
        let mut unchecked = false;
        for (stream, (next, start)) in Stream::BESIDE.into_iter().zip(next.into_iter().zip(starts))
        {
            if next < start {
                let wrong = Wrong::Unchecked { next, start };
                findings.add(Violation {
                    stream,
                    partition,
                    offset: Some(start),
                    wrong,
                });
                unchecked = true;
            }
        }
        Ok(if unchecked {
            beginning()
        } else {
            (last.clone(), next)
        })
    }

    /// Hands over everything else, record by record in the order of their sources.
    fn read_beside(
        &mut self,
        partition: i32,
        from: [i64; 5],
        audit: &mut PartitionAudit<'_>,
    ) -> Result<(), Failure> {
        let mut heads = [const { None }; 5];
        // All are asked before the first is waited for: what is open is mostly open on several.
        let mut ends = [0; 5];
        for (pull, end) in self.beside.iter().zip(&mut ends) {
            *end = pull.end(partition)?;
        }
        for (pull, (from, end)) in self.beside.iter_mut().zip(from.into_iter().zip(ends)) {
            pull.begin(partition, from, end, self.undecided)?;
        }
        for (pull, head) in self.beside.iter_mut().zip(&mut heads) {
            *head = pull.next()?;
        }
        while let Some(place) = next_of(&heads) {
            let Some(seen) = heads[place].take() else {
                break;
            };
            match audit.take(Stream::BESIDE[place], seen) {
                Taken::Checked => heads[place] = self.beside[place].next()?,
                Taken::Beyond => self.beside[place].stop()?,
            }
        }
        Ok(())
    }
}
