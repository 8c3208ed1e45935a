//! What comes from others as bytes, whatever they wrote.

use std::ffi::CStr;
use std::ptr;

use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t as Code;

/// The metadata string of one entry of a list, as bytes: another program may have written anything.
pub(in crate::kafka) fn offset_metadata(
    list: &rdkafka::TopicPartitionList,
    index: usize,
) -> Option<Vec<u8>> {
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

/// Appends a record's headers, in order; one whose name is not UTF-8 is left out. (The wrapper panics
/// on such a name.)
pub(in crate::kafka) fn message_headers<'a>(
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
