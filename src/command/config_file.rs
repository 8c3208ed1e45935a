//! Where the configuration is, for the commands that need it.

use std::path::PathBuf;

use super::Failure;
use crate::config::Config;

/// The option that names the configuration.
#[derive(Debug, clap::Args)]
pub struct ConfigFile {
    /// Configuration file (TOML); without it the defaults and the environment count.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// The validated configuration.
    ///
    /// # Errors
    /// [`Failure::Usage`] with every fault there is.
    pub fn load(&self) -> Result<Config, Failure> {
        Config::load(self.config.as_deref()).map_err(|faults| Failure::Usage(faults.to_string()))
    }
}
