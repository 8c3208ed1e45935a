//! One file a command: what it takes, what it does, and the help that teaches it.
//! A command reads arguments and prints; it never decides what a call costs.

#[cfg(feature = "kafka")]
mod audit;
#[cfg(feature = "kafka")]
mod config_file;
#[cfg(feature = "kafka")]
mod consume;
#[cfg(feature = "kafka")]
mod demo;
mod failure;
#[cfg(feature = "kafka")]
mod journal;
#[cfg(feature = "kafka")]
mod lines;
#[cfg(feature = "kafka")]
mod observe;
#[cfg(feature = "kafka")]
mod publish;
mod rates;
#[cfg(feature = "kafka")]
mod reach;
#[cfg(feature = "kafka")]
mod run;
#[cfg(feature = "kafka")]
mod show;
mod simulate;
#[cfg(feature = "kafka")]
mod skip;
#[cfg(feature = "kafka")]
mod tenants;
#[cfg(feature = "kafka")]
mod topics;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

#[cfg(feature = "kafka")]
pub use config_file::ConfigFile;
pub use failure::Failure;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "tollkeeper",
    version,
    about = "Charges calls against prepaid credit, on Kafka, exactly once.",
    after_help = "\
Exit codes:
  0  done
  1  the input is at fault (a rate card, an event file, books that do not balance)
  2  usage or configuration
  3  the world (Kafka or a file cannot be read, a topic is missing, a name is in use)

Each command explains itself: tollkeeper COMMAND --help",
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, clap::Subcommand)]
enum Command {
    #[cfg(feature = "kafka")]
    Demo(demo::Arguments),
    #[cfg(feature = "kafka")]
    Run(run::Arguments),
    Simulate(simulate::Arguments),
    Rates(rates::Arguments),
    #[cfg(feature = "kafka")]
    Audit(audit::Arguments),
    #[cfg(feature = "kafka")]
    Journal(journal::Arguments),
    #[cfg(feature = "kafka")]
    Tenants(tenants::Arguments),
    #[cfg(feature = "kafka")]
    Skip(skip::Arguments),
    #[cfg(feature = "kafka")]
    Topics(topics::Arguments),
    #[cfg(feature = "kafka")]
    Publish(publish::Arguments),
    #[cfg(feature = "kafka")]
    Consume(consume::Arguments),
}

impl Command {
    fn run(self) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "kafka")]
            Command::Demo(arguments) => arguments.run(),
            #[cfg(feature = "kafka")]
            Command::Run(arguments) => arguments.run(),
            Command::Simulate(arguments) => arguments.run(),
            Command::Rates(arguments) => arguments.run(),
            #[cfg(feature = "kafka")]
            Command::Audit(arguments) => arguments.run(),
            #[cfg(feature = "kafka")]
            Command::Journal(arguments) => arguments.run(),
            #[cfg(feature = "kafka")]
            Command::Tenants(arguments) => arguments.run(),
            #[cfg(feature = "kafka")]
            Command::Skip(arguments) => arguments.run(),
            #[cfg(feature = "kafka")]
            Command::Topics(arguments) => arguments.run(),
            #[cfg(feature = "kafka")]
            Command::Publish(arguments) => arguments.run(),
            #[cfg(feature = "kafka")]
            Command::Consume(arguments) => arguments.run(),
        }
    }
}

/// Carries out what the command line says: 0 done, 1 the input is at fault, 2 usage or
/// configuration, 3 the world.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(answer) => return failure::explain(&answer),
    };
    match arguments.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
