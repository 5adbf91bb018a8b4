//! A public catalogue in separate files: GitHub's webhook schemas, each file with its own copy of what it refers to.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use eventsmith_codegen::load;
use eventsmith_tests::realistic::File;

/// Fetches the schemas, and cuts them into one file for each event.
pub(crate) fn files(dir: &Path) -> anyhow::Result<Vec<File>> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("webhooks.py");
    let status = Command::new("python3").arg(script).arg(dir).status().context("python3 cannot be started")?;
    ensure!(status.success(), "the webhook schemas cannot be had");
    let documents = load(dir).catalogue.documents;
    Ok(documents.into_iter().map(|(path, document)| File { path, schema: document.schema }).collect())
}
