//! The seeds: every example and scenario of the repository in the form that its target reads, and
//! broken variants of them.

use std::fs;
use std::path::{Path, PathBuf};

use tollkeeper::codec::{encode_event, encode_event_confluent, parse_line};

use crate::state::{commit, first_message, restore};
use crate::{events, folder, histories, journal};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    fs::read(root().join(path)).expect("a file of the repository")
}

fn put(target: &str, name: &str, bytes: &[u8]) {
    fs::create_dir_all(folder(target)).expect("a folder can be made");
    fs::write(folder(target).join(name), bytes).expect("a seed can be written");
}

/// A seed, and three ways to break it.
fn put_with_broken(target: &str, name: &str, bytes: &[u8]) {
    put(target, name, bytes);
    put(
        target,
        &format!("{name}-cut"),
        &bytes[..bytes.len() * 2 / 3],
    );
    put(
        target,
        &format!("{name}-longer"),
        &[bytes, b"\x00x"].concat(),
    );
    let mut bent = bytes.to_vec();
    let middle = bent.len() / 2;
    bent[middle] ^= 0x55;
    put(target, &format!("{name}-bent"), &bent);
}

fn scenarios() -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(root().join("tests/scenarios")).expect("the scenarios");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder").path())
        .collect();
    folders.sort();
    let named = folders.into_iter().map(|folder| {
        let name = folder
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned();
        (name, folder)
    });
    named.collect()
}

pub fn write() {
    write_events();
    write_histories();
    write_journal();
    write_rates();
    write_config();
}

fn write_events() {
    for name in [
        "CallStarted",
        "CallMinuteTick",
        "CallEnded",
        "CreditGranted",
        "CreditAdjusted",
        "RechargeFailed",
        "TenantConfigured",
    ] {
        let json = read(format!("schemas/examples/{name}.json"));
        let text = String::from_utf8_lossy(&json);
        let event = parse_line(&text).event.expect("an example is good");
        let (mut single_object, mut confluent) = (Vec::new(), Vec::new());
        encode_event(&event, &mut single_object);
        encode_event_confluent(&event, events::schema_id(&event), &mut confluent);
        put("events", &format!("{name}-json"), &json);
        put(
            "events",
            &format!("{name}-json-cut"),
            &json[..json.len() / 2],
        );
        put_with_broken("events", &format!("{name}-single-object"), &single_object);
        put_with_broken("events", &format!("{name}-confluent"), &confluent);
    }
    put("events", "empty", b"");
    put("events", "no-framing", b"\x01\x02\x03");
    put("events", "header-only", b"\xc3\x01");
    put("events", "unknown-id", b"\x00\x00\x00\x00\xff\x02");
}

fn history(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("events.jsonl")).expect("a scenario has events")
}

fn write_histories() {
    for (name, folder) in scenarios() {
        let history = history(&folder);
        if history.len() <= 4_096 {
            put("histories", &name, &history);
        }
    }
}

/// The state that a scenario leads to, as chunks of a log.
fn write_journal() {
    for (name, folder) in scenarios().into_iter().step_by(3) {
        let mut log = vec![first_message()];
        let mut restored = restore(&log).expect("a genesis restores");
        let history = history(&folder);
        for (offset, line) in (0..).zip(history.split(|byte| *byte == b'\n').take(12)) {
            histories::take(&mut restored, offset, line);
            if offset % 3 == 2 {
                commit(&mut restored, &mut log);
            }
        }
        commit(&mut restored, &mut log);
        let bodies: Vec<&[u8]> = log[1..].iter().map(|message| slice(message)).collect();
        put("journal", &name, &chunks(0, &bodies));
        put(
            "journal",
            &format!("{name}-in-parts"),
            &chunks(journal::IN_PARTS, &bodies),
        );
        put(
            "journal",
            &format!("{name}-trimmed"),
            &chunks(journal::TRIMMED, &bodies[1..]),
        );
        let raw: Vec<&[u8]> = log[1..].iter().map(Vec::as_slice).collect();
        put(
            "journal",
            &format!("{name}-raw"),
            &chunks(journal::RAW, &raw),
        );
        let swapped: Vec<&[u8]> = bodies.iter().rev().copied().collect();
        put("journal", &format!("{name}-swapped"), &chunks(0, &swapped));
    }
}

/// What a message says: all but its frame.
fn slice(message: &[u8]) -> &[u8] {
    &message[49..message.len() - 8]
}

