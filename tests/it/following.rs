//! `tollkeeper consume --follow`: what is there and what comes, until a signal ends it.

use std::io::{BufRead as _, BufReader, Read as _};

use serde_json::Value;

use crate::support::process::signal;
use crate::support::{Process, eventually};
use crate::worker::{deployed, publish, tick};

fn call(number: u32) -> String {
    format!(r#""call_id":"c{number}""#)
}

#[test]
fn what_is_there_and_what_comes_is_printed_until_a_signal_ends_it_with_0() {
    let deployment = deployed(2);
    publish(&deployment, &[tick("contoso", 1)]);
    for (later, name) in [(2, "INT"), (3, "TERM")] {
        let mut follower = Process::printing(&deployment, "consume events --follow");
        follower.says(&call(1));
        publish(&deployment, &[tick("fabrikam", later)]);
        follower.says(&call(later));
        follower.signal(name);
        assert_eq!(follower.ends().code(), Some(0), "{name}");
        assert_eq!(
            follower.log().lines().count(),
            deployment.consume("events").len()
        );
    }
}

#[test]
fn from_the_end_only_what_comes_is_printed() {
    let deployment = deployed(1);
    publish(&deployment, &[tick("contoso", 1)]);
    let mut follower = Process::printing(&deployment, "consume events --follow --from end");
    let mut later = 1;
    // Nothing says from when on it listens.
    eventually("something that came later", || {
        later += 1;
        publish(&deployment, &[tick("contoso", later)]);
        (!follower.log().is_empty()).then_some(())
    });
    follower.says(&call(later));
    assert!(!follower.log().contains(&call(1)), "{}", follower.log());
}

#[test]
fn a_follower_that_is_stopped_in_the_middle_of_a_stream_ends_with_a_whole_line() {
    let deployment = deployed(1);
    let ticks: Vec<_> = (0..2_000).map(|number| tick("contoso", number)).collect();
    publish(&deployment, &ticks);
    let mut follower = deployment
        .command("consume events --follow")
        .spawn()
        .expect("the program can be started");
    let printed = follower.stdout.take().expect("it is piped");
    let mut printed = BufReader::new(printed);
    let mut lines = String::new();
    printed.read_line(&mut lines).expect("a first line");
    // What is printed goes into a pipe that has no room for all of it, so that it is still at it.
    signal(&follower.id().to_string(), "TERM");
    printed.read_to_string(&mut lines).expect("the rest");
    let status = follower.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
    for line in lines.lines() {
        serde_json::from_str::<Value>(line).expect("a whole line");
    }
    assert!(lines.lines().count() < ticks.len());
}
