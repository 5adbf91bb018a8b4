//! Switches of rules, each with its reason: `[lint]` in `eventsmith.toml`, `x-lint-allow` in a schema.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use toml::Spanned;

use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::lint::rules;
use crate::load::Loaded;
use crate::lookup;
use crate::manifest::{FILE_NAME, Switch};
use crate::model::Document;
use crate::pointer::join;
use crate::rule::switch::{BAD_SWITCH, UNUSED_ALLOW};
use crate::rule::{Family, Rule};

/// The keyword of a schema that allows what rules find in it and below it.
const KEYWORD: &str = "x-lint-allow";

const REASON_HELP: &str = "say why in a few words, for the next reader";

/// All switches of a catalogue.
pub(super) struct Switches<'a> {
    loaded: &'a Loaded,
    allows: Vec<Allow<'a>>,
    levels: Vec<SeverityLevel<'a>>,
    /// What is wrong with switches.
    faults: Vec<Diagnostic>,
}

/// One rule in one `x-lint-allow`.
struct Allow<'a> {
    document: &'a Document,
    /// The schema that holds it.
    scope: String,
    rule: &'static Rule,
    used: Cell<bool>,
}

/// One rule in `eventsmith.toml`; off without a severity.
struct SeverityLevel<'a> {
    rule: &'static Rule,
    severity: Option<Severity>,
    files: &'a [Spanned<String>],
}

