//! What a change of the catalogue means for those who review it, as Markdown: what changed, whether it breaks readers and by which
//! witness, who is affected, and what must be deployed first.

use std::fmt::Write as _;

use eventsmith_codegen::breaking::{Comparison, Comparisons, Direction, Status};
use eventsmith_codegen::manifest::{Named, Service};
use eventsmith_codegen::model::{Event, Usage, VersionPart};
use eventsmith_codegen::{Diagnostic, Loaded, Severity};

/// The most changes that are listed of one schema.
const MOST: usize = 30;
/// The most characters of a witness that are shown.
const WIDEST: usize = 4_000;
/// The most bytes of the whole: hosts of repositories take comments of 65,536.
const LONGEST: usize = 60_000;
/// The rules whose findings are told with the comparison that they are about.
const COMPARED: [&str; 2] = ["breaking-change", "undecided-change"];

/// The comparisons of one part of a version, in all directions.
struct Compared<'a> {
    event_type: &'a str,
    version: u32,
    part: VersionPart,
    all: Vec<&'a Comparison>,
}

/// What became of a catalogue since an earlier one. `against` names that one; `comparisons` is what `breaking` knows of both.
pub fn markdown(current: &Loaded, comparisons: &Comparisons, against: &str) -> String {
    let whole = whole(current, comparisons, against);
    // Both ends of what is found are ASCII.
    let fits = |(at, _): &(usize, &str)| *at <= LONGEST;
    let Some((end, _)) = whole.match_indices("\n## ").take_while(fits).last().filter(|_| whole.len() > LONGEST) else {
        return whole;
    };
    // What breaks stands first.
    let left_out = whole[end..].matches("\n## ").count();
    format!(
        "{}\nAnd {left_out} more, which are left out here: `eventsmith changes` prints all to a file.\n",
        &whole[..end]
    )
}

fn whole(current: &Loaded, comparisons: &Comparisons, against: &str) -> String {
    let changed: Vec<Compared<'_>> = compared(comparisons).into_iter().filter(Compared::is_changed).collect();
    let new: Vec<(&Event, u32)> = new_versions(current, comparisons);
    let others: Vec<&Diagnostic> =
        comparisons.findings.iter().filter(|found| !COMPARED.contains(&found.rule)).collect();
    let mut out = format!("# Changes of the catalogue since {}\n\n", code(against));
    if changed.is_empty() && new.is_empty() && others.is_empty() {
        out.push_str("Nothing that anybody reads or writes has changed.\n");
        return out;
    }
    let count = |status: Status| changed.iter().filter(|compared| compared.status() == status).count();
    // Writing to a text does not fail.
    let _ = writeln!(
        out,
        "{} breaking, {} undecided, {} compatible, {} new, {} more to look at.",
        count(Status::Breaking),
        count(Status::Undecided),
        count(Status::Compatible) + count(Status::Identical),
        new.len(),
        others.len()
    );
    for status in [Status::Breaking, Status::Undecided, Status::Compatible, Status::Identical] {
        for compared in changed.iter().filter(|compared| compared.status() == status) {
            out.push_str(&compared.text(current));
        }
    }
    for (event, version) in new {
        out.push_str(&new_version(current, event, version));
    }
    if !others.is_empty() {
        out.push_str("\n## More to look at\n\n");
        for found in others {
            let line = found.position.map_or_else(String::new, |position| format!(":{}", position.line));
            let word = match found.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Advice => "advice",
            };
            let place = code(&format!("{}{line}", found.file));
            let _ = writeln!(
                out,
                "- {place}: **{word}** ({}): {}; {}",
                found.rule,
                text(&found.message),
                text(&found.help)
            );
        }
    }
    out
}

/// The comparisons by what they are about, in their order.
fn compared(comparisons: &Comparisons) -> Vec<Compared<'_>> {
    let mut all: Vec<Compared<'_>> = Vec::new();
    for comparison in &comparisons.comparisons {
        let known = all.iter_mut().find(|known| {
            known.event_type == comparison.event_type
                && known.version == comparison.version
                && known.part == comparison.part
        });
        match known {
            Some(known) => known.all.push(comparison),
            None => all.push(Compared {
                event_type: &comparison.event_type,
                version: comparison.version,
                part: comparison.part,
                all: vec![comparison],
            }),
        }
    }
    all
}

/// The versions that the earlier catalogue does not have: nothing was compared of them.
fn new_versions<'a>(current: &'a Loaded, comparisons: &Comparisons) -> Vec<(&'a Event, u32)> {
    let is_known = |event: &Event, version: u32| {
        comparisons.comparisons.iter().any(|known| known.event_type == event.event_type && known.version == version)
    };
    let versions = current.catalogue.versions().map(|(event, version)| (event, version.number));
    versions.filter(|(event, version)| !is_known(event, *version)).collect()
}

