//! What a figure was measured on.

/// The processor, its cores and this version, in words.
pub fn described() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let version = env!("CARGO_PKG_VERSION");
    format!("machine: {model}, {cores} cores; tollkeeper {version}")
}
