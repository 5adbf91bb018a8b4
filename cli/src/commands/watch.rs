//! `eventsmith watch`: what is wrong with a catalogue and what breaks its readers, at every save.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use clap::Args;
use eventsmith_codegen::load::is_part;

use super::breaking::Breaking;
use super::lint::Lint;
use crate::catalogue::Schemas;
use crate::exit::ExitStatus;
use crate::git::GitRepository;
use crate::output::{Out, note};

/// Lint the catalogue and compare it with an earlier one, now and whenever a file of it is saved, made or removed
///
/// Runs until it is interrupted.
#[derive(Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    schemas: Schemas,
    /// The earlier catalogue: a git revision, or a folder [default: HEAD, in a repository that has a commit]
    #[arg(long, value_name = "REF|DIR")]
    against: Option<String>,
}

/// How often to look: sooner than somebody turns from the editor to the terminal.
const PAUSE: Duration = Duration::from_millis(200);

/// When each file was written, and how long it is.
type Snapshot = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Watch {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let folder = self.schemas.folder()?;
        let mut seen = Snapshot::new();
        loop {
            let now = settled(&folder);
            if now != seen {
                seen = now;
                self.look(out, &folder);
                if out.is_closed() {
                    return Ok(ExitStatus::Clean);
                }
            }
            sleep(PAUSE);
        }
    }

    /// Prints how the catalogue fares. What keeps a command from running may be mended by the next save.
    fn look(&self, out: &mut Out, folder: &Path) {
        let against = self.against.clone().or_else(|| head(folder));
        let failed = Lint::of(self.schemas.clone()).run(out).err();
        if against.is_none() {
            note(format_args!(
                "not compared with an earlier catalogue: no git repository with a commit holds this one; commit it, or name one by --against"
            ));
        }
        let compared = against.map(|against| Breaking::of(self.schemas.clone(), against).run(out));
        for error in failed.into_iter().chain(compared.and_then(Result::err)) {
            note(format_args!("error: {error:#}"));
        }
        note(format_args!("---"));
    }
}

/// The last commit of the repository that holds the folder, if it is in one.
fn head(folder: &Path) -> Option<String> {
    let head = "HEAD".to_owned();
    GitRepository::of(folder).and_then(|repository| repository.commit(&head)).ok().map(|_| head)
}

/// The files once they stay as they are: an editor may write several, or one in steps.
fn settled(folder: &Path) -> Snapshot {
    let mut last = snapshot(folder);
    loop {
        sleep(PAUSE / 4);
        let next = snapshot(folder);
        if next == last {
            return next;
        }
        last = next;
    }
}

fn snapshot(folder: &Path) -> Snapshot {
    let mut files = Snapshot::new();
    add(folder, "", &mut files);
    files
}

/// Adds the files of the catalogue below a folder; what cannot be read is told by those who read it.
fn add(folder: &Path, below: &str, files: &mut Snapshot) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let path = format!("{below}{}", name.to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            // Whether anything in it can be part of the catalogue.
            if is_part(&format!("{path}/a.json")) {
                add(&entry.path(), &format!("{path}/"), files);
            }
        } else if is_part(&path) {
            let found = fs::metadata(entry.path()).ok();
            let written = found.as_ref().and_then(|found| found.modified().ok());
            files.insert(entry.path(), (written, found.map_or(0, |found| found.len())));
        }
    }
}
