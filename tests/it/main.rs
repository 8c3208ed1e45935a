//! Tests against a real Apache Kafka: `KAFKA_BOOTSTRAP` if it is set, else one that they start. Only what librdkafka
//! may never return from is shown on its own mock of a cluster.
#![cfg(feature = "kafka")]
#![allow(missing_docs, clippy::disallowed_methods, clippy::print_stderr)]

mod ambiguous;
mod audit;
mod balances;
mod brokers;
mod clients;
mod commands;
mod coordinators;
mod crashes;
mod exactly_once;
mod following;
mod journals;
mod limits;
mod partitioners;
mod rates;
mod running;
#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;
mod topics;
mod watching;
mod worker;
