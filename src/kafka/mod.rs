//! The street door to Kafka: its clients, topics and an embedded cluster. Decides nothing about
//! money, calls or when to commit; it carries out what it is told and says what happened.

mod admin;
mod cards;
mod clients;
mod deliveries;
mod embedded;
mod error;
mod founding;
mod group;
mod input;
mod lookout;
mod native;
mod offset_sender;
mod producer;
mod publisher;
mod reader;
mod topics;
mod worker;
mod worker_batch;
mod worker_cards;
mod worker_group;
mod worker_news;
mod worker_owners;
mod worker_permits;
mod worker_settings;
mod worker_side;
mod worker_transaction;

pub use admin::Admin;
pub use cards::{CardNews, CardTopic};
pub use clients::Connection;
pub use deliveries::Delivered;
pub use embedded::EmbeddedCluster;
pub use error::Error;
pub use founding::found_journals;
pub use input::{GroupEvent, GroupMetadata, InputConsumer, InputSettings, Polled};
pub use producer::{
    Outcome, PartitionOffset, ProducerSettings, SendFailure, Sent, TopicHandle,
    TransactionalProducer,
};
pub use publisher::Publisher;
pub use reader::{Committed, Isolation, Read, Start, TopicReader, Watermarks, headers_of};
pub use topics::{
    TopicFound, TopicNames, TopicPlan, TopicSettings, Wanted, differences, forbids_work, plan,
};
// What a reader hands out.
pub use rdkafka::message::{BorrowedMessage, Message};
pub use worker_cards::{CardFollower, CardShelf};
pub use worker_group::run_workers;
pub use worker_news::{News, Observer};
pub use worker_permits::{give_permit, skip_group};
pub use worker_settings::{Clock, Waiting, WorkerSettings};
