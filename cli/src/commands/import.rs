//! `eventsmith import`: a catalogue made of what others have written.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use eventsmith_documents::import::{Imported, import};

use crate::exit::ExitStatus;
use crate::format::visible;
use crate::output::{Out, counted, note};
use crate::outside::refuse_link_out_of;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 32 * 1024 * 1024;

/// Make a catalogue of documents of others
#[derive(Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Asyncapi(ImportAsyncapi),
}

/// Make a catalogue of an AsyncAPI document, 2.x or 3.x, in JSON or YAML
///
/// References are followed within the file and to files in its folder or below, never into the network. What cannot be taken over is
/// printed; the rest passes `lint` and `generate`.
#[derive(Args)]
struct ImportAsyncapi {
    /// The document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder to make; it must not exist, or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Import {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.what {
            What::Asyncapi(command) => command.run(out),
        }
    }
}

impl ImportAsyncapi {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let name = self.file.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("{} is no name of a file", self.file.display()))?;
        let folder = match self.file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let top = fs::canonicalize(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
        let imported = import(name, &mut |path| read(&top, path)).map_err(|reason| anyhow!("{reason}"))?;
        self.write(&imported)?;
        for told in &imported.notes {
            writeln!(out, "{} {}", visible(&told.place), visible(&told.message))?;
        }
        out.finish()?;
        let (versions, files) = (counted(imported.versions, "version"), counted(imported.files.len(), "file"));
        note(format_args!(
            "{versions} of events, requests and documents in {files}; {} not taken over as the document has them",
            counted(imported.notes.len(), "place")
        ));
        Ok(ExitStatus::Clean)
    }

    fn write(&self, imported: &Imported) -> anyhow::Result<()> {
        let is_taken = match fs::read_dir(&self.out) {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => self.out.exists(),
        };
        if is_taken {
            bail!("{} is there already; name a folder that does not exist, or is empty", self.out.display());
        }
        for (path, text) in &imported.files {
            let file = self.out.join(path);
            let folder = file.parent().unwrap_or(&self.out);
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
            fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        }
        Ok(())
    }
}

/// Reads a file below a folder, and follows no link out of it.
fn read(top: &Path, path: &str) -> Result<String, String> {
    let file = top.join(path);
    refuse_link_out_of(top, &file)?;
    let found = fs::metadata(&file).map_err(|error| format!("{path} cannot be read: {error}"))?;
    if !found.is_file() {
        return Err(format!("{path} is no file"));
    }
    if found.len() > LARGEST {
        return Err(format!("{path} has more than {LARGEST} bytes"));
    }
    fs::read_to_string(&file).map_err(|error| format!("{path} cannot be read: {error}"))
}
