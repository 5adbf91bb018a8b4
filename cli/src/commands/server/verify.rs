//! `eventsmith server verify`: whether configurations, keys and certificates are what the catalogue needs, and will be for some time.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use eventsmith_codegen::diagnostic::Position;
use eventsmith_codegen::{Diagnostic, Severity};
use eventsmith_operations::permissions::Permissions;
use eventsmith_operations::server::{self, Options, SYSTEM};
use nkeys::KeyPair;
use rustls_pki_types::UnixTime;

use super::certificate::{self, Flaw, flaws};
use super::files::lines;
use super::wanted::Wanted;
use crate::exit::ExitStatus;
use crate::format::{self, Extra, Finding, FindingFormat, Report, SourceLine};
use crate::output::{Out, counted, note};

const DAY: Duration = Duration::from_secs(86_400);

/// Hold configurations, keys and certificates against the catalogue
///
/// Each flaw by its name: a configuration that is not what the catalogue says, a file that is missing, a certificate that has expired, soon
/// will, is of another authority, for another host or of another key, a seed that no server knows, a secret that others may read. Nothing
/// is written. Exits with 1 if anything is found that needs somebody.
#[derive(Args)]
pub(super) struct Verify {
    #[command(flatten)]
    wanted: Wanted,
    /// The folder of certificates, here [default: KEYS/tls]
    #[arg(long, value_name = "DIR")]
    certificates: Option<PathBuf>,
    /// For how many days certificates are to hold
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(0..=3_650))]
    within: u16,
    /// Private keys of certificates lie elsewhere
    #[arg(long)]
    public: bool,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: FindingFormat,
}

impl Verify {
    pub(super) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let (landscape, permissions, options) = self.wanted.look()?;
        let folder = &self.wanted.keys.keys;
        let mut findings = Vec::new();
        let mut checked: BTreeSet<PathBuf> = BTreeSet::new();
        match server::files(&landscape, &permissions, &options) {
            Ok(files) => {
                for file in files {
                    let path = self.wanted.out.join(&file.path);
                    findings.extend(stale(&path, &file.text, &options));
                    checked.insert(path);
                }
            }
            // Who lacks a key has none in the folder.
            Err(problems) => findings.extend(problems.iter().map(|problem| {
                Diagnostic::error("bad-configuration", name(folder), problem.message.clone(), &problem.help)
            })),
        }
        let certificates = self.certificates.clone().unwrap_or_else(|| folder.join("tls"));
        let soon = DAY * u32::from(self.within);
        for wanted in wanted(&certificates, &options, self.public) {
            checked.insert(wanted.certificate.clone());
            findings.extend(flaws(&wanted, UnixTime::now(), soon).into_iter().map(diagnostic));
        }
        let users: Vec<String> = permissions.users.iter().map(|user| user.path()).chain([SYSTEM.to_owned()]).collect();
        for user in &users {
            let [seed, public] = ["nk", "pub"].map(|end| folder.join(format!("{user}.{end}")));
            findings.extend(of_user(&seed, &public)?.into_iter().map(diagnostic));
            checked.insert(public);
        }
        findings.extend(strangers(folder, &users).into_iter().map(diagnostic));
        findings.extend(secrets(&[folder.clone(), certificates]).into_iter().filter_map(loose).map(diagnostic));
        // An authority of several certificates is told once.
        let mut told = BTreeSet::new();
        findings.retain(|finding| told.insert((finding.file.clone(), finding.rule, finding.message.clone())));
        self.print(out, findings, checked, &permissions)
    }

    fn print(
        &self,
        out: &mut Out,
        findings: Vec<Diagnostic>,
        checked: BTreeSet<PathBuf>,
        permissions: &Permissions,
    ) -> anyhow::Result<ExitStatus> {
        // No line is shown: it might be one of a secret.
        let hidden = |diagnostic| Finding { diagnostic, demand: None, line: SourceLine::Hidden };
        let findings: Vec<Finding> = findings.into_iter().map(hidden).collect();
        let checked: Vec<String> = checked.iter().map(|path| name(path)).collect();
        let report =
            Report { command: "server verify", checked: &checked, findings: &findings, extra: Extra::default() };
        format::write(out, self.format, &report)?;
        out.finish()?;
        note(format_args!(
            "{} of {} looked at, {}",
            counted(checked.len(), "file"),
            counted(permissions.users.len() + 1, "user"),
            counted(findings.len(), "finding")
        ));
        Ok(ExitStatus::of(findings.iter().map(|finding| finding.diagnostic.severity)))
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn diagnostic(flaw: Flaw) -> Diagnostic {
    let Flaw { severity, rule, path, message, help } = flaw;
    Diagnostic { severity, ..Diagnostic::error(rule, name(&path), message, help) }
}

/// A configuration that is not what would be written, with the first line that is not.
fn stale(path: &Path, wanted: &str, options: &Options) -> Option<Diagnostic> {
    let help = format!("write it anew: {}", options.command);
    let Ok(found) = fs::read_to_string(path) else {
        return Some(Diagnostic::error("missing-file", name(path), "there is no such file", &help));
    };
    if found == wanted {
        return None;
    }
    let same = found.lines().zip(wanted.lines()).take_while(|(found, wanted)| found == wanted).count();
    let message = match wanted.lines().nth(same) {
        Some(line) => format!("it is not what the catalogue says, which is {:?} in this line", line.trim()),
        None => "it is not what the catalogue says, which ends before this line".to_owned(),
    };
    let at = Position { line: same + 1, column: 1 };
    Some(Diagnostic::error("stale-configuration", name(path), message, &help).at(Some(at)))
}

/// The certificates that nodes show to clients, and to each other.
fn wanted<'a>(folder: &Path, options: &'a Options, is_public: bool) -> Vec<certificate::Wanted<'a>> {
    let kinds = [("", "ca.crt", false), (".route", "route-ca.crt", true)];
    let count = if options.nodes.len() > 1 { 2 } else { 1 };
    let of_node = |(end, authority, is_route): (&str, &str, bool)| {
        options
            .nodes
            .iter()
            .map(|node| certificate::Wanted {
                certificate: folder.join(format!("{}{end}.crt", node.name)),
                authority: folder.join(authority),
                key: (!is_public).then(|| folder.join(format!("{}{end}.key", node.name))),
                host: &node.host,
                is_route,
            })
            .collect::<Vec<_>>()
    };
    kinds.into_iter().take(count).flat_map(of_node).collect()
}

