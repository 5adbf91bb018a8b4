//! `eventsmith breaking`: compares published versions with earlier revisions of them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, ValueEnum};
use eventsmith_codegen::breaking::{Comparisons, Status, compare, compare_all};
use eventsmith_codegen::load::is_part;
use eventsmith_codegen::manifest::{self, Policy};
use eventsmith_codegen::{Loaded, Severity, from_files, load};

use crate::catalogue::{Schemas, checked, shown};
use crate::exit::ExitStatus;
use crate::format::{self, Extra, Finding, FindingFormat, Report};
use crate::git::{Files, GitObjects, GitRepository};
use crate::output::{Out, note};
use crate::outside::refuse_link_out;

/// Compare the catalogue with an earlier one: what is published may change only compatibly
///
/// Writers write declared properties only. That readers understand all of it is proved, or refuted by a payload.
/// Exits with 1 if a change breaks readers, or might.
#[derive(Args)]
pub(crate) struct Breaking {
    #[command(flatten)]
    schemas: Schemas,
    /// The earlier catalogue: a git revision of the repository that holds the schemas, or a folder
    #[arg(long, value_name = "REF|DIR")]
    against: String,
    /// Who must understand whom [default: what eventsmith.toml says, or else full]
    #[arg(long, value_name = "P", value_enum)]
    policy: Option<PolicyName>,
    /// Compare with every revision before REF too [default: what eventsmith.toml says, or else false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    transitive: Option<bool>,
    /// Compare with REF as it is, also where the current branch left it earlier: then what REF got since counts as removed
    #[arg(long)]
    tip: bool,
    /// Let changes pass that could be neither proved nor refuted
    #[arg(long)]
    allow_undecided: bool,
    /// How to print what was found
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: FindingFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum PolicyName {
    /// New readers understand old events
    Backward,
    /// Old readers understand new events
    Forward,
    /// Both
    Full,
}

/// The rules whose findings are counted as comparisons.
const COMPARED: &[&str] = &["breaking-change", "undecided-change"];

impl Breaking {
    /// As somebody reads it who writes schemas.
    pub(crate) fn of(schemas: Schemas, against: String) -> Self {
        let (policy, transitive) = (None, Some(false));
        Self { schemas, against, policy, transitive, tip: false, allow_undecided: false, format: FindingFormat::Text }
    }

    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        // A schema with errors is a finding, beside the comparisons of the others.
        let current = self.schemas.load_readable()?;
        let configured = current.catalogue.manifest.compatibility;
        let policy = match self.policy {
            Some(PolicyName::Backward) => Policy::Backward,
            Some(PolicyName::Forward) => Policy::Forward,
            Some(PolicyName::Full) => Policy::Full,
            None => configured.policy,
        };
        let folder = Path::new(&self.against);
        let mut result = if !self.against.is_empty() && folder.join(manifest::FILE_NAME).is_file() {
            refuse_ambiguous(&self.against, &current)?;
            refuse_link_out(folder).map_err(|problem| anyhow!("{problem}; name the real folder"))?;
            compare(&load(folder), &current, policy)
        } else {
            let is_transitive = self.transitive.unwrap_or(configured.transitive);
            against_revision(&self.against, &current, policy, is_transitive, self.tip)?
        };
        if self.allow_undecided {
            let undecided = result.findings.iter_mut().filter(|finding| finding.rule == "undecided-change");
            undecided.for_each(|finding| finding.severity = Severity::Advice);
        }
        let counts = [Status::Compatible, Status::Identical, Status::Breaking, Status::Undecided]
            .map(|status| format!("{} {}", result.count(status), status.as_str()));
        // What is found beyond the comparisons: removed events, changed keys, errors of a schema.
        let mut others = BTreeMap::<&str, usize>::new();
        for finding in result.findings.iter().filter(|finding| !COMPARED.contains(&finding.rule)) {
            *others.entry(finding.rule).or_default() += 1;
        }
        let counts = counts.into_iter().chain(others.iter().map(|(rule, count)| format!("{count} {rule}")));
        let counts: Vec<String> = counts.collect();
        let exit_status = ExitStatus::of(result.findings.iter().map(|finding| finding.severity));
        let findings: Vec<Finding> = result.findings.iter().map(|finding| shown(&current, finding).into()).collect();
        let comparisons = result.comparisons.into_iter().map(Into::into).collect();
        let extra = Extra { comparisons: Some(comparisons), ..Extra::default() };
        let checked = checked(&current);
        format::write(
            out,
            self.format,
            &Report { command: "breaking", checked: &checked, findings: &findings, extra },
        )?;
        out.flush().context("cannot write to standard output")?;
        note(format_args!("{}", counts.join(", ")));
        Ok(exit_status)
    }
}

