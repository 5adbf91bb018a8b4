//! Files of earlier revisions, read from git's objects by the `git` program: nothing is checked out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context as _, anyhow, bail};

mod links;
mod program;

use links::Entry;
use program::{Git, parts};

/// The repository that holds a folder.
pub(crate) struct GitRepository {
    git: Git,
    /// The top of what is checked out.
    top: PathBuf,
    /// The folder below the top of the repository, without slashes at its ends; empty for the top itself.
    folder: String,
}

/// What makes a folder a catalogue.
const MANIFEST: &str = eventsmith_codegen::manifest::FILE_NAME;

/// Files by path, relative to the catalogue's folder.
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

    /// A commit, with the catalogue where it is now.
    pub(crate) fn revision(&self, commit: &str) -> Revision {
        Revision { commit: commit.to_owned(), folder: self.folder.clone() }
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
        // What begins with one of these is a step from a revision; no name has them.
        let name = revision.find(['~', '^', ':']).into_iter().chain(revision.find("@{")).min();
        let (name, steps) = revision.split_at(name.unwrap_or(revision.len()));
        let named = self.references_named(name)?;
        if let [(one, commit), others @ ..] = named.as_slice()
            && let Some((other, _)) = others.iter().find(|(_, id)| id != commit)
        {
            bail!("{name:?} is two revisions: say {one}{steps} or {other}{steps}");
        }
        let commit = format!("{revision}^{{commit}}");
        let found = self.git.text(["rev-parse", "--verify", commit.as_str()]);
        let found = found.with_context(|| {
            let name = revision.strip_prefix("origin/").unwrap_or(revision);
            let way_out = match self.is_shallow() {
                Ok(true) if !steps.is_empty() => "the clone is shallow: git fetch --unshallow".to_owned(),
                _ if !steps.is_empty() => "see git log for what there is".to_owned(),
                _ => format!("if the remote has it: git fetch origin {name}"),
            };
            format!("this repository has no revision {revision:?}; {way_out}")
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

    /// The commit of this repository that another one, whose submodule it is, had in a revision; nothing where it is no submodule. The
    /// revision is one of the other repository: that is where somebody asks to merge.
    pub(crate) fn in_superproject(&self, revision: &str, tip: bool) -> anyhow::Result<Option<String>> {
        let outer = self.git.text(["rev-parse", "--show-superproject-working-tree"])?;
        let outer = Path::new(outer.trim_end_matches(['\n', '\r']));
        if outer.as_os_str().is_empty() {
            return Ok(None);
        }
        let repository = Self::of(outer)?;
        let path = self.top.strip_prefix(&repository.top).ok().and_then(Path::to_str);
        let path = path.with_context(|| format!("{} is not in {}", self.top.display(), outer.display()))?;
        let commit = repository.commit(revision)?;
        let base = if tip { None } else { repository.merge_base(&commit)? };
        let commit = base.unwrap_or(commit);
        let listing = repository.git.text(["--literal-pathspecs", "ls-tree", "--full-tree", &commit, path])?;
        match listing.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["160000", "commit", id, ..] => {
                let found = self.git.text(["rev-parse", "--verify", &format!("{id}^{{commit}}")]);
                let found =
                    found.with_context(|| format!("the submodule {path} has no commit {id}; git fetch it there"))?;
                Ok(Some(found.trim().to_owned()))
            }
            _ => bail!(
                "{path} is a submodule, and none in {revision} of {}: check {revision} out into a folder with its submodules, and \
                 compare with that: --against FOLDER",
                outer.display()
            ),
        }
    }

    /// The newest commit that the checked out state and another commit both come from, if there is one. Where histories cross there are
    /// several, and none of them has all that was published.
    pub(crate) fn merge_base(&self, commit: &str) -> anyhow::Result<Option<String>> {
        let found = self.git.command().args(["merge-base", "--all", "HEAD", commit]).stdin(Stdio::null()).output();
        let found = found.context("git cannot be run")?;
        let base = str::from_utf8(&found.stdout).unwrap_or_default().trim();
        let is_one = found.status.success() && base.lines().count() == 1;
        Ok(is_one.then(|| base.to_owned()))
    }

    /// Whether the clone leaves out older commits.
    pub(crate) fn is_shallow(&self) -> anyhow::Result<bool> {
        Ok(self.git.text(["rev-parse", "--is-shallow-repository"])?.trim() == "true")
    }

    /// The commits reachable from one that touch the catalogue, newest first, each with the folder that the catalogue had then.
    pub(crate) fn history(&self, commit: &str, is_part: impl Fn(&str) -> bool) -> anyhow::Result<Vec<Revision>> {
        /// So many moves are followed; two folders that take turns would be followed without end.
        const MOST_MOVES: usize = 16;
        let (mut found, mut commit, mut folder) = (Vec::new(), commit.to_owned(), self.folder.clone());
        for _ in 0..MOST_MOVES {
            let touching = self.touching(&commit, &folder)?;
            found.extend(touching.into_iter().map(|commit| Revision { commit, folder: folder.clone() }));
            let Some(first) = self.touching(&commit, &format!("{}{MANIFEST}", below(&folder)))?.pop() else { break };
            let Some((parent, from)) = self.moved_in(&first, &folder, &is_part)? else { break };
            (commit, folder) = (parent, from);
        }
        Ok(found)
    }

    /// The commits reachable from one that touch a path, newest first; of its own accord git leaves out what a merge did not keep.
    fn touching(&self, commit: &str, at: &str) -> anyhow::Result<Vec<String>> {
        let path = format!(":(top,literal){at}");
        let mut arguments = vec!["rev-list", "--full-history", commit, "--"];
        if !at.is_empty() {
            arguments.push(&path);
        }
        Ok(self.git.text(arguments)?.lines().map(str::to_owned).collect())
    }

    /// From which folder of a parent a commit moved the catalogue to a folder, if it did.
    fn moved_in(
        &self,
        commit: &str,
        folder: &str,
        is_part: &impl Fn(&str) -> bool,
    ) -> anyhow::Result<Option<(String, String)>> {
        let now = self.paths(commit)?;
        let parents = self.git.text(["rev-parse", &format!("{commit}^@")])?;
        for parent in parents.lines() {
            if let Some(from) = left(&self.paths(parent)?, &now, folder, is_part) {
                return Ok(Some((parent.to_owned(), from)));
            }
        }
        Ok(None)
    }

    /// The folder of another catalogue of a commit that lost schema files since, and may have lost them to this one; or around it.
    pub(crate) fn moved(&self, commit: &str, is_part: impl Fn(&str) -> bool) -> anyhow::Result<Option<String>> {
        let mut kept = BTreeSet::new();
        for entry in parts(&self.git.output(["ls-files", "-z", "-t", "--full-name", "--", ":/"])?) {
            // What a sparse checkout leaves out is there all the same.
            let Some((tag, path)) = str::from_utf8(entry).ok().and_then(|entry| entry.split_once(' ')) else {
                continue;
            };
            if tag == "S" || self.is_there(path) {
                kept.insert(path.to_owned());
            }
        }
        let before = self.paths(commit)?;
        // A new manifest within a catalogue takes the files below it out of that.
        let ends = self.folder.match_indices('/').map(|(end, _)| &self.folder[..end]);
        let around = ends.chain([""]).find(|outer| before.contains(&format!("{}{MANIFEST}", below(outer))));
        let around = around.filter(|outer| *outer != self.folder).map(str::to_owned);
        Ok(left(&before, &kept, &self.folder, &is_part).or(around))
    }

    /// Whether a file is checked out, at its own place and not behind a link.
    fn is_there(&self, path: &str) -> bool {
        let mut at = self.top.clone();
        let mut steps = path.split('/').peekable();
        while let Some(step) = steps.next() {
            at.push(step);
            let is_last = steps.peek().is_none();
            if !fs::symlink_metadata(&at).is_ok_and(|found| is_last || found.is_dir()) {
                return false;
            }
        }
        true
    }

    /// The paths of all files of a commit, but for those whose names are not UTF-8.
    fn paths(&self, commit: &str) -> anyhow::Result<BTreeSet<String>> {
        let listing = self.git.output(["ls-tree", "-r", "-z", "--full-tree", "--name-only", commit])?;
        Ok(parts(&listing).filter_map(|path| str::from_utf8(path).ok().map(str::to_owned)).collect())
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

/// A commit, and the folder that the catalogue has in it.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    pub(crate) commit: String,
    folder: String,
}

/// A folder below the top of the repository as the beginning of paths.
fn below(folder: &str) -> String {
    if folder.is_empty() { String::new() } else { format!("{folder}/") }
}

/// The folder of a catalogue among the files of before, other than the one given, that is gone now, or that lost a schema file of a
/// name that there is in the given one.
fn left(
    before: &BTreeSet<String>,
    now: &BTreeSet<String>,
    folder: &str,
    is_part: &impl Fn(&str) -> bool,
) -> Option<String> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let start = below(folder);
    let own: BTreeSet<String> = now.iter().filter_map(|path| path.strip_prefix(&start)).map(name).collect();
    let manifests = before.iter().filter_map(|path| path.strip_suffix(MANIFEST));
    let mut others = manifests.filter(|other| (other.is_empty() || other.ends_with('/')) && *other != start);
    let has_lost = |other: &&str| {
        let files = before.iter().filter(|path| path.strip_prefix(*other).is_some_and(is_part));
        let mut lost = files.filter(|path| !now.contains(*path));
        lost.any(|path| name(path) == MANIFEST || own.contains(&name(path)))
    };
    others.find(has_lost).map(|other| other.trim_end_matches('/').to_owned())
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
    /// The wanted files of the catalogue's folder as of a commit, and those that its links lead to; none where it had no such folder.
    ///
    /// # Errors
    /// Git fails, or what is wanted lies where it cannot be looked at: behind a link out of the folder, or in a submodule.
    pub(crate) fn files(&mut self, revision: &Revision, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Files> {
        let Revision { commit, folder } = revision;
        let entries = self.listed(commit, folder, true)?;
        // A link that leads out of the folder may lead to a file, which is of no interest, or to a folder.
        let leads_out = entries.iter().any(|(path, entry)| match entry {
            Entry::Link(to) => !links::is_file(&entries, path, to),
            Entry::File(_) | Entry::Submodule => false,
        });
        let whole = if leads_out && !folder.is_empty() { self.listed(commit, "", false)? } else { entries.clone() };
        let found = links::resolved(&entries, &whole, folder, wanted);
        let found = found.map_err(|error| anyhow!("in the revision {commit}, {error}"))?;
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

    /// Everything in a folder. One of a catalogue must not have schema files whose names cannot be read.
    fn listed(&mut self, commit: &str, folder: &str, is_read: bool) -> anyhow::Result<BTreeMap<String, Entry>> {
        let git = &self.repository.git;
        // In a commit without the folder the listing is empty, which is no error.
        let mut arguments = vec!["--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", commit];
        if !folder.is_empty() {
            arguments.push(folder);
        }
        let below = below(folder);
        let listing = git.output(arguments)?;
        let mut entries = BTreeMap::new();
        for entry in parts(&listing) {
            let Ok(entry) = str::from_utf8(entry) else {
                if entry.ends_with(b".json") && is_read {
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
