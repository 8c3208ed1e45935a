//! The few calls that the wrapper around librdkafka lacks or gets wrong. All `unsafe` lives here.

use std::ffi::{CStr, CString};
use std::ptr;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::types::RDKafka;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t as Code;

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

    /// Hands one message to the producer, which copies key and payload.
    pub(super) fn produce(self, message: &Message<'_>) -> Result<(), NativeError> {
        let headers = Headers::new(message.headers);
        let mut fields = [
            field_topic(message.topic),
            field_i32(
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION,
                message.partition,
            ),
            field_flags(sys::RD_KAFKA_MSG_F_COPY),
            field_bytes(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE, message.payload),
            field_bytes(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY, message.key),
            field_opaque(message.opaque),
            field_timestamp(message.timestamp),
            field_opaque(0),
        ];
        let mut count = fields.len() - 1;
        if let Some(headers) = &headers {
            fields[count] = field_headers(headers);
            count += 1;
        }
        // SAFETY: `count` fields are initialised with values of their own type, and everything
        // they point to lives until the call returns.
        let result = unsafe { take(sys::rd_kafka_produceva(self.0, fields.as_ptr(), count)) };
        if result.is_ok() {
            // The message owns its headers now.
            std::mem::forget(headers);
        }
        result
    }
}

/// One message on its way out.
pub(super) struct Message<'a> {
    pub(super) topic: &'a OwnedTopic,
    pub(super) partition: i32,
    pub(super) key: Option<&'a [u8]>,
    pub(super) payload: Option<&'a [u8]>,
    pub(super) headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// Milliseconds since the epoch; 0 = now.
    pub(super) timestamp: i64,
    /// Comes back with the delivery report.
    pub(super) opaque: usize,
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

/// Headers of a message, destroyed unless the message took them.
struct Headers(*mut sys::rd_kafka_headers_t);

impl Headers {
    fn new(headers: &[(&str, Option<&[u8]>)]) -> Option<Self> {
        if headers.is_empty() {
            return None;
        }
        // SAFETY: a plain allocation.
        let list = Headers(unsafe { sys::rd_kafka_headers_new(headers.len()) });
        for (name, value) in headers {
            let (pointer, length) = value.map_or((ptr::null(), 0), |value| {
                (value.as_ptr().cast(), value.len())
            });
            // SAFETY: name and value are copied; a slice's length fits an isize.
            let code = unsafe {
                sys::rd_kafka_header_add(
                    list.0,
                    name.as_ptr().cast(),
                    name.len().cast_signed(),
                    pointer,
                    length.cast_signed(),
                )
            };
            assert!(
                code == Code::RD_KAFKA_RESP_ERR_NO_ERROR,
                "a header list takes any header"
            );
        }
        Some(list)
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        // SAFETY: ours, as no message took them.
        unsafe { sys::rd_kafka_headers_destroy(self.0) }
    }
}

type Field = sys::rd_kafka_vu_t;
type Value = sys::rd_kafka_vu_s__bindgen_ty_1;

fn field_topic(topic: &OwnedTopic) -> Field {
    Field {
        vtype: sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT,
        u: Value { rkt: topic.0 },
    }
}

fn field_i32(vtype: sys::rd_kafka_vtype_t, value: i32) -> Field {
    Field {
        vtype,
        u: Value { i32_: value },
    }
}

fn field_flags(flags: i32) -> Field {
    Field {
        vtype: sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS,
        u: Value { i: flags },
    }
}

fn field_bytes(vtype: sys::rd_kafka_vtype_t, bytes: Option<&[u8]>) -> Field {
    let (pointer, size) = bytes.map_or((ptr::null_mut(), 0), |b| {
        (b.as_ptr().cast_mut().cast(), b.len())
    });
    Field {
        vtype,
        u: Value {
            mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: pointer, size },
        },
    }
}

fn field_opaque(opaque: usize) -> Field {
    Field {
        vtype: sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_OPAQUE,
        u: Value {
            ptr: ptr::without_provenance_mut(opaque),
        },
    }
}

fn field_timestamp(timestamp: i64) -> Field {
    Field {
        vtype: sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_TIMESTAMP,
        u: Value { i64_: timestamp },
    }
}

fn field_headers(headers: &Headers) -> Field {
    Field {
        vtype: sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS,
        u: Value { headers: headers.0 },
    }
}

/// The metadata string of one entry of a list, as bytes: another program may have written anything.
pub(super) fn offset_metadata(list: &rdkafka::TopicPartitionList, index: usize) -> Option<Vec<u8>> {
    if index >= list.count() {
        return None;
    }
    // SAFETY: `index` is within the list, whose entries live as long as it does; metadata is null
    // or `metadata_size` bytes.
    unsafe {
        let entry = &*(*list.ptr()).elems.add(index);
        (!entry.metadata.is_null()).then(|| {
            std::slice::from_raw_parts(entry.metadata.cast::<u8>(), entry.metadata_size).to_vec()
        })
    }
}

