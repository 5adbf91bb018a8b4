//! What the tests share.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use eventsmith::admin::BusAdmin as _;
use eventsmith::{Bus, Event};
use tempfile::TempDir;

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// What no event, error or log may hold.
pub(crate) const TOKEN: &str = "tok-3f9c1d77e2";

/// A bus in memory with the streams and buckets of the catalogue.
pub(crate) async fn bus() -> Result<Bus, Box<dyn Error>> {
    let bus = Bus::in_memory();
    bus.provision(rules_events::STREAMS).await?;
    bus.provision(rules_events::BUCKETS).await?;
    Ok(bus)
}

/// A file that holds a secret, and its folder, with which it goes.
pub(crate) fn secret_file(lines: &str) -> Result<(TempDir, PathBuf), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("secret");
    fs::write(&path, lines)?;
    Ok((folder, path))
}

/// The events of one type that a bus in memory holds, in their order.
pub(crate) fn events<E: Event>(bus: &Bus) -> Vec<E> {
    bus.published().iter().filter_map(|stored| stored.event::<E>()).collect()
}

/// All that a bus in memory holds, as text.
pub(crate) fn everything(bus: &Bus) -> String {
    bus.published().iter().map(|stored| String::from_utf8_lossy(&stored.payload).into_owned()).collect()
}
