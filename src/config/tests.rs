use expect_test::{Expect, expect};

use super::*;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, Faults> {
    Config::parse(text, environment.iter().copied())
}

fn check_faults(text: &str, environment: &[(&str, &str)], expected: &Expect) {
    let faults = parse(text, environment).expect_err("the configuration is at fault");
    expected.assert_eq(&faults.to_string());
}

#[test]
fn without_a_file_the_defaults_count() {
    let config = parse("", &[]).expect("the defaults are valid");
    assert_eq!(config.names.events, "tollkeeper.events");
    assert_eq!(config.worker.commit_interval, Duration::from_millis(50));
    assert!(!config.worker.instance.is_empty());
    assert_eq!(config.schemas_dir, None);
}

#[test]
fn every_key_is_in_the_commented_file_with_its_default_and_a_reason() {
    let file = include_str!("../../deploy/tollkeeper.toml");
    let mut faults = Faults::default();
    let written = source::merge(file, Vec::<(String, String)>::new(), &mut faults);
    assert!(faults.is_empty(), "{faults}");
    let mut reader = reader::Reader::new(source::Settings::new(), faults);
    validate::validate(&mut reader);
    let defaults: source::Settings = reader
        .defaults
        .iter()
        .map(|(key, value)| (key.clone(), source::Setting::File(value.clone())))
        .collect();
    assert_eq!(written, defaults);
    let mut before = "";
    for line in file.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(before.starts_with("# "), "`{line}` has no reason above it");
        }
        before = line;
    }
}

#[test]
fn the_environment_counts_before_the_file() {
    let config = parse(
        "[worker]\nworkers = 2\n[kafka]\nbootstrap_servers = \"a:1\"\n",
        &[
            ("TOLLKEEPER_KAFKA__BOOTSTRAP_SERVERS", "b:2"),
            ("TOLLKEEPER_KAFKA__SECURITY__PROTOCOL", "SASL_SSL"),
            ("TOLLKEEPER_SHUTDOWN__LEAVE", "true"),
            ("TOLLKEEPER_PORT", "tcp://10.0.0.1:80"),
        ],
    )
    .expect("the configuration is valid");
    assert_eq!(config.worker.workers, 2);
    assert_eq!(config.kafka.bootstrap, "b:2");
    assert_eq!(config.kafka.properties["security.protocol"], "SASL_SSL");
    assert!(config.leave_on_shutdown);
}

#[test]
fn librdkafka_properties_are_passed_on_quoted_or_not() {
    let config = parse(
        "[kafka]\n\"security.protocol\" = \"SSL\"\nfetch.wait.max.ms = 20\nsocket.keepalive.enable = true\n",
        &[],
    )
    .expect("the configuration is valid");
    let properties: Vec<_> = config.kafka.properties.iter().collect();
    expect![[r#"
        [
            (
                "fetch.wait.max.ms",
                "20",
            ),
            (
                "security.protocol",
                "SSL",
            ),
            (
                "socket.keepalive.enable",
                "true",
            ),
        ]
    "#]]
    .assert_debug_eq(&properties);
}

#[test]
fn a_secret_is_read_from_its_file_and_never_shown() {
    let file = std::env::temp_dir().join(format!("tollkeeper-secret-{}", std::process::id()));
    std::fs::write(&file, "open sesame\n").expect("the temporary folder takes a file");
    let text = format!("[kafka]\nsasl.password_file = \"{}\"\n", file.display());
    let config = parse(&text, &[]).expect("the configuration is valid");
    std::fs::remove_file(&file).expect("the file is there");
    assert_eq!(config.kafka.properties["sasl.password"], "open sesame");
    assert!(!format!("{config:?}").contains("sesame"));
}

#[test]
fn what_librdkafka_does_not_take_is_a_fault_like_any_other_and_no_secret_is_repeated() {
    let file = std::env::temp_dir().join(format!("tollkeeper-typo-{}", std::process::id()));
    std::fs::write(&file, "open sesame\n").expect("the temporary folder takes a file");
    let text = format!(
        "[kafka]\nsasl.passwrd_file = \"{}\"\nfoo.bar = 1\nsecurity.protocol = \"NONSENSE\"\n",
        file.display()
    );
    let faults = parse(&text, &[]).expect_err("librdkafka takes none of them");
    std::fs::remove_file(&file).expect("the file is there");
    let words = faults.to_string();
    for (key, what) in [
        ("kafka.sasl.passwrd_file", "librdkafka has no such property"),
        ("kafka.foo.bar", "librdkafka has no such property"),
        (
            "kafka.security.protocol",
            "librdkafka does not take its value",
        ),
    ] {
        let told = words
            .lines()
            .any(|line| line.contains(key) && line.contains(what));
        assert!(told, "{key}: {words}");
    }
    assert!(!words.contains("sesame"), "{words}");
}

#[test]
fn a_secret_of_more_than_a_mebibyte_is_none() {
    let file = std::env::temp_dir().join(format!("tollkeeper-long-{}", std::process::id()));
    std::fs::write(&file, vec![b'x'; 1024 * 1024 + 1]).expect("the temporary folder takes a file");
    let text = format!("[kafka]\nsasl.password_file = \"{}\"\n", file.display());
    let faults = parse(&text, &[]).expect_err("the secret is too long");
    std::fs::remove_file(&file).expect("the file is there");
    let words = faults.to_string();
    assert!(words.ends_with("it is larger than 1 MiB"), "{words}");
}

#[test]
fn every_fault_is_named_at_once() {
    check_faults(
        "\
[kafka]
group.id = \"mine\"
sasl.password = \"open sesame\"
ssl.key.password_file = \"/does/not/exist\"
[topics]
events = \"calls\"
rejected = \"calls\"
state = \"no spaces\"
replication = 1
partitions = 0
[worker]
comit_interval_ms = 50
transaction_timeout_ms = 20000
workers = \"two\"
[http]
listen = \"here\"
[log]
format = \"xml\"
[balances]
publish = 1
",
        &[
            ("TOLLKEEPER_RULES__SILENCE_MINUTES", "ten"),
            ("TOLLKEEPER_SHUTDOWN__LEAVE", "yes"),
            ("TOLLKEEPER_NO__SUCH", "x"),
        ],
        &expect![[r#"
            the configuration has 16 fault(s)
              kafka.group.id: is set by tollkeeper itself and cannot be changed
              kafka.sasl.password: is a secret: put it into a file and name that in `kafka.sasl.password_file`
              kafka.ssl.key.password_file: reading `/does/not/exist`: No such file or directory (os error 2)
              topics.rejected: `calls` is the name of `topics.events` as well
              topics.state: `no spaces` is not 1 to 249 letters, digits, `.`, `_` or `-`
              topics.partitions: is not between `1` and `10000`
              balances.publish: is not `true` or `false` but integer
              topics.min_insync_replicas: `2` is more than `topics.replication`, `1`: nothing could ever be written
              worker.transaction_timeout_ms: is not below `worker.session_timeout_ms`: a partition's next owner would find its predecessor's transaction undecided
              worker.workers: is not a whole number but string
              rules.silence_minutes: `ten` is not a whole number
              http.listen: `here` is not an address and port
              shutdown.leave: `yes` is not `true` or `false`
              log.format: `xml` is none of `text`, `json`
              no.such: is not a key that exists
              worker.comit_interval_ms: is not a key that exists"#]],
    );
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    check_faults(
        "[worker\n",
        &[],
        &expect![[r#"
        the configuration has 1 fault(s)
          the file: TOML parse error at line 1, column 8
          |
        1 | [worker
          |        ^
        unclosed table, expected `]`"#]],
    );
}
