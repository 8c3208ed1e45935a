//! What holds for every history: the books balance at every step, a restart changes nothing, order does
//! not matter, tenants do not touch each other, nothing is held that is not there, no call is cut too
//! early or goes on unpaid, nothing is told twice.
#![allow(missing_docs)]

mod books;
mod history;
mod run;
mod tables;
mod watch;

use proptest::prelude::*;
use tollkeeper::codec::record_to_json;
use tollkeeper::domain::{Money, Record};

use books::{check_books, tenant_of};
use history::{POOL_CALL, Step, TENANTS, What, history};
use run::{BANDS, Run};
use watch::{Cuts, Holds, Notices};

/// Histories a property: `PROPTEST_CASES`, else 1,000.
fn config() -> ProptestConfig {
    let known = ProptestConfig::default();
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => known.cases,
        None => 1_000,
    };
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..known
    }
}

/// The same step for the run without the other tenant: its time passes all the same.
fn alone(step: &Step) -> Step {
    let what = match step.what {
        What::Silence { seconds } => What::Silence { seconds },
        _ if step.tenant == 0 => step.what.clone(),
        _ => What::Silence { seconds: 0 },
    };
    Step {
        what,
        ..step.clone()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_books_balance_at_every_step(history in history()) {
        let mut run = Run::of(&history);
        for step in &history.steps {
            run.step(step);
            let books = check_books(&run.published);
            for figures in run.partition.figures() {
                let id = &*figures.tenant_id;
                let balance = books.get(id).map_or(Money::ZERO, |books| books.balance);
                prop_assert_eq!(figures.balance, balance);
                prop_assert_eq!(figures.holds, figures.held_by_calls);
                prop_assert!(!figures.holds.is_negative());
            }
        }
        for books in check_books(&run.published).values() {
            prop_assert!(books.finals.values().all(|finals| *finals <= 1), "one FINAL a leg");
        }
        // With every call silent, nothing is held.
        run.now = run.now.plus_seconds(3 * 3_600);
        run.take(TENANTS[0], None);
        for figures in run.partition.figures() {
            prop_assert_eq!((figures.holds, figures.live_calls), (Money::ZERO, 0));
        }
    }

    #[test]
    fn a_restart_at_any_point_changes_nothing(history in history(), at in any::<prop::sample::Index>()) {
        let (mut whole, mut restarted) = (Run::of(&history), Run::of(&history));
        let at = at.index(history.steps.len());
        for (place, step) in history.steps.iter().enumerate() {
            whole.step(step);
            if place == at {
                restarted.restart();
            }
            restarted.step(step);
        }
        prop_assert_eq!(whole.transcript(), restarted.transcript());
    }

    #[test]
    fn a_restart_before_every_step_changes_nothing_while_prices_change(history in history()) {
        let on_bands = || Run::on_card(BANDS, history.variants, history.month_end);
        let (mut whole, mut restarted) = (on_bands(), on_bands());
        for step in &history.steps {
            whole.step(step);
            restarted.restart();
            restarted.step(step);
        }
        prop_assert_eq!(whole.transcript(), restarted.transcript());
    }

    #[test]
    fn tenants_do_not_touch_each_other(history in history()) {
        let (mut both, mut single) = (Run::of(&history), Run::of(&history));
        for step in &history.steps {
            both.step(step);
            single.step(&alone(step));
        }
        let of_first = |run: &Run| -> Vec<String> {
            let mine = run.published.iter().filter(|record| tenant_of(record) == TENANTS[0]);
            mine.map(|record| {
                let mut json = record_to_json(record, "events");
                // What a timer leads to names the last record applied, whoever's it was.
                json.as_object_mut().expect("a record").remove("source");
                json.to_string()
            })
            .collect()
        };
        prop_assert_eq!(of_first(&both), of_first(&single));
    }

    #[test]
    fn holds_take_only_what_is_there_and_cover_what_they_say(history in history()) {
        let (mut run, mut holds) = (Run::of(&history), Holds::default());
        for step in &history.steps {
            run.watched(step, &mut |run, _| holds.look(run));
        }
    }

    #[test]
    fn no_call_is_cut_before_its_coverage_ends_or_goes_on_without(history in history()) {
        let (mut run, mut cuts) = (Run::of(&history), Cuts::default());
        for step in &history.steps {
            run.watched(step, &mut |run, happened| cuts.look(run, happened));
        }
    }

    #[test]
    fn nothing_is_told_twice_for_one_crossing(history in history()) {
        let (mut run, mut notices) = (Run::of(&history), Notices::default());
        for step in &history.steps {
            run.watched(step, &mut |run, happened| notices.look(run, happened));
        }
    }

    #[test]
    fn the_order_of_a_calls_events_does_not_matter(
        minutes in prop::collection::vec(1..30_i32, 0..6),
        seconds in 0..1_800_i32,
        call in 0..5_u8,
        funded in any::<bool>(),
        shuffle in any::<prop::sample::Index>(),
        repeat in any::<prop::sample::Index>(),
    ) {
        // The pool apart: a subscription's call is paid from credit here.
        let call = if call == POOL_CALL { 0 } else { call };
        let mut events = vec![What::Start { call }];
        events.extend(minutes.into_iter().map(|minute| What::Tick { call, minute }));
        events.push(What::End { call, seconds });
        let mut other = events.clone();
        other.rotate_left(shuffle.index(events.len()));
        other.push(events[repeat.index(events.len())].clone());
        let total = |order: &[What]| {
            let mut run = Run::new([0, 0], false);
            if funded {
                let what = What::Grant { id: 0, millis: 4_000_000, answers: None };
                run.step(&Step { after_s: 0, tenant: 0, what });
            }
            for what in order {
                run.step(&Step { after_s: 1, tenant: 0, what: what.clone() });
            }
            let usage = run.published.iter().rev().find_map(|record| match record {
                Record::RatedUsage(usage) => Some(usage.call_total),
                _ => None,
            });
            usage.expect("the call has a record")
        };
        prop_assert_eq!(total(&events), total(&other));
    }
}
