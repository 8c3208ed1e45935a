//! The log: lines for people or JSON for collectors, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// The log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSettings {
    /// How lines look.
    pub format: LogFormat,
    /// What is logged: a level, or levels by module.
    pub filter: Targets,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts the log of this process, once.
pub fn start_log(settings: LogSettings) {
    let registry = tracing_subscriber::registry().with(settings.filter);
    match settings.format {
        LogFormat::Text => registry
            .with(
                fmt::layer()
                    .with_ansi(io::stderr().is_terminal())
                    .with_writer(io::stderr),
            )
            .init(),
        LogFormat::Json => registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_writer(io::stderr),
            )
            .init(),
    }
}
