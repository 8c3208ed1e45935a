//! The few calls that the wrapper around librdkafka lacks or gets wrong. All `unsafe` lives here.

mod describe;
mod incoming;
mod outgoing;

use std::ffi::{CStr, CString};
use std::ptr;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafka;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t as Code;

pub(super) use describe::{Described, describe_topic};
pub(super) use incoming::{message_headers, offset_metadata};
pub(super) use outgoing::Message;

/// An error that librdkafka returned as an object, with what it says about itself.
#[derive(Clone, Debug)]
pub(super) struct NativeError {
    pub(super) code: RDKafkaErrorCode,
    pub(super) text: String,
    pub(super) fatal: bool,
    pub(super) retriable: bool,
    pub(super) requires_abort: bool,
}

/// Takes ownership of an error object; null is success.
///
/// # Safety
/// `error` is null or an error object that nobody else will destroy.
unsafe fn take(error: *mut sys::rd_kafka_error_t) -> Result<(), NativeError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: not null, so a live error object until the destroy below.
    let taken = unsafe {
        NativeError {
            code: sys::rd_kafka_error_code(error).into(),
            text: CStr::from_ptr(sys::rd_kafka_error_string(error))
                .to_string_lossy()
                .into_owned(),
            fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            retriable: sys::rd_kafka_error_is_retriable(error) != 0,
            requires_abort: sys::rd_kafka_error_txn_requires_abort(error) != 0,
        }
    };
    // SAFETY: owned by us, used no more.
    unsafe { sys::rd_kafka_error_destroy(error) };
    Err(taken)
}

/// Milliseconds as librdkafka takes them; at least 1, so that a short wait is not "do not wait".
fn millis(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis())
        .unwrap_or(i32::MAX)
        .max(1)
}

/// A live client handle. Valid as long as the wrapper's client that it came from.
#[derive(Clone, Copy)]
pub(super) struct Handle(*mut RDKafka);

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub(super) fn new(pointer: *mut RDKafka) -> Self {
        Handle(pointer)
    }

    /// Adds brokers to begin at; those that it began at before are not taken twice. They are addresses as in
    /// `bootstrap.servers`.
    pub(super) fn add_brokers(self, addresses: &str) {
        if let Ok(addresses) = CString::new(addresses) {
            // SAFETY: the handle is live, and the call copies what it keeps.
            unsafe { sys::rd_kafka_brokers_add(self.0, addresses.as_ptr()) };
        }
    }

    pub(super) fn init_transactions(self, timeout: Duration) -> Result<(), NativeError> {
        // SAFETY: the handle is live; the call blocks at most `timeout`.
        unsafe { take(sys::rd_kafka_init_transactions(self.0, millis(timeout))) }
    }

    pub(super) fn begin_transaction(self) -> Result<(), NativeError> {
        // SAFETY: the handle is live.
        unsafe { take(sys::rd_kafka_begin_transaction(self.0)) }
    }

    /// Flushes without linger and ends the transaction. The wrapper's own polls for 100 ms first.
    pub(super) fn commit_transaction(self, timeout: Duration) -> Result<(), NativeError> {
        // SAFETY: the handle is live.
        unsafe { take(sys::rd_kafka_commit_transaction(self.0, millis(timeout))) }
    }

    /// Waits until nothing is in flight; false if it took longer than `timeout`.
    pub(super) fn flush(self, timeout: Duration) -> bool {
        // SAFETY: the handle is live; another thread polls its queue.
        unsafe { sys::rd_kafka_flush(self.0, millis(timeout)) == Code::RD_KAFKA_RESP_ERR_NO_ERROR }
    }

    pub(super) fn send_offsets(
        self,
        offsets: &rdkafka::TopicPartitionList,
        group: &OwnedGroupMetadata,
        timeout: Duration,
    ) -> Result<(), NativeError> {
        // SAFETY: all three are live for the length of the call, and it copies what it keeps.
        unsafe {
            take(sys::rd_kafka_send_offsets_to_transaction(
                self.0,
                offsets.ptr(),
                group.0,
                millis(timeout),
            ))
        }
    }

    /// The consumer's group membership as of now; none without a group.
    pub(super) fn group_metadata(self) -> Option<OwnedGroupMetadata> {
        // SAFETY: the handle is live; the result is ours to destroy.
        let pointer = unsafe { sys::rd_kafka_consumer_group_metadata(self.0) };
        (!pointer.is_null()).then_some(OwnedGroupMetadata(pointer))
    }

    /// A reference to a topic, for producing without looking its name up each time.
    pub(super) fn topic(self, name: &str) -> Option<OwnedTopic> {
        let name = CString::new(name).ok()?;
        // SAFETY: the handle is live; a null configuration means the client's own.
        let pointer = unsafe { sys::rd_kafka_topic_new(self.0, name.as_ptr(), ptr::null_mut()) };
        (!pointer.is_null()).then_some(OwnedTopic(pointer))
    }
}

/// Group membership, destroyed when dropped.
pub(super) struct OwnedGroupMetadata(*mut sys::rd_kafka_consumer_group_metadata_t);

// SAFETY: plain data that only its owner touches.
unsafe impl Send for OwnedGroupMetadata {}

impl OwnedGroupMetadata {
    /// Empty while the group has given none.
    pub(super) fn member_id(&self) -> String {
        // SAFETY: live until dropped, and so is the text it points to.
        let text = unsafe { sys::rd_kafka_consumer_group_metadata_member_id(self.0) };
        if text.is_null() {
            return String::new();
        }
        // SAFETY: not null, and ends with a zero.
        unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned()
    }

    pub(super) fn generation(&self) -> i32 {
        // SAFETY: live until dropped.
        unsafe { sys::rd_kafka_consumer_group_metadata_generation_id(self.0) }
    }
}

impl Drop for OwnedGroupMetadata {
    fn drop(&mut self) {
        // SAFETY: ours, and dropped once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0) }
    }
}

/// A reference to a topic, given back when dropped; the client must outlive it.
pub(super) struct OwnedTopic(*mut sys::rd_kafka_topic_t);

// SAFETY: librdkafka's topic handles may be used from any thread.
unsafe impl Send for OwnedTopic {}
// SAFETY: as above.
unsafe impl Sync for OwnedTopic {}

impl Drop for OwnedTopic {
    fn drop(&mut self) {
        // SAFETY: ours, and dropped once, before its client.
        unsafe { sys::rd_kafka_topic_destroy(self.0) }
    }
}
