//! Why a command did not do what it was asked, and the exit code that says so.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Why a command stopped. The text is for a person: what is wrong, where, and what to do.
#[derive(Debug)]
pub enum Failure {
    /// The input is at fault: exit code 1.
    Input(String),
    /// The command line or the configuration is: exit code 2.
    Usage(String),
    /// The world is: Kafka, a file, a name in use: exit code 3.
    World(String),
    /// Whoever read our output has seen enough: nothing to say, exit code 0.
    ReaderGone,
}

impl Failure {
    /// A file that is not there or cannot be read; what stands in it is the input.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Failure::World(format!("reading `{}`: {error}", path.display()))
    }

    /// Tells the person at the terminal and gives the exit code.
    pub fn report(&self) -> ExitCode {
        let (code, text) = match self {
            Failure::Input(text) => (1, text),
            Failure::Usage(text) => (2, text),
            Failure::World(text) => (3, text),
            Failure::ReaderGone => return ExitCode::SUCCESS,
        };
        // With nobody left to read the error, the exit code still tells.
        let _ = writeln!(io::stderr().lock(), "tollkeeper: {text}");
        ExitCode::from(code)
    }
}

impl From<io::Error> for Failure {
    /// For writing to standard output.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::ReaderGone
        } else {
            Failure::World(format!("writing the output: {error}"))
        }
    }
}

/// Prints what clap has to say: help and version to standard output (0), faults to standard error (2).
pub(super) fn explain(answer: &clap::Error) -> ExitCode {
    // As in `report`.
    let _ = answer.print();
    ExitCode::from(u8::from(answer.use_stderr()) * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_failure_and_a_full_disk_is() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(gone, Failure::ReaderGone));
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, Failure::World(text) if text.starts_with("writing the output")));
    }
}