impl Compared<'_> {
    fn is_changed(&self) -> bool {
        self.all.iter().any(|comparison| comparison.status != Status::Identical || !comparison.changes.is_empty())
    }

    fn status(&self) -> Status {
        self.all.iter().map(|comparison| comparison.status).max().unwrap_or(Status::Identical)
    }

    fn text(&self, current: &Loaded) -> String {
        let mut out =
            format!("\n## {}: {}\n\n", code(&self.part.of(self.event_type, self.version)), self.status().as_str());
        let changes = self.all.iter().map(|comparison| &comparison.changes).max_by_key(|changes| changes.len());
        let changes = changes.map(Vec::as_slice).unwrap_or_default();
        for change in changes.iter().take(MOST) {
            let place = if change.pointer.is_empty() { String::new() } else { format!("{}: ", code(&change.pointer)) };
            let _ = writeln!(out, "- {place}{}", text(&change.message));
        }
        if changes.len() > MOST {
            let _ = writeln!(out, "- and {} more", changes.len() - MOST);
        }
        out.push('\n');
        for comparison in &self.all {
            out.push_str(&verdict(comparison));
        }
        let Some(event) = current.catalogue.event(self.event_type) else { return out };
        let _ = writeln!(out, "\nAffected: {}.", affected(current, event));
        let _ = writeln!(out, "\nDeploy: {}", self.order(current, event));
        out
    }

    /// What is deployed first, which follows from who understands whom.
    fn order(&self, current: &Loaded, event: &Event) -> String {
        let holds = |direction: Direction| {
            let found = self.all.iter().find(|comparison| comparison.direction == direction);
            found.map(|comparison| matches!(comparison.status, Status::Identical | Status::Compatible))
        };
        let (readers, writers) = sides(current, event, self.part);
        let stored = match event.kind.usage() {
            Usage::Request => "",
            _ => " What is stored already stays unreadable for the new ones: make it a new version instead.",
        };
        match (holds(Direction::Backward), holds(Direction::Forward)) {
            (Some(true), Some(true)) => "in any order.".to_owned(),
            (Some(true), _) => {
                format!("readers first ({readers}), and only when all of them run, writers ({writers}).")
            }
            (_, Some(true)) => {
                format!("writers first ({writers}), and only when all of them run, readers ({readers}).{stored}")
            }
            _ => format!(
                "no order is safe. Make it a new version, and deploy readers ({readers}) before writers ({writers})."
            ),
        }
    }
}

fn verdict(comparison: &Comparison) -> String {
    let (reader, writer) = match comparison.direction {
        Direction::Backward => ("new", "old"),
        Direction::Forward => ("old", "new"),
    };
    let mut out = match comparison.status {
        Status::Identical => format!("- {reader} readers read what {writer} writers write: both say the same.\n"),
        Status::Compatible => format!("- {reader} readers understand all that {writer} writers write: proved.\n"),
        Status::Breaking => format!("- **{reader} readers reject what {writer} writers may write**"),
        Status::Undecided => {
            format!("- whether {reader} readers understand what {writer} writers write is **undecided**")
        }
    };
    if let Status::Breaking | Status::Undecided = comparison.status {
        let reason = comparison.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", text(reason)));
        let _ = writeln!(out, "{reason}");
    }
    if let Some(witness) = &comparison.witness {
        let pretty = serde_json::to_string_pretty(witness).unwrap_or_default();
        let shown: String = pretty.chars().take(WIDEST).collect();
        let lines: Vec<String> = shown.lines().map(|line| format!("  {line}")).collect();
        let _ = writeln!(out, "  ```json\n{}\n  ```", lines.join("\n"));
    }
    out
}

fn new_version(current: &Loaded, event: &Event, version: u32) -> String {
    let mut out = format!("\n## {}: new\n\n", code(&VersionPart::Itself.of(&event.event_type, version)));
    let schema =
        event.versions.iter().find(|of| of.number == version).and_then(|of| current.catalogue.documents.get(&of.file));
    let description =
        schema.and_then(|document| document.schema.get("description")).and_then(serde_json::Value::as_str);
    if let Some(description) = description {
        let _ = writeln!(out, "{}\n", text(&crate::markdown::summary(description)));
    }
    let _ = writeln!(out, "Affected: {}.", affected(current, event));
    let (readers, writers) = sides(current, event, VersionPart::Itself);
    let is_first = event.versions.first().is_some_and(|first| first.number == version);
    let order = match (event.kind.usage(), is_first) {
        (Usage::Event, true) => format!(
            "`eventsmith streams apply` first, then consumers ({readers}) and publishers ({writers}) in any order."
        ),
        (Usage::Event, false) => {
            format!("consumers first ({readers}), which take older versions as this one; then publishers ({writers}).")
        }
        (Usage::Request, _) => format!("who answers first ({readers}), then who asks ({writers})."),
        (Usage::Document, true) => "`eventsmith streams apply` first, which makes the bucket.".to_owned(),
        (Usage::Document, false) => {
            "every service that reads the bucket before one that writes this version.".to_owned()
        }
    };
    let _ = writeln!(out, "\nDeploy: {order}");
    out
}