/// What is wrong with the keys of a user, of which the secret may lie elsewhere.
fn of_user(seed: &Path, public: &Path) -> anyhow::Result<Vec<Flaw>> {
    let (known, own) = (lines(public)?, lines(seed)?);
    let mut found = Vec::new();
    if known.len() > 1 {
        let help = "once its programs have the newest: eventsmith server keys --retire USER, and let the servers know";
        let message = format!("{} keys are let in: its rotation has not ended", known.len());
        found.push(Flaw { severity: Severity::Advice, ..Flaw::error("many-keys", public, message, help) });
    }
    let Some(seed_text) = own.first() else { return Ok(found) };
    match KeyPair::from_seed(seed_text) {
        Err(_) => found.push(Flaw::error("bad-seed", seed, "it is no seed of an nkey", "bring another")),
        Ok(pair) if !known.contains(&pair.public_key()) => {
            let help = "write its public half beside it, and let the servers know";
            found.push(Flaw::error(
                "foreign-seed",
                seed,
                "no server lets it in: its public key is not beside it",
                help,
            ));
        }
        Ok(_) => {}
    }
    Ok(found)
}

/// Keys of users that the catalogue does not have.
fn strangers(folder: &Path, users: &[String]) -> Vec<Flaw> {
    let mut found = Vec::new();
    for below in ["services", "operators"] {
        let entries = fs::read_dir(folder.join(below)).into_iter().flatten().filter_map(Result::ok);
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "nk" || end == "pub")) {
            let user = path.file_stem().map(|stem| format!("{below}/{}", stem.display()));
            if user.is_some_and(|user| !users.contains(&user)) {
                let message = "the catalogue has no such user, and no server lets it in";
                let flaw = Flaw::error("stray-key", &path, message, "remove it");
                found.push(Flaw { severity: Severity::Advice, ..flaw });
            }
        }
    }
    found
}

/// Files that nobody but their owner is to read.
fn secrets(folders: &[PathBuf]) -> BTreeSet<PathBuf> {
    let below = folders.iter().flat_map(|folder| [folder.clone(), folder.join("services"), folder.join("operators")]);
    let entries = below.filter_map(|folder| fs::read_dir(folder).ok()).flatten().filter_map(Result::ok);
    let is_secret = |path: &PathBuf| path.extension().is_some_and(|end| end == "nk" || end == "key");
    entries.map(|entry| entry.path()).filter(is_secret).collect()
}

/// A secret that others may read or write.
#[cfg(unix)]
fn loose(path: PathBuf) -> Option<Flaw> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = fs::metadata(&path).ok()?.permissions().mode() & 0o777;
    let help = "chmod 600; and where others can have read it, make another one";
    let message = format!("it is a secret, and its mode is {mode:03o}: others may read or write it");
    (mode & 0o077 != 0).then(|| Flaw::error("loose-mode", &path, message, help))
}

/// Modes are of unix alone.
#[cfg(not(unix))]
fn loose(_: PathBuf) -> Option<Flaw> {
    None
}
