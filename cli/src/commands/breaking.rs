//! `eventsmith breaking`: compares published versions with earlier revisions of them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, ValueEnum};
use eventsmith_codegen::breaking::{Comparisons, Status, compare, compare_all};
use eventsmith_codegen::load::is_part;
use eventsmith_codegen::manifest::{self, Compatibility, Policy};
use eventsmith_codegen::{Loaded, Severity, from_files, load};

use crate::catalogue::{Schemas, checked, shown};
use crate::exit::ExitStatus;
use crate::format::{self, Extra, Finding, FindingFormat, Report};
use crate::git::{Files, GitObjects, GitRepository, Revision};
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

    /// What is known of the change from the earlier catalogue to this one.
    pub(crate) fn compared(&self, current: &Loaded) -> anyhow::Result<Comparisons> {
        let asked = match self.policy {
            Some(PolicyName::Backward) => Some(Policy::Backward),
            Some(PolicyName::Forward) => Some(Policy::Forward),
            Some(PolicyName::Full) => Some(Policy::Full),
            None => None,
        };
        let asked = Asked { policy: asked, transitive: self.transitive, tip: self.tip };
        let folder = Path::new(&self.against);
        if !self.against.is_empty() && folder.join(manifest::FILE_NAME).is_file() {
            refuse_ambiguous(&self.against, current)?;
            refuse_link_out(folder).map_err(|problem| anyhow!("{problem}; name the real folder"))?;
            let previous = load(folder);
            return Ok(compare(&previous, current, asked.of(&previous, current).policy));
        }
        against_revision(&self.against, current, &asked)
    }

    /// Both directions, whatever the catalogue asks for: who reviews a change wants to know both.
    pub(crate) fn in_full(schemas: Schemas, against: String) -> Self {
        Self { policy: Some(PolicyName::Full), ..Self::of(schemas, against) }
    }

    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        // A schema with errors is a finding, beside the comparisons of the others.
        let current = self.schemas.load_readable()?;
        let mut result = self.compared(&current)?;
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

/// What the command line asks for.
struct Asked {
    policy: Option<Policy>,
    transitive: Option<bool>,
    tip: bool,
}

impl Asked {
    /// What is compared: what is asked for, or else what either catalogue says. A change that asks for less is not yet agreed.
    fn of(&self, previous: &Loaded, current: &Loaded) -> Compatibility {
        let [then, now] = [previous, current].map(|loaded| loaded.catalogue.manifest.compatibility);
        let both = if then.policy == now.policy { now.policy } else { Policy::Full };
        if self.policy.is_none() && both != now.policy {
            note(format_args!(
                "note: compared under the policy \"full\", as eventsmith.toml asks for another one than before; --policy says which"
            ));
        }
        Compatibility {
            policy: self.policy.unwrap_or(both),
            transitive: self.transitive.unwrap_or(then.transitive || now.transitive),
        }
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

fn against_revision(name: &str, current: &Loaded, asked: &Asked) -> anyhow::Result<Comparisons> {
    let resolved = GitRepository::of(&current.catalogue.dir).and_then(|repository| {
        let outer = repository.in_superproject(name, asked.tip)?;
        let commit = outer.clone().map_or_else(|| repository.commit(name), Ok)?;
        Ok((repository, commit, outer.is_some()))
    });
    let (repository, commit, is_of_outer) = resolved.map_err(|error| match Path::new(name).is_dir() {
        true => anyhow!("the folder {name} holds no {}, and is no git revision: {error:#}", manifest::FILE_NAME),
        false => {
            anyhow!("{name:?} is neither a folder with an {} nor a git revision: {error:#}", manifest::FILE_NAME)
        }
    })?;
    let is_shallow = repository.is_shallow()?;
    let base = if asked.tip || is_of_outer { None } else { repository.merge_base(&commit)? };
    let commit = match base {
        None if is_of_outer => {
            note(format_args!(
                "note: the catalogue lies in a submodule: compared with {} of it, which {name} of the repository around it has",
                short(&commit)
            ));
            commit
        }
        Some(base) if base != commit => {
            note(format_args!(
                "note: compared with {}, where this branch left {name}; --tip compares with {name} itself",
                short(&base)
            ));
            base
        }
        None if !asked.tip => {
            let why = if is_shallow { "the clone is shallow" } else { "nothing is shared with it" };
            note(format_args!(
                "note: compared with {name} itself, as {why} and it is unknown where this branch left it"
            ));
            commit
        }
        _ => commit,
    };
    let mut objects = repository.objects()?;
    let files = objects.files(&repository.revision(&commit), is_part)?;
    if !files.contains_key(manifest::FILE_NAME) {
        return match repository.moved(&commit, is_part)? {
            None if files.is_empty() => {
                note(format_args!("note: there is no catalogue in {name}, so that nothing is published yet"));
                Ok(Comparisons::default())
            }
            from => {
                let from = from.map(|from| if from.is_empty() { "the top".to_owned() } else { from });
                let from = from.map_or_else(String::new, |from| format!(" from {from}"));
                let folder = repository.folder();
                bail!(
                    "the revision {name} has no {} in {folder}; was the catalogue moved{from}? check {name} out into a folder, and \
                     compare with that: --against FOLDER",
                    manifest::FILE_NAME
                )
            }
        };
    }
    let previous = from_files(name, files.clone());
    let Compatibility { policy, transitive } = asked.of(&previous, current);
    if transitive && is_shallow {
        bail!(
            "the clone is shallow, so that earlier revisions cannot be compared; fetch them (git fetch --unshallow, or fetch-depth: 0 \
             in a workflow), or say --transitive=false"
        );
    }
    let commits = if transitive { repository.history(&commit, is_part)? } else { Vec::new() };
    let mut history = History { objects, commits: commits.into_iter(), last: files, failure: None };
    let result = compare_all(&mut history, &previous, current, policy);
    if let Some(error) = history.failure {
        return Err(error);
    }
    Ok(result)
}

/// The catalogues of some commits, newest first. A catalogue that equals the one of the next newer commit is left out.
struct History<'a> {
    objects: GitObjects<'a>,
    commits: std::vec::IntoIter<Revision>,
    last: Files,
    failure: Option<anyhow::Error>,
}

impl Iterator for History<'_> {
    type Item = Loaded;

    fn next(&mut self) -> Option<Loaded> {
        loop {
            let revision = self.commits.next()?;
            match self.objects.files(&revision, is_part) {
                Ok(files) => {
                    if files.contains_key(manifest::FILE_NAME) && files != self.last {
                        self.last.clone_from(&files);
                        return Some(from_files(short(&revision.commit), files));
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