impl<'a> Switches<'a> {
    /// Reads the switches of a catalogue and of its schema files.
    pub(super) fn new(loaded: &'a Loaded, documents: &[&'a Document]) -> Self {
        let mut switches = Self { loaded, allows: Vec::new(), levels: Vec::new(), faults: Vec::new() };
        for (id, switch) in &loaded.catalogue.manifest.lint {
            switches.read_level(id, switch);
        }
        for document in documents {
            loaded.references.every_schema(document, &mut |at, schema| {
                if let Some(allow) = schema.get(KEYWORD) {
                    switches.read_allow(document, at, allow);
                }
            });
        }
        switches
    }

    /// The findings that are left, with the severities that are wanted, and what is wrong with the switches themselves.
    ///
    /// Only where every rule was asked can an allow be called unused.
    pub(super) fn apply(mut self, findings: Vec<Diagnostic>, is_complete: bool) -> Vec<Diagnostic> {
        let mut left = self.not_allowed(findings);
        let unused = self.allows.iter().filter(|allow| is_complete && !allow.used.get()).map(Allow::unused);
        left.extend(unused);
        let mut left: Vec<Diagnostic> = left.into_iter().filter_map(|finding| self.levelled(finding)).collect();
        left.append(&mut self.faults);
        left
    }

    /// The findings that are left, with the severities that are wanted.
    pub(super) fn sift(&self, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        self.not_allowed(findings).into_iter().filter_map(|one| self.levelled(one)).collect()
    }

    fn not_allowed(&self, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut allows = AllowsByScope::new();
        for allow in &self.allows {
            let scope = (allow.rule.id, allow.document.path.as_str(), allow.scope.as_str());
            allows.entry(scope).or_default().push(allow);
        }
        findings.into_iter().filter(|one| !is_allowed(&allows, one)).collect()
    }

    /// The finding as `eventsmith.toml` wants it; `None` if it does not.
    fn levelled(&self, finding: Diagnostic) -> Option<Diagnostic> {
        let is_meant = |level: &&SeverityLevel<'_>| {
            let is_in =
                level.files.is_empty() || level.files.iter().any(|glob| is_match(glob.get_ref(), &finding.file));
            level.rule.id == finding.rule && is_in
        };
        match self.levels.iter().find(is_meant) {
            None => Some(finding),
            Some(level) => level.severity.map(|severity| Diagnostic { severity, ..finding }),
        }
    }

    fn read_level(&mut self, id: &'a Spanned<String>, switch: &'a Switch) {
        let at = id.span().start;
        let rule = match optional_rule(id.get_ref()) {
            Ok(rule) => rule,
            Err((message, help)) => return self.fault_in_manifest(at, message, help),
        };
        let severity = match switch.level.as_ref().map(|level| (level.get_ref().as_str(), level.span().start)) {
            Some(("off", _)) => None,
            Some(("advice", _)) => Some(Severity::Advice),
            Some(("warning", _)) => Some(Severity::Warning),
            Some(("error", _)) => Some(Severity::Error),
            other => {
                let (message, at) = match other {
                    Some((level, at)) => (format!("{level:?} is no level"), at),
                    None => (format!("the switch of {} has no level", rule.id), at),
                };
                return self.fault_in_manifest(
                    at,
                    message,
                    "write level = \"off\", \"advice\", \"warning\" or \"error\"",
                );
            }
        };
        let reason = switch.reason.as_ref();
        if reason.is_none_or(|reason| reason.get_ref().trim().is_empty()) {
            let at = reason.map_or(at, |reason| reason.span().start);
            return self.fault_in_manifest(at, format!("the switch of {} has no reason", rule.id), REASON_HELP);
        }
        for glob in &switch.files {
            self.check_files(glob);
        }
        self.levels.push(SeverityLevel { rule, severity, files: &switch.files });
    }

    /// A pattern that matches no file switches nothing.
    fn check_files(&mut self, glob: &Spanned<String>) {
        let pattern = glob.get_ref();
        let mut files = self.loaded.files.iter().map(String::as_str).chain([FILE_NAME]);
        if files.any(|file| is_match(pattern, file)) {
            return;
        }
        let message = format!("no file of the catalogue matches {pattern:?}");
        let help = lookup::did_you_mean(&self.meant_files(pattern)).unwrap_or_else(|| {
            "write paths as seen from eventsmith.toml; * stands for any text: \"domain/rule/*\"".to_owned()
        });
        self.fault_in_manifest(glob.span().start, message, help);
    }

    /// What may have been meant by a pattern that matches no file: a file, or all below a folder.
    fn meant_files(&self, pattern: &str) -> Vec<String> {
        let path = pattern.trim_start_matches("./").trim_start_matches('/');
        let mut known = BTreeSet::new();
        for file in &self.loaded.files {
            known.insert(file.clone());
            known.extend(file.match_indices('/').map(|(at, _)| format!("{}/*", &file[..at])));
        }
        let below = format!("{}/*", path.trim_end_matches('/'));
        let plain = [path, below.as_str()].into_iter().find(|plain| known.contains(*plain));
        let near = plain.map_or_else(|| lookup::nearest(path, known.iter().map(String::as_str)), |plain| vec![plain]);
        near.into_iter().map(|near| format!("{near:?}")).collect()
    }

    fn fault_in_manifest(&mut self, at: usize, message: String, help: impl Into<String>) {
        let position = Position::of(&self.loaded.catalogue.manifest_source, at);
        self.faults.push(Diagnostic::error(BAD_SWITCH.id, FILE_NAME, message, help).at(Some(position)));
    }

    fn read_allow(&mut self, document: &'a Document, scope: &str, allow: &Value) {
        let at = join(scope, KEYWORD);
        let Value::Object(allows) = allow else {
            let help = "write \"x-lint-allow\": {\"unbounded-string\": \"why\"}";
            let message = "x-lint-allow is not an object of rules and reasons";
            self.faults.push(document.error(BAD_SWITCH.id, &at, message, help));
            return;
        };
        for (id, reason) in allows {
            let at = join(&at, id);
            let has_reason = reason.as_str().is_some_and(|reason| !reason.trim().is_empty());
            match optional_rule(id) {
                Err((message, help)) => self.faults.push(document.error(BAD_SWITCH.id, &at, message, help)),
                Ok(rule) if !has_reason => {
                    let message = format!("the allow of {} has no reason", rule.id);
                    self.faults.push(document.error(BAD_SWITCH.id, &at, message, REASON_HELP));
                }
                Ok(rule) => {
                    self.allows.push(Allow { document, scope: scope.to_owned(), rule, used: Cell::new(false) });
                }
            }
        }
    }
}