/// A name that means a folder and a revision is neither.
fn refuse_ambiguous(name: &str, current: &Loaded) -> anyhow::Result<()> {
    if GitRepository::of(&current.catalogue.dir).and_then(|repository| repository.commit(name)).is_ok() {
        bail!(
            "{name:?} is a folder and a git revision; write ./{name} for the folder, refs/heads/{name} for the branch"
        );
    }
    Ok(())
}

fn against_revision(
    name: &str,
    current: &Loaded,
    policy: Policy,
    is_transitive: bool,
    tip: bool,
) -> anyhow::Result<Comparisons> {
    let resolved = GitRepository::of(&current.catalogue.dir)
        .and_then(|repository| repository.commit(name).map(|commit| (repository, commit)));
    let (repository, commit) = resolved.map_err(|error| match Path::new(name).is_dir() {
        true => anyhow!("the folder {name} holds no {}, and is no git revision: {error:#}", manifest::FILE_NAME),
        false => {
            anyhow!("{name:?} is neither a folder with an {} nor a git revision: {error:#}", manifest::FILE_NAME)
        }
    })?;
    let is_shallow = repository.is_shallow()?;
    if is_transitive && is_shallow {
        bail!(
            "the clone is shallow, so that earlier revisions cannot be compared; fetch them (git fetch --unshallow, or fetch-depth: 0 \
             in a workflow), or say --transitive=false"
        );
    }
    let base = if tip { None } else { repository.merge_base(&commit)? };
    let commit = match base {
        Some(base) if base != commit => {
            note(format_args!(
                "note: compared with {}, where this branch left {name}; --tip compares with {name} itself",
                short(&base)
            ));
            base
        }
        None if !tip => {
            let why = if is_shallow { "the clone is shallow" } else { "nothing is shared with it" };
            note(format_args!(
                "note: compared with {name} itself, as {why} and it is unknown where this branch left it"
            ));
            commit
        }
        _ => commit,
    };
    let mut objects = repository.objects()?;
    let files = objects.files(&commit, is_part)?;
    if !files.contains_key(manifest::FILE_NAME) {
        return match repository.moved(&commit, manifest::FILE_NAME)? {
            None if files.is_empty() => {
                note(format_args!("note: there is no catalogue in {name}, so that nothing is published yet"));
                Ok(Comparisons::default())
            }
            from => {
                let from = from.map_or_else(String::new, |from| format!(" from {from}"));
                let folder = repository.folder();
                bail!("the revision {name} has no {} in {folder}; was the catalogue moved{from}?", manifest::FILE_NAME)
            }
        };
    }
    let commits = if is_transitive { repository.history(&commit)? } else { Vec::new() };
    let mut history = History { objects, commits: commits.into_iter(), last: files.clone(), failure: None };
    let previous = from_files(name, files);
    let result = compare_all(&mut history, &previous, current, policy);
    if let Some(error) = history.failure {
        return Err(error);
    }
    Ok(result)
}

/// The catalogues of some commits, newest first. A catalogue that equals the one of the next newer commit is left out.
struct History<'a> {
    objects: GitObjects<'a>,
    commits: std::vec::IntoIter<String>,
    last: Files,
    failure: Option<anyhow::Error>,
}

impl Iterator for History<'_> {
    type Item = Loaded;

    fn next(&mut self) -> Option<Loaded> {
        loop {
            let commit = self.commits.next()?;
            match self.objects.files(&commit, is_part) {
                Ok(files) => {
                    if files.contains_key(manifest::FILE_NAME) && files != self.last {
                        self.last.clone_from(&files);
                        return Some(from_files(short(&commit), files));
                    }
                }
                Err(error) => {
                    self.failure = Some(error);
                    return None;
                }
            }
        }
    }
}

/// The usual abbreviation of a commit id.
fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
