//! Histories as they should be.

use proptest::collection::vec;
use proptest::prelude::*;

use super::world::World;
use crate::audit::{Carried, Checkpoint};

/// Something that happens to one of a few tenants and calls.
#[derive(Clone, Debug)]
enum Step {
    Configure(u8),
    Grant(u8, u8, u8),
    Start(u8, u8),
    Tick(u8, u8, u8),
    End(u8, u8, u16),
    Nonsense,
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let tenant = || 0..4_u8;
    let call = || 0..6_u8;
    prop_oneof![
        1 => tenant().prop_map(Step::Configure),
        2 => (tenant(), 0..5_u8, 1..9_u8).prop_map(|(t, p, a)| Step::Grant(t, p, a)),
        4 => (tenant(), call()).prop_map(|(t, c)| Step::Start(t, c)),
        5 => (tenant(), call(), 1..9_u8).prop_map(|(t, c, m)| Step::Tick(t, c, m)),
        4 => (tenant(), call(), 0..600_u16).prop_map(|(t, c, s)| Step::End(t, c, s)),
        1 => Just(Step::Nonsense),
        3 => (1..700_u16).prop_map(Step::Wait),
        1 => (7_000..20_000_u16).prop_map(Step::Wait),
    ]
}

fn happen_all(world: &mut World, steps: &[Step]) {
    for step in steps {
        happen(world, step);
    }
}

/// A world with the first three tenants configured.
fn configured() -> World {
    let mut world = World::new();
    for number in 0..3 {
        world.configure(&format!("t{number}"));
    }
    world
}

/// Leaves the last percents of a topic; returns where it begins then.
fn trim<T>(topic: &mut Vec<(i64, T)>, percent: usize) -> i64 {
    let end = topic.last().map_or(0, |(offset, _)| offset + 1);
    drop(topic.drain(..topic.len() * (100 - percent) / 100));
    topic.first().map_or(end, |(offset, _)| *offset)
}

fn happen(world: &mut World, step: &Step) {
    let tenant = |number: u8| format!("t{number}");
    let call = |number: u8| format!("c{number}");
    match *step {
        Step::Configure(t) => world.configure(&tenant(t)),
        Step::Grant(t, payment, amount) => {
            world.grant(&tenant(t), &format!("p{payment}"), &format!("0.{amount}"));
        }
        Step::Start(t, c) => world.start(&tenant(t), &call(c)),
        Step::Tick(t, c, minute) => world.tick(&tenant(t), &call(c), minute.into()),
        Step::End(t, c, seconds) => world.end(&tenant(t), &call(c), seconds.into()),
        Step::Nonsense => world.take(b"{nonsense"),
        Step::Wait(seconds) => world.wait(seconds.into()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_happens_the_books_balance_also_from_checkpoint_to_checkpoint(
        before in vec(step(), 0..120),
        between in vec(step(), 0..80),
        after in vec(step(), 0..80),
    ) {
        let mut world = configured();
        for part in [&before, &between, &after] {
            happen_all(&mut world, part);
            let report = world.audit();
            prop_assert_eq!(report.violations, Vec::<String>::new());
            world.checkpoint = report.carried;
        }
        world.checkpoint = Carried::beginning([0; 5]);
        prop_assert_eq!(world.audit().violations, Vec::<String>::new());
    }

    #[test]
    fn an_audit_beside_a_running_worker_looks_no_further_than_the_journal_it_read(
        before in vec(step(), 0..100),
        meanwhile in vec(step(), 0..60),
        after in vec(step(), 0..40),
    ) {
        let mut world = configured();
        happen_all(&mut world, &before);
        let read = world.read_journal().map_err(|broken| TestCaseError::fail(broken.to_string()))?;
        happen_all(&mut world, &meanwhile);
        let report = world.audit_beside(&read);
        prop_assert_eq!(report.violations, Vec::<String>::new());
        world.checkpoint = report.carried;
        happen_all(&mut world, &after);
        prop_assert_eq!(world.audit().violations, Vec::<String>::new());
    }

    #[test]
    fn records_that_retention_has_taken_are_not_missed(
        steps in vec(step(), 30..200),
        kept in 0..100_usize,
        input_kept in 0..100_usize,
    ) {
        let mut world = configured();
        happen_all(&mut world, &steps);
        let starts = [
            trim(&mut world.rejected, kept),
            trim(&mut world.ledger, kept),
            trim(&mut world.notices, kept),
            trim(&mut world.orders, kept),
            trim(&mut world.events, input_kept),
        ];
        world.checkpoint = Carried::beginning(starts);
        prop_assert_eq!(world.audit().violations, Vec::<String>::new());
    }
}

#[test]
fn an_audit_counts_what_it_checked_and_its_checkpoint_survives_a_file() {
    let mut world = World::new();
    world.configure("t0");
    world.grant("t0", "p0", "5");
    world.start("t0", "c0");
    world.start("t0", "c1");
    world.wait(60);
    world.tick("t0", "c0", 1);
    world.end("t0", "c1", 30);
    world.take(b"nonsense");
    let report = world.audit();
    assert_eq!(report.violations, Vec::<String>::new());
    let shown = report.counts.to_string();
    assert_eq!(
        shown,
        "0 journal records (0 bytes) over 0 input positions, 1 tenants, 1 live legs, \
         3 ledger entries with 1 closed legs, 0 notices, 0 orders, 1 rejected records, 7 events answered"
    );
    let mut checkpoint = Checkpoint::beginning(&world.genesis);
    checkpoint
        .partitions
        .insert(super::world::PARTITION, report.carried);
    let bytes = checkpoint.encode();
    assert_eq!(Checkpoint::decode(&bytes, &world.genesis), Ok(checkpoint));
}
