//! The file in which an audit leaves off for the next one.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use crate::audit::Checkpoint;
use crate::command::Failure;
use crate::journal::Genesis;

/// What the last audit left; the beginning where there is no such file yet.
pub(super) fn load(file: Option<&Path>, genesis: &Genesis) -> Result<Checkpoint, Failure> {
    let Some(file) = file else {
        return Ok(Checkpoint::beginning(genesis));
    };
    match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Checkpoint::beginning(genesis)),
        Err(error) => Err(Failure::unreadable(file, &error)),
        Ok(bytes) => Checkpoint::decode(&bytes, genesis).map_err(|error| {
            let name = file.display();
            Failure::Usage(format!(
                "`{name}` is {error}; without it the audit begins anew"
            ))
        }),
    }
}

/// Keeps it, whole or not at all.
pub(super) fn keep(file: Option<&Path>, checkpoint: &Checkpoint) -> Result<(), Failure> {
    let Some(file) = file else { return Ok(()) };
    let write = || -> io::Result<()> {
        let mut beside = file.as_os_str().to_owned();
        beside.push(".new");
        let mut new = fs::File::create(&beside)?;
        new.write_all(&checkpoint.encode())?;
        new.sync_all()?;
        fs::rename(&beside, file)
    };
    write().map_err(|error| Failure::World(format!("writing `{}`: {error}", file.display())))
}
