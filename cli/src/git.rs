//! Files of earlier revisions, read from git's objects by the `git` program: nothing is checked out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context as _, anyhow, bail};

mod links;
mod program;

use links::Entry;
use program::Git;

/// The repository that holds a folder.
pub(crate) struct GitRepository {
    git: Git,
    /// The top of what is checked out.
    top: PathBuf,
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
        let (git, top) = Git::of(&folder)?;
        let below = folder
            .strip_prefix(&top)
            .map_err(|_| anyhow!("{} is not in the repository {}; is GIT_DIR set?", folder.display(), top.display()))?;
        let steps = below.iter().map(|step| step.to_str().context("the path of the schemas is not UTF-8"));
        let folder = steps.collect::<anyhow::Result<Vec<_>>>()?.join("/");
        Ok(Self { git, top, folder })
    }

    /// The folder below the top of the repository, for messages.
    pub(crate) fn folder(&self) -> &str {
        if self.folder.is_empty() { "the top of the repository" } else { &self.folder }
    }

    /// The commit that a revision names.
    ///
    /// # Errors
    /// It names none, or several: git would take a tag for the branch of the same name.
    pub(crate) fn commit(&self, revision: &str) -> anyhow::Result<String> {
        // Git would read it as an option; no name of a revision begins so.
        if revision.is_empty() || revision.starts_with('-') {
            bail!("{revision:?} is no revision");
        }
        let named = self.references_named(revision)?;
        if let [(one, commit), others @ ..] = named.as_slice()
            && let Some((other, _)) = others.iter().find(|(_, id)| id != commit)
        {
            bail!("{revision:?} is two revisions: say {one} or {other}");
        }
        let commit = format!("{revision}^{{commit}}");
        let found = self.git.text(["rev-parse", "--verify", commit.as_str()]);
        let found = found.with_context(|| {
            let name = revision.strip_prefix("origin/").unwrap_or(revision);
            format!("this repository has no revision {revision:?}; if the remote has it: git fetch origin {name}")
        })?;
        Ok(found.trim().to_owned())
    }

    /// The branches and tags of a name, in full, with the commits that they lead to.
    fn references_named(&self, name: &str) -> anyhow::Result<Vec<(String, String)>> {
        let wanted = ["refs/heads/", "refs/tags/", "refs/remotes/"].map(|folder| format!("{folder}{name}"));
        // Of a tag with a message, what it is about.
        let format = "--format=%(refname) %(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)";
        let listing = self.git.text(["for-each-ref", format].into_iter().chain(wanted.iter().map(String::as_str)))?;
        let found = listing.lines().filter_map(|line| line.rsplit_once(' '));
        // A pattern matches all below it, too.
        let found = found.filter(|(reference, _)| wanted.iter().any(|wanted| wanted == reference));
        Ok(found.map(|(reference, commit)| (reference.to_owned(), commit.to_owned())).collect())
    }

    /// The newest commit that the checked out state and another commit both come from, if there is one.
    pub(crate) fn merge_base(&self, commit: &str) -> anyhow::Result<Option<String>> {
        let found = self.git.command().args(["merge-base", "HEAD", commit]).stdin(Stdio::null()).output();
        let found = found.context("git cannot be run")?;
        let base = str::from_utf8(&found.stdout).unwrap_or_default().trim();
        Ok((found.status.success() && !base.is_empty()).then(|| base.to_owned()))
    }

    /// Whether the clone leaves out older commits.
    pub(crate) fn is_shallow(&self) -> anyhow::Result<bool> {
        Ok(self.git.text(["rev-parse", "--is-shallow-repository"])?.trim() == "true")
    }

    /// The commits reachable from one that touch the folder, newest first.
    pub(crate) fn history(&self, commit: &str) -> anyhow::Result<Vec<String>> {
        let folder = format!(":(top,literal){}", self.folder);
        let mut arguments = vec!["rev-list", commit, "--"];
        if !self.folder.is_empty() {
            arguments.push(&folder);
        }
        Ok(self.git.text(arguments)?.lines().map(str::to_owned).collect())
    }

    /// Where a commit had a file of this name that is not there any more, if anywhere.
    pub(crate) fn moved(&self, commit: &str, name: &str) -> anyhow::Result<Option<String>> {
        let listing = self.git.text(["ls-tree", "-r", "-z", "--full-tree", "--name-only", commit])?;
        let mut named = listing.split('\0').filter(|path| path.rsplit('/').next() == Some(name));
        Ok(named.find(|path| !self.top.join(path).exists()).map(str::to_owned))
    }

    /// Opens git's objects for reading.
    pub(crate) fn objects(&self) -> anyhow::Result<GitObjects<'_>> {
        let mut child = self
            .git
            .command()
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

/// The most bytes of the files of a revision together, 512 MiB.
const MOST: usize = 512 << 20;

/// The most bytes of those that are there before under another name, 32 MiB: of links and copies git keeps the content once.
const MOST_REPEATED: usize = 32 << 20;

impl GitObjects<'_> {
    /// The wanted files of the repository's folder as of a commit, and those that its links lead to; none where it had no such
    /// folder.
    ///
    /// # Errors
    /// Git fails, or what is wanted lies where it cannot be looked at: behind a link out of the folder, or in a submodule.
    pub(crate) fn files(&mut self, commit: &str, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Files> {
        let entries = self.listed(commit)?;
        let found = links::resolved(&entries, wanted).map_err(|error| anyhow!("in the revision {commit}, {error}"))?;
        let (mut files, mut seen, mut all, mut repeated) = (Files::new(), HashSet::new(), 0, 0);
        for (path, id) in found {
            let bytes = self.blob(&id)?;
            all += bytes.len();
            repeated += if seen.insert(id) { 0 } else { bytes.len() };
            if all > MOST || repeated > MOST_REPEATED {
                bail!(
                    "in the revision {commit}, the files of the catalogue have more than {} MiB, or links and copies more than {}",
                    MOST >> 20,
                    MOST_REPEATED >> 20
                );
            }
            files.insert(path, bytes);
        }
        Ok(files)
    }

    /// Everything in the folder.
    fn listed(&mut self, commit: &str) -> anyhow::Result<BTreeMap<String, Entry>> {
        let GitRepository { git, folder, .. } = self.repository;
        // In a commit without the folder the listing is empty, which is no error.
        let mut arguments = vec!["--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", commit];
        if !folder.is_empty() {
            arguments.push(folder);
        }
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let listing = git.output(arguments)?;
        let mut entries = BTreeMap::new();
        for entry in listing.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
            let Ok(entry) = str::from_utf8(entry) else {
                if entry.ends_with(b".json") {
                    bail!("in the revision {commit}, the name of {} is not UTF-8", String::from_utf8_lossy(entry));
                }
                continue;
            };
            let (meta, path) = entry.split_once('\t').context("git ls-tree printed an entry of an unknown form")?;
            let mut meta = meta.split(' ');
            let (mode, id) = (meta.next().unwrap_or_default(), meta.nth(1).unwrap_or_default());
            let Some(path) = path.strip_prefix(&below) else {
                if mode == "120000" || mode == "160000" {
                    bail!("in the revision {commit}, {path} is a symbolic link or a submodule; name its folder itself");
                }
                continue;
            };
            let entry = match mode {
                "120000" => Entry::Link(String::from_utf8_lossy(&self.blob(id)?).into_owned()),
                "160000" => Entry::Submodule,
                _ => Entry::File(id.to_owned()),
            };
            entries.insert(path.to_owned(), entry);
        }
        Ok(entries)
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
