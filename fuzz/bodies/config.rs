//! A configuration: what the file says, then after a line `---` the environment, `NAME=value` a line.
//! Faults, all of them with their place, or settings that keep their promises.

use tollkeeper::config::Config;

/// Checks one configuration.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (file, environment) = text.split_once("\n---\n").unwrap_or((text, ""));
    // Secrets are read from the files that they name: not from those of whoever runs this.
    if text.contains('/') || text.contains("\\u") || text.contains("\\U") || text.contains("\\x") {
        return;
    }
    let variables = environment.lines().filter_map(|line| line.split_once('='));
    match Config::parse(file, variables) {
        Ok(config) => {
            let worker = &config.worker;
            assert!(worker.transaction_timeout < worker.session_timeout);
            assert!(worker.commit_interval * 2 <= worker.transaction_timeout);
            assert!((1..=256).contains(&worker.workers));
            assert!(!worker.instance.is_empty() && !worker.group.is_empty());
            assert!(config.topics.min_insync_replicas <= config.topics.replication);
            assert!(config.charging.live_calls > 0);
            assert!(!format!("{config:?}").is_empty());
        }
        Err(faults) => {
            let words = faults.to_string();
            assert!(words.lines().count() >= 2, "{words}");
        }
    }
}
