//! What eventsmith makes of the schemas.

use std::fs;
use std::path::Path;

use anyhow::anyhow;
use eventsmith_codegen::load;
use eventsmith_tests::realistic::File;

/// The text of a crate, from a catalogue that is written into a folder first.
pub(crate) fn generate(dir: &Path, files: &[File]) -> anyhow::Result<String> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    eventsmith_tests::realistic::write_files(dir, files)?;
    eventsmith_codegen::generate(&load(dir)).map_err(|findings| anyhow!("eventsmith: {findings:#?}"))
}
