//! `rates`: check a card's CSV, publish it as the next version, ask which row prices a number.
//! What a row means and what it costs is decided in the room of the rate cards, not here.

mod check;
#[cfg(any(feature = "kafka", test))]
mod explain;
#[cfg(feature = "kafka")]
mod lookup;
#[cfg(feature = "kafka")]
mod publish;

use std::fs;
use std::path::Path;

use super::Failure;

/// Checks, publishes and explains rate cards.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Check(check::Arguments),
    #[cfg(feature = "kafka")]
    Publish(publish::Arguments),
    #[cfg(feature = "kafka")]
    Lookup(lookup::Arguments),
}

impl Arguments {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Check(arguments) => arguments.run(),
            #[cfg(feature = "kafka")]
            Action::Publish(arguments) => arguments.run(),
            #[cfg(feature = "kafka")]
            Action::Lookup(arguments) => arguments.run(),
        }
    }
}

/// A card's CSV: its rows and what is in it, in a line. Every fault is told.
fn read_card(path: &Path) -> Result<check::Checked, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::unreadable(path, &error))?;
    check::checked(&path.display().to_string(), &bytes).map_err(Failure::Input)
}
