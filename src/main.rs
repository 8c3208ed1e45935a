//! Arguments → one command → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    tollkeeper::command::run(std::env::args_os())
}