/// A topic as the broker describes it.
pub(super) struct Described {
    pub(super) id: String,
    pub(super) partitions: i32,
    /// Of the partition with fewest.
    pub(super) replication: i32,
    /// Replicas in sync, of the partition with fewest.
    pub(super) in_sync: i32,
}

/// Asks what a topic is; none if it does not exist.
pub(super) fn describe_topic(
    client: Handle,
    topic: &str,
    timeout: Duration,
) -> Result<Option<Described>, NativeError> {
    let Ok(name) = CString::new(topic) else {
        return Ok(None);
    };
    let mut names = [name.as_ptr()];
    // SAFETY: the client is live; every object made here is destroyed below, after its last use;
    // the event owns the description.
    unsafe {
        let queue = sys::rd_kafka_queue_new(client.0);
        let options = sys::rd_kafka_AdminOptions_new(
            client.0,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        );
        let topics = sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1);
        let timeout = millis(timeout);
        sys::rd_kafka_AdminOptions_set_request_timeout(options, timeout, ptr::null_mut(), 0);
        sys::rd_kafka_DescribeTopics(client.0, topics, options, queue);
        let event = sys::rd_kafka_queue_poll(queue, timeout.saturating_add(1000));
        let described = if event.is_null() {
            Err(timed_out())
        } else {
            described(event)
        };
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_TopicCollection_destroy(topics);
        sys::rd_kafka_AdminOptions_destroy(options);
        sys::rd_kafka_queue_destroy(queue);
        described
    }
}

fn timed_out() -> NativeError {
    NativeError {
        code: RDKafkaErrorCode::OperationTimedOut,
        text: "no answer".to_owned(),
        fatal: false,
        retriable: true,
        requires_abort: false,
    }
}

/// # Safety
/// `event` is a live answer to a question about one topic.
unsafe fn described(event: *mut sys::rd_kafka_event_t) -> Result<Option<Described>, NativeError> {
    // SAFETY: pointers into the event are used only while it lives; each is checked for null.
    unsafe {
        let code = sys::rd_kafka_event_error(event);
        if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            let text = CStr::from_ptr(sys::rd_kafka_event_error_string(event));
            let text = text.to_string_lossy().into_owned();
            return Err(NativeError {
                code: code.into(),
                text,
                ..timed_out()
            });
        }
        let mut count = 0;
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        assert!(count == 1, "one topic was asked for");
        let topic = *topics;
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let code: RDKafkaErrorCode = sys::rd_kafka_error_code(error).into();
        match code {
            RDKafkaErrorCode::NoError => {}
            RDKafkaErrorCode::UnknownTopicOrPartition => return Ok(None),
            code => {
                let text = CStr::from_ptr(sys::rd_kafka_error_string(error));
                let text = text.to_string_lossy().into_owned();
                return Err(NativeError {
                    code,
                    text,
                    ..timed_out()
                });
            }
        }
        let id = sys::rd_kafka_Uuid_base64str(sys::rd_kafka_TopicDescription_topic_id(topic));
        let mut partitions = 0;
        let infos = sys::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
        let fewest = |count: unsafe extern "C" fn(_, *mut usize) -> *mut *const _| {
            let counts = (0..partitions).map(|index| {
                let mut nodes = 0;
                count(*infos.add(index), &raw mut nodes);
                nodes
            });
            i32::try_from(counts.min().unwrap_or(0)).expect("replicas fit an i32")
        };
        Ok(Some(Described {
            id: CStr::from_ptr(id).to_string_lossy().into_owned(),
            partitions: i32::try_from(partitions).expect("partitions fit an i32"),
            replication: fewest(sys::rd_kafka_TopicPartitionInfo_replicas),
            in_sync: fewest(sys::rd_kafka_TopicPartitionInfo_isr),
        }))
    }
}

/// Appends a record's headers, in order; one whose name is not UTF-8 is left out. (The wrapper panics
/// on such a name.)
pub(super) fn message_headers<'a>(
    message: &'a BorrowedMessage<'_>,
    out: &mut Vec<(&'a str, Option<&'a [u8]>)>,
) {
    let Some(headers) = message.headers() else {
        return;
    };
    // The wrapper's type stands for the native object at its address.
    let native = ptr::from_ref(headers).cast::<sys::rd_kafka_headers_t>();
    for index in 0.. {
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the headers live as long as the message; librdkafka tells when the index is too high.
        let code = unsafe {
            sys::rd_kafka_header_get_all(
                native,
                index,
                &raw mut name,
                &raw mut value,
                &raw mut size,
            )
        };
        if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        // SAFETY: on success the name is a string and the value null or `size` bytes, both of the message.
        let (name, value) = unsafe {
            let value =
                (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
            (CStr::from_ptr(name), value)
        };
        if let Ok(name) = name.to_str() {
            out.push((name, value));
        }
    }
}
