//! What a topic is, as its brokers describe it.

use std::ffi::{CStr, CString};
use std::ptr;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t as Code;

use super::{Handle, NativeError, millis};

/// A topic as the broker describes it.
pub(in crate::kafka) struct Described {
    pub(in crate::kafka) id: String,
    pub(in crate::kafka) partitions: i32,
    /// Of the partition with fewest.
    pub(in crate::kafka) replication: i32,
    /// Replicas in sync, of the partition with fewest.
    pub(in crate::kafka) in_sync: i32,
}

/// Asks what a topic is; none if it does not exist.
pub(in crate::kafka) fn describe_topic(
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
