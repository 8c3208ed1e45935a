//! One message handed to a producer, without a copy on our side.

use std::ptr;

use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t as Code;

use super::{Handle, NativeError, OwnedTopic, take};

/// One message on its way out.
pub(in crate::kafka) struct Message<'a> {
    pub(in crate::kafka) topic: &'a OwnedTopic,
    pub(in crate::kafka) partition: i32,
    pub(in crate::kafka) key: Option<&'a [u8]>,
    pub(in crate::kafka) payload: Option<&'a [u8]>,
    pub(in crate::kafka) headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// Milliseconds since the epoch; 0 = now.
    pub(in crate::kafka) timestamp: i64,
    /// Comes back with the delivery report.
    pub(in crate::kafka) opaque: usize,
}

impl Handle {
    /// Hands one message to the producer, which copies key and payload.
    pub(in crate::kafka) fn produce(self, message: &Message<'_>) -> Result<(), NativeError> {
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
