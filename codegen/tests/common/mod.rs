//! Small catalogues on disk.

use std::fs;
use std::path::Path;

/// Writes files into a temporary folder; `eventsmith.toml` with the root `rules` unless one is given.
pub(crate) fn catalogue(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "eventsmith.toml", "root = \"rules\"\n");
    for (path, text) in files {
        write(dir.path(), path, text);
    }
    dir
}

fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