/// What allows findings, by rule, file and the pointer of what it speaks of.
type AllowsByScope<'a> = HashMap<(&'a str, &'a str, &'a str), Vec<&'a Allow<'a>>>;

/// Whether a finding lies within what is allowed, all of which counts as used.
fn is_allowed(allows: &AllowsByScope<'_>, finding: &Diagnostic) -> bool {
    let (mut is_allowed, mut scope) = (false, Some(finding.pointer.as_str()));
    while let Some(at) = scope {
        for allow in allows.get(&(finding.rule, finding.file.as_str(), at)).into_iter().flatten() {
            allow.used.set(true);
            is_allowed = true;
        }
        scope = at.rfind('/').map(|end| &at[..end]);
    }
    is_allowed
}

impl Allow<'_> {
    fn unused(&self) -> Diagnostic {
        let at = join(&join(&self.scope, KEYWORD), self.rule.id);
        let message = format!("nothing here needs {} to be allowed", self.rule.id);
        let finding = self.document.error(UNUSED_ALLOW.id, &at, message, "delete the allow");
        Diagnostic { severity: UNUSED_ALLOW.severity, ..finding }
    }
}

/// The rule of an id, if it may be switched off; else what is wrong, and what to do.
fn optional_rule(id: &str) -> Result<&'static Rule, (String, String)> {
    let Some(rule) = rules::find(id) else {
        let help = lookup::did_you_mean(&rules::nearest(id));
        let help = help.unwrap_or_else(|| "every finding names its rule in brackets".to_owned());
        return Err((format!("there is no rule {id:?}"), help));
    };
    let help = match rule.family {
        _ if rule.is_optional() => return Ok(rule),
        Family::Loading | Family::Lint => "mend what it finds: nothing works without it",
        Family::Evolution => "`eventsmith breaking` takes its policy from [compatibility]",
        Family::Payload => "`eventsmith validate` finds it, in payloads",
    };
    Err((format!("{id} cannot be switched off"), help.to_owned()))
}

/// Whether a path matches a glob, in which `*` stands for any text.
fn is_match(glob: &str, path: &str) -> bool {
    let Some((before, after)) = glob.split_once('*') else { return glob == path };
    let Some(mut rest) = path.strip_prefix(before) else { return false };
    let (middle, last) = after.rsplit_once('*').unwrap_or(("", after));
    // The first place of each part is as good as any other: what follows has most room then.
    for part in middle.split('*') {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(is_match("domain/rule/*", "domain/rule/created.v1.json"));
        assert!(is_match("*.reply.json", "query/rule/get.v1.reply.json"));
        assert!(is_match("domain/*/created.v*.json", "domain/rule/created.v1.json"));
        assert!(!is_match("domain/rule", "domain/rule/created.v1.json"));
        assert!(!is_match("integration/*", "domain/rule/created.v1.json"));
        assert!(is_match("*", "") && is_match("**", "a") && is_match("a*b*a", "aba") && is_match("*a*a*", "aa"));
        assert!(!is_match("a*a", "a") && !is_match("ab*ba", "aba") && !is_match("*a*a*", "a"));
        // As many ways to try as there are atoms would not do.
        let (glob, path) = (format!("{}b", "*a".repeat(64)), "a".repeat(100_000));
        assert!(!is_match(&glob, &path) && is_match(&glob, &format!("{path}b")));
    }

    #[test]
    fn what_makes_a_catalogue_unusable_cannot_be_switched_off() {
        assert!(optional_rule("bad-json").is_err_and(|(message, _)| message == "bad-json cannot be switched off"));
        assert!(optional_rule("bad-switch").is_err());
        assert!(optional_rule("foreign-dialect").is_ok());
        assert!(
            optional_rule("unbounded-strin").is_err_and(|(_, help)| help.starts_with("did you mean unbounded-string"))
        );
    }
}
