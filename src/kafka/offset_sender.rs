//! The one call about a transaction that may never return, made where it can be walked away from.
//!
//! `rd_kafka_send_offsets_to_transaction` of librdkafka 2.12 keeps a deadline for its question to the
//! group's coordinator and never looks at it. Where the coordinator was away at the wrong moment it
//! waits for a change of state that may not come; minutes were seen after a broker's silence of 12 s.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use rdkafka::TopicPartitionList;

use super::deliveries::Client;
use super::input::GroupMetadata;
use super::native::NativeError;

/// How many times its own time-out a call is waited for.
const PATIENCE: u32 = 2;

struct Offsets {
    list: TopicPartitionList,
    group: GroupMetadata,
    timeout: Duration,
}

/// A thread that places a producer's offsets. One that is stuck keeps the client alive until it is not.
pub(super) struct OffsetSender {
    orders: Option<Sender<Offsets>>,
    answers: Receiver<Result<(), NativeError>>,
    thread: Option<JoinHandle<()>>,
    overdue: AtomicBool,
}

impl OffsetSender {
    pub(super) fn start(client: Arc<Client>) -> Self {
        let (orders, ordered) = bounded::<Offsets>(1);
        let (to_me, answers) = bounded(1);
        let thread = thread::Builder::new()
            .name("offsets".to_owned())
            .spawn(move || {
                for Offsets {
                    list,
                    group,
                    timeout,
                } in ordered
                {
                    let result = client.handle().send_offsets(&list, group.native(), timeout);
                    // Nobody waits any more for one that came too late.
                    let _ = to_me.send(result);
                }
            })
            .expect("a process may have a few threads");
        OffsetSender {
            orders: Some(orders),
            answers,
            thread: Some(thread),
            overdue: AtomicBool::new(false),
        }
    }

    /// Places offsets; none if that did not return in twice its time-out. The producer is lost then:
    /// no other call about its transaction may be made.
    pub(super) fn send(
        &self,
        list: TopicPartitionList,
        group: GroupMetadata,
        timeout: Duration,
    ) -> Option<Result<(), NativeError>> {
        let offsets = Offsets {
            list,
            group,
            timeout,
        };
        let orders = self.orders.as_ref().expect("taken when dropped only");
        if self.overdue.load(Ordering::Relaxed) || orders.try_send(offsets).is_err() {
            return None;
        }
        let answer = self.answers.recv_timeout(timeout * PATIENCE).ok();
        self.overdue.store(answer.is_none(), Ordering::Relaxed);
        answer
    }
}

impl Drop for OffsetSender {
    fn drop(&mut self) {
        self.orders = None;
        // A call that is stuck is left to itself.
        if !self.overdue.load(Ordering::Relaxed)
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}
