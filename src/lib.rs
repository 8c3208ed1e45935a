//! Prepaid call charging on a stream.