/// Who reads a part and who writes it, as lists of services: callers read the answers.
fn sides(current: &Loaded, event: &Event, part: VersionPart) -> (String, String) {
    let (readers, writers) = match event.kind.usage() {
        Usage::Event => {
            (names(current, event, |service| &service.consumes), names(current, event, |service| &service.publishes))
        }
        Usage::Request => {
            (names(current, event, |service| &service.handles), names(current, event, |service| &service.asks))
        }
        Usage::Document => (Vec::new(), Vec::new()),
    };
    let [readers, writers] =
        [readers, writers].map(|names| if names.is_empty() { "whoever does".to_owned() } else { names.join(", ") });
    if part.is_answer() { (writers, readers) } else { (readers, writers) }
}

fn affected(current: &Loaded, event: &Event) -> String {
    let said = |word: &str, types: fn(&Service) -> &Vec<Named>| {
        let names = names(current, event, types);
        (!names.is_empty()).then(|| format!("{word} {}", names.join(", ")))
    };
    let all = [
        said("published by", |service| &service.publishes),
        said("consumed by", |service| &service.consumes),
        said("asked by", |service| &service.asks),
        said("answered by", |service| &service.handles),
    ];
    let mut all: Vec<String> = all.into_iter().flatten().collect();
    if let Some((bucket, _)) = current.catalogue.manifest.bucket_of(&event.event_type) {
        all.push(format!("the bucket {}", code(bucket.get_ref())));
    }
    if all.is_empty() { "no service of the catalogue".to_owned() } else { all.join("; ") }
}

fn names(current: &Loaded, event: &Event, types: fn(&Service) -> &Vec<Named>) -> Vec<String> {
    let services = current.catalogue.manifest.services.iter();
    let has = |service: &Service| types(service).iter().any(|name| *name.get_ref() == event.event_type);
    services.filter(|(_, service)| has(service)).map(|(name, _)| code(name.get_ref())).collect()
}

/// A text of somebody else in Markdown: nobody is called by it, and nothing in it is a mark.
fn text(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    for c in source.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Hosts of repositories call people and link issues by what stands rendered: nothing but an invisible break keeps them apart.
            '@' => out.push_str("@&#8203;"),
            '#' => out.push_str("\\#&#8203;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A text in backticks, as many as it needs.
fn code(source: &str) -> String {
    let source: String = source.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let longest = source.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{source}{space}{fence}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use eventsmith_codegen::breaking::compare;
    use eventsmith_codegen::from_files;
    use eventsmith_codegen::manifest::Policy;

    use super::*;

    const MANIFEST: &str = "root = \"shop\"\n[services.orders]\npublishes = [\"order.placed\"]\n[services.mail]\nconsumes = [\"order.placed\"]\n";

    fn loaded(files: &[(&str, &str)]) -> Loaded {
        let files: BTreeMap<String, Vec<u8>> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).into())).collect();
        from_files("before", files)
    }

    fn written(then: &str, now: &[(&str, &str)]) -> String {
        let before = loaded(&[("eventsmith.toml", MANIFEST), ("domain/order/placed.v1.json", then)]);
        let mut files = vec![("eventsmith.toml", MANIFEST)];
        files.extend(now);
        let current = loaded(&files);
        markdown(&current, &compare(&before, &current, Policy::Full), "main")
    }

    #[test]
    fn a_change_that_breaks_old_readers_says_whom_by_what_and_in_which_order() {
        let then = r#"{"type": "object", "properties": {"level": {"enum": ["low"]}}}"#;
        let now = r#"{"type": "object", "properties": {"level": {"enum": ["low", "<b>@all`"]}}}"#;

        let text = written(then, &[("domain/order/placed.v1.json", now)]);

        assert!(text.contains("## `order.placed v1`: breaking"), "{text}");
        assert!(text.contains("**old readers reject what new writers may write**"), "{text}");
        assert!(text.contains("```json\n  {\n    \"level\": \"<b>@all`\"\n  }"), "{text}");
        assert!(text.contains("Affected: published by `orders`; consumed by `mail`."), "{text}");
        assert!(
            text.contains("Deploy: readers first (`mail`), and only when all of them run, writers (`orders`)."),
            "{text}"
        );
        let prose: String = text.lines().filter(|line| line.starts_with("- ")).collect();
        assert!(!prose.contains("<b>") && !prose.contains("@a"), "{prose}");
    }

    #[test]
    fn a_new_version_is_deployed_to_consumers_first() {
        let then = r#"{"type": "object", "properties": {"level": {"enum": ["low"]}}}"#;

        let text = written(
            then,
            &[("domain/order/placed.v1.json", then), ("domain/order/placed.v2.json", "{\"type\": \"object\"}")],
        );

        assert!(text.contains("## `order.placed v2`: new"), "{text}");
        assert!(text.contains("Deploy: consumers first (`mail`)"), "{text}");
        assert!(!text.contains("`order.placed v1`"), "{text}");
    }

    #[test]
    fn nothing_is_said_where_nothing_changed() {
        let then = r#"{"type": "object"}"#;

        let text = written(then, &[("domain/order/placed.v1.json", then)]);

        assert!(text.ends_with("Nothing that anybody reads or writes has changed.\n"), "{text}");
    }
}
