//! `eventsmith permissions diff`: what a change of the catalogue opens and closes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use eventsmith_codegen::diagnostic::{Position, has_errors};
use eventsmith_codegen::load::is_part;
use eventsmith_codegen::{Diagnostic, Loaded, Severity, from_files, load, manifest};
use eventsmith_operations::Landscape;
use eventsmith_operations::permissions::{Difference, Permissions};

use super::markdown;
use crate::catalogue::{Schemas, file_from_here};
use crate::exit::ExitStatus;
use crate::format::{self, Extra, Finding, FindingFormat, Report};
use crate::git::GitRepository;
use crate::landscape::landscape;
use crate::output::{Out, note};
use crate::outside::refuse_link_out;
use crate::topology::topology;

/// Compare the permissions with those of an earlier catalogue: what is opened is a finding, what is closed advice
///
/// Permissions, and what reaches a service whose permissions stay: by filters of its consumers, and by subjects of streams that it reads.
/// Exits with 1 if something is opened, so that a pull request that does so can be asked for a label.
#[derive(Args)]
pub(super) struct Diff {
    #[command(flatten)]
    schemas: Schemas,
    /// The earlier catalogue: a git revision of the repository that holds the schemas, or a folder
    #[arg(long, value_name = "REF|DIR")]
    against: String,
    /// Compare with REF as it is, also where the current branch left it earlier
    #[arg(long)]
    tip: bool,
    /// Also write it in Markdown, for a comment on the pull request: by user, and by the line of the catalogue that is the cause
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// How to print what was found
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: FindingFormat,
}

impl Diff {
    pub(super) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_sound()?;
        let now = landscape(&loaded, &topology(&loaded));
        let before = match self.earlier(&loaded)? {
            Some(before) => landscape(&before, &topology(&before)),
            None => {
                note(format_args!("note: there is no catalogue in {}: everything is opened", self.against));
                Landscape { root: now.root.clone(), ..Landscape::default() }
            }
        };
        let differences = Permissions::compared(&now, &before);
        let users = Permissions::of(&now).users.len();
        let file = file_from_here(&loaded, manifest::FILE_NAME);
        let findings: Vec<Finding> = differences.iter().map(|difference| finding(difference, &file).into()).collect();
        if let Some(path) = &self.markdown {
            let text = markdown::text(&differences, &file, &self.against);
            fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        let checked = [file];
        let report = Report { command: "permissions", checked: &checked, findings: &findings, extra: Extra::default() };
        format::write(out, self.format, &report)?;
        out.finish()?;
        let opened = differences.iter().filter(|difference| difference.is_opened).count();
        note(format_args!("{users} users compared: {opened} opened, {} closed", differences.len() - opened));
        Ok(ExitStatus::of(findings.iter().map(|finding| finding.diagnostic.severity)))
    }

    /// The earlier catalogue; nothing where the revision has none.
    fn earlier(&self, current: &Loaded) -> anyhow::Result<Option<Loaded>> {
        let folder = Path::new(&self.against);
        let repository = GitRepository::of(&current.catalogue.dir);
        let commit = repository.as_ref().map_err(|error| anyhow!("{error:#}")).and_then(|it| it.commit(&self.against));
        let is_folder = !self.against.is_empty() && folder.join(manifest::FILE_NAME).is_file();
        let loaded = match (is_folder, commit) {
            (true, Ok(_)) => bail!("{0:?} is a folder and a git revision; write ./{0} for the folder", self.against),
            (true, Err(_)) => {
                refuse_link_out(folder).map_err(|problem| anyhow!("{problem}; name the real folder"))?;
                load(folder)
            }
            (false, Err(error)) => {
                let name = &self.against;
                bail!("{name:?} is neither a folder with an {} nor a git revision: {error:#}", manifest::FILE_NAME)
            }
            (false, Ok(commit)) => {
                let repository = repository?;
                let base = if self.tip { None } else { repository.merge_base(&commit)? };
                let files = repository.objects()?.files(&repository.revision(&base.unwrap_or(commit)), is_part)?;
                if !files.contains_key(manifest::FILE_NAME) {
                    return Ok(None);
                }
                from_files(&self.against, files)
            }
        };
        if has_errors(&loaded.diagnostics) {
            bail!("the catalogue of {} has errors, so that nobody knows what it gave", self.against);
        }
        Ok(Some(loaded))
    }
}

fn finding(difference: &Difference, file: &str) -> Diagnostic {
    let Difference { user, access, grant, is_opened } = difference;
    let (verb, subject, reason) = (access.as_str(), &grant.subject, &grant.reason);
    let (rule, message, help) = if *is_opened {
        let help = "see that it is wanted: whoever has its key may do that from now on";
        ("opened-permission", format!("{user} may {verb} {subject} now: {reason}"), help)
    } else {
        let help = "deploy what no longer needs it before the servers are told";
        ("closed-permission", format!("{user} may no longer {verb} {subject}: {reason}"), help)
    };
    // What was closed stands in a file that is no more.
    let line = grant.line.filter(|_| *is_opened);
    let at = line.map(|line| Position { line, column: 1 });
    let severity = if *is_opened { Severity::Warning } else { Severity::Advice };
    Diagnostic { severity, ..Diagnostic::error(rule, file, message, help).at(at) }
}