fn chunks(flags: u8, bodies: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for body in bodies {
        let length = u16::try_from(body.len()).expect("a message is small");
        bytes.push(flags);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(body);
    }
    bytes
}

fn write_rates() {
    let example = read("deploy/example-rates.csv");
    put_with_broken("rates", "example", &example);
    let first = read("tests/scenarios/01-cut-before-not-after/card.csv");
    put_with_broken("rates", "scenario", &first);
    put(
        "rates",
        "banded",
        &read("tests/scenarios/30-next-version-and-band/card.csv"),
    );
    put(
        "rates",
        "next",
        &read("tests/scenarios/30-next-version-and-band/next.csv"),
    );
    put("rates", "empty", b"");
    let header = first
        .split(|byte| *byte == b'\n')
        .next()
        .expect("a card has a header");
    put("rates", "header-only", header);
    for (name, line) in [
        (
            "quoted",
            "DIAL_OUT,\"+49\",\"a \"\"b\"\", c\",DE,0.000001,,1,1,2026-01-01,,\"sat,sun\",22:00,06:00,Europe/Berlin,,",
        ),
        ("wrapped", "DIAL_OUT,1,,US,1,,60,60,,,sat-mon,,,,false,TRUE"),
        ("many-decimals", "DIAL_OUT,1,,US,1.0000001,,60,60,,,,,,,,"),
        (
            "huge",
            "DIAL_OUT,1,,US,999999999999999999999,,60,60,,,,,,,,",
        ),
        ("negative", "DIAL_OUT,1,,US,-1,-1,0,61,,,,,,,,"),
        (
            "no-zone",
            "DIAL_OUT,1,,US,1,,,,,,mon,08:00,08:00,Nowhere/At_All,,",
        ),
        (
            "backwards",
            "DIAL_OUT,1,,US,1,,,,2026-02-01,2026-01-01,,,,,,",
        ),
        ("long-prefix", "DIAL_OUT,1234567890123456,,US,1,,,,,,,,,,,"),
        ("barred", "DIAL_OUT,53,Cuba,CU,,,,,,,,,,,true,"),
        (
            "twice",
            "DIAL_OUT,1,,US,1,,,,,,,,,,,\nDIAL_OUT,1,,US,2,,,,,,,,,,,",
        ),
        ("line-break", "DIAL_OUT,1,\"a\nb\",US,1,,,,,,,,,,,"),
    ] {
        put(
            "rates",
            name,
            &[header, b"\n", line.as_bytes(), b"\n"].concat(),
        );
    }
}

fn write_config() {
    let file = read("deploy/tollkeeper.toml");
    let text = String::from_utf8_lossy(&file);
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let plain: String = lines.flat_map(|line| [line, "\n"]).collect();
    put_with_broken("config", "all", plain.as_bytes());
    for (name, text) in [
        ("empty", ""),
        (
            "librdkafka",
            "[kafka]\nsecurity.protocol = \"SSL\"\nfetch.wait.max.ms = 20\nsocket.keepalive.enable = true\n",
        ),
        (
            "ours",
            "[kafka]\ngroup.id = \"mine\"\nsasl.password = \"open sesame\"\n",
        ),
        (
            "types",
            "[worker]\nworkers = \"two\"\n[balances]\npublish = 1\n[http]\nlisten = 1.5\n[topics]\npartitions = [1, 2]\n",
        ),
        (
            "ranges",
            "[worker]\nworkers = 0\ntransaction_timeout_ms = 20000\n[topics]\npartitions = -1\nreplication = 9223372036854775807\n",
        ),
        (
            "names",
            "[topics]\nevents = \"calls\"\nrejected = \"calls\"\nstate = \"no spaces\"\n",
        ),
        (
            "log",
            "[log]\nformat = \"json\"\nfilter = \"info,tollkeeper::kafka=debug\"\n",
        ),
        (
            "environment",
            "[worker]\nworkers = 2\n---\nTOLLKEEPER_WORKER__WORKERS=3\nTOLLKEEPER_KAFKA__SECURITY__PROTOCOL=SSL\nTOLLKEEPER_NO__SUCH=x\nTOLLKEEPER_PORT=1\n",
        ),
        ("dates", "[worker]\ninstance = 2026-11-23T10:00:00Z\n"),
        ("deep", "[a.b.c.d.e]\nf = {g = {h = [[[1]]]}}\n"),
    ] {
        put("config", name, text.as_bytes());
    }
}
