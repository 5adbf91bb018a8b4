//! Files of earlier revisions, read from git's objects by the `git` program: nothing is checked out.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, anyhow, bail};

/// The repository that holds a folder.
pub(crate) struct GitRepository {
    /// Where git runs.
    here: PathBuf,
    /// The folder below the top of the repository, without slashes at its ends; empty for the top itself.
    folder: String,
}

/// Files by path, relative to the repository's folder.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

impl GitRepository {
    /// The repository of a folder that exists.
    ///
    /// # Errors
    /// The folder is in no repository, or git cannot be run.
    pub(crate) fn of(folder: &Path) -> anyhow::Result<Self> {
        let folder = fs::canonicalize(folder).with_context(|| format!("{} cannot be found", folder.display()))?;
        // In a hook, GIT_DIR is relative to the current folder.
        let here = match env::var_os("GIT_DIR") {
            Some(_) => env::current_dir().context("cannot determine the current folder")?,
            None => folder.clone(),
        };
        let top = run(&here, ["rev-parse", "--show-toplevel"])?;
        let top = fs::canonicalize(top.trim_end_matches(['\n', '\r'])).context("git's top folder cannot be found")?;
        let below = folder
            .strip_prefix(&top)
            .map_err(|_| anyhow!("{} is not in the repository {}; is GIT_DIR set?", folder.display(), top.display()))?;
        let steps = below.iter().map(|step| step.to_str().context("the path of the schemas is not UTF-8"));
        let folder = steps.collect::<anyhow::Result<Vec<_>>>()?.join("/");
        Ok(Self { here, folder })
    }

    /// The folder below the top of the repository, for messages.
    pub(crate) fn folder(&self) -> &str {
        if self.folder.is_empty() { "the top of the repository" } else { &self.folder }
    }

    /// The commit that a revision names.
    ///
    /// # Errors
    /// It names none.
    pub(crate) fn commit(&self, revision: &str) -> anyhow::Result<String> {
        // Git would read it as an option; no name of a revision begins so.
        if revision.is_empty() || revision.starts_with('-') {
            bail!("{revision:?} is no revision");
        }
        let commit = format!("{revision}^{{commit}}");
        Ok(run(&self.here, ["rev-parse", "--verify", commit.as_str()])?.trim().to_owned())
    }

    /// Whether the clone leaves out older commits.
    pub(crate) fn is_shallow(&self) -> anyhow::Result<bool> {
        Ok(run(&self.here, ["rev-parse", "--is-shallow-repository"])?.trim() == "true")
    }

    /// The commits reachable from one that touch the folder, newest first.
    pub(crate) fn history(&self, commit: &str) -> anyhow::Result<Vec<String>> {
        let folder = format!(":(top,literal){}", self.folder);
        let mut arguments = vec!["rev-list", commit, "--"];
        if !self.folder.is_empty() {
            arguments.push(&folder);
        }
        Ok(run(&self.here, arguments)?.lines().map(str::to_owned).collect())
    }

    /// Opens git's objects for reading.
    pub(crate) fn objects(&self) -> anyhow::Result<GitObjects<'_>> {
        let mut child = git(&self.here)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("git cannot be run")?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let input = input.context("git has no input")?;
        let output = BufReader::new(output.context("git has no output")?);
        Ok(GitObjects { repository: self, child, input: Some(input), output, blobs: HashMap::new() })
    }
}

/// A process of git that reads objects, and those read so far.
pub(crate) struct GitObjects<'a> {
    repository: &'a GitRepository,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    blobs: HashMap<String, Vec<u8>>,
}

impl GitObjects<'_> {
    /// The wanted files of the repository's folder as of a commit; none where it had no such folder.
    /// Symbolic links and submodules are left out.
    pub(crate) fn files(&mut self, commit: &str, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Files> {
        let mut files = Files::new();
        for (path, id) in self.listed(commit)? {
            if wanted(&path) {
                files.insert(path, self.blob(&id)?);
            }
        }
        Ok(files)
    }

    /// The regular files of the folder with the ids of their blobs.
    fn listed(&self, commit: &str) -> anyhow::Result<Vec<(String, String)>> {
        let GitRepository { here, folder } = self.repository;
        // In a commit without the folder the listing is empty, which is no error.
        let mut arguments = vec!["ls-tree", "-r", "-z", "--full-tree", commit];
        if !folder.is_empty() {
            arguments.push(folder);
        }
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let listing = output(here, arguments)?;
        let mut files = Vec::new();
        for entry in listing.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
            // A catalogue has no file whose name is not UTF-8.
            let Ok(entry) = str::from_utf8(entry) else { continue };
            let (meta, path) = entry.split_once('\t').context("git ls-tree printed an entry of an unknown form")?;
            let mut meta = meta.split(' ');
            let (mode, id) = (meta.next().unwrap_or_default(), meta.nth(1).unwrap_or_default());
            if let (true, Some(path)) = (mode.starts_with("100"), path.strip_prefix(&below)) {
                files.push((path.to_owned(), id.to_owned()));
            }
        }
        Ok(files)
    }

    /// The content of a blob, read once.
    fn blob(&mut self, id: &str) -> anyhow::Result<Vec<u8>> {
        if let Some(bytes) = self.blobs.get(id) {
            return Ok(bytes.clone());
        }
        let bytes = self.read(id).with_context(|| format!("git cannot read the object {id}"))?;
        self.blobs.insert(id.to_owned(), bytes.clone());
        Ok(bytes)
    }

    fn read(&mut self, id: &str) -> anyhow::Result<Vec<u8>> {
        let input = self.input.as_mut().context("git has ended")?;
        writeln!(input, "{id}")?;
        input.flush()?;
        let mut header = String::new();
        self.output.read_line(&mut header)?;
        let size = match header.split_whitespace().collect::<Vec<_>>().as_slice() {
            [_, "blob", size] => size.parse::<usize>()?,
            [] => bail!("git has ended"),
            _ => bail!("{}; a clone that leaves objects out must be able to fetch them", header.trim()),
        };
        let mut bytes = vec![0; size];
        self.output.read_exact(&mut bytes)?;
        // A line ends every object.
        self.output.read_exact(&mut [0])?;
        Ok(bytes)
    }
}

impl Drop for GitObjects<'_> {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

fn git(here: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(here);
    git
}

/// What git prints as text.
fn run<A: AsRef<OsStr>>(here: &Path, arguments: impl IntoIterator<Item = A>) -> anyhow::Result<String> {
    String::from_utf8(output(here, arguments)?).context("git prints what is not UTF-8")
}

/// What git prints. When it fails, its message is the error.
fn output<A: AsRef<OsStr>>(here: &Path, arguments: impl IntoIterator<Item = A>) -> anyhow::Result<Vec<u8>> {
    let output =
        git(here).args(arguments).stdin(Stdio::null()).output().context("git cannot be run; is it installed?")?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let message = message.trim().trim_start_matches("fatal: ");
        bail!("git: {}", if message.is_empty() { "no message" } else { message });
    }
    Ok(output.stdout)
}
