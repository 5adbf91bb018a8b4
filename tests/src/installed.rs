//! Programs of others, each put under `target/` by the first test that needs it. The tests of the command line have this file as a
//! module, too.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder `name` in `under`, the folder that Cargo gives to tests, which the first call fills. Any number of processes may call it
/// at once.
///
/// # Errors
/// When the folder cannot be written to, or `install` fails; then the next call tries again.
pub fn installed(under: &Path, name: &str, install: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<PathBuf> {
    let folder = under.join(name);
    let lock = File::create(under.join(format!("{name}.lock")))?;
    lock.lock()?;
    if !folder.is_dir() {
        let scratch = tempfile::tempdir_in(under)?;
        install(scratch.path())?;
        std::fs::rename(scratch.keep(), &folder)?;
    }
    Ok(folder)
}

/// Where a Python package is, `NAME==VERSION`, with what it depends on: a folder for `PYTHONPATH`.
///
/// # Errors
/// As [`installed`].
pub fn pip(under: &Path, package: &str) -> io::Result<PathBuf> {
    installed(under, &package.replace("==", "-"), |folder| {
        let arguments =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-user", "--target"];
        run(Command::new("python3").args(arguments).arg(folder).arg(package))
    })
}

/// Where the files of a package of Debian are, without those it depends on: nobody has to be root for that, nor to have lists of
/// packages that are up to date.
///
/// # Errors
/// As [`installed`]; also where there is no `apt-get`.
pub fn debian(under: &Path, package: &str) -> io::Result<PathBuf> {
    installed(under, package, |folder| {
        let scratch = tempfile::tempdir_in(under)?;
        let (lists, cache) = (scratch.path().join("lists"), scratch.path().join("cache"));
        std::fs::create_dir_all(lists.join("partial"))?;
        std::fs::create_dir_all(cache.join("archives/partial"))?;
        let apt = |arguments: &[&str]| {
            let mut apt = Command::new("apt-get");
            apt.args(["--quiet", "-o", "Dir::State::status=/dev/null", "-o", "Debug::NoLocking=1"]);
            apt.arg("-o").arg(format!("Dir::State::lists={}", lists.display()));
            apt.arg("-o").arg(format!("Dir::Cache={}", cache.display()));
            run(apt.args(arguments).current_dir(folder))
        };
        apt(&["update"])?;
        apt(&["download", package])?;
        let files = std::fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
        let file = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb"));
        let file = file.ok_or_else(|| io::Error::other("apt-get downloaded no package"))?;
        run(Command::new("dpkg").arg("-x").arg(file).arg(folder))
    })
}

/// Runs a command that must succeed.
///
/// # Errors
/// When it does not, with all that it printed.
pub fn run(command: &mut Command) -> io::Result<()> {
    let ran = command.output()?;
    let text =
        || format!("{command:?}: {}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if ran.status.success() { Ok(()) } else { Err(io::Error::other(text())) }
}
