//! The official JSON Schema test suite: our verdict, the validator's, and the suite's own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{At, Catalogue, Program};
use crate::official_source::{Group, SuiteFile, files, find_or_download, remotes};
use crate::round_trip::Declared;
use crate::tally::Tally;

/// Where the suite's schemas expect its remote documents.
const SERVER: &str = "http://localhost:1234/";

/// Groups that no catalogue can hold: a file of a catalogue is known by its path and its `$id`, but these documents have an
/// `$id` and are referred to by the address that they are loaded from.
const LEFT_OUT: &[&str] = &[
    r#"draft2020-12 refRemote.json "remote HTTP ref with different $id""#,
    r#"draft2020-12 refRemote.json "remote HTTP ref with different URN $id""#,
    r#"draft2019-09 refRemote.json "remote HTTP ref with different $id""#,
    r#"draft2019-09 refRemote.json "remote HTTP ref with different URN $id""#,
    r#"draft2019-09 optional/cross-draft.json "refs to historic drafts are processed as historic drafts""#,
];

/// A group whose meta-schema has no vocabulary for validation. A meta-schema of somebody's own is read as the newest draft, with
/// a warning, so that the keywords of this group assert something here.
const READ_AS_NEWEST: &str =
    r#"vocabulary.json "schema that uses custom metaschema with with no validation vocabulary""#;

/// Files of the suite in which the validator itself has another opinion.
const VALIDATOR_DIFFERS: &[(&str, &str)] = &[
    ("format.json", "formats are asserted"),
    ("optional/format/idn-email.json", "the validator is built without internationalised names"),
    ("optional/format/idn-hostname.json", "the validator is built without internationalised names"),
];

/// A draft: the suite's folder, and its meta-schema.
struct Draft {
    folder: &'static str,
    uri: &'static str,
    id: &'static str,
}

const DRAFTS: &[Draft] = &[
    Draft { folder: "draft2020-12", uri: "https://json-schema.org/draft/2020-12/schema", id: "$id" },
    Draft { folder: "draft2019-09", uri: "https://json-schema.org/draft/2019-09/schema", id: "$id" },
    Draft { folder: "draft7", uri: "http://json-schema.org/draft-07/schema#", id: "$id" },
    Draft { folder: "draft6", uri: "http://json-schema.org/draft-06/schema#", id: "$id" },
    Draft { folder: "draft4", uri: "http://json-schema.org/draft-04/schema#", id: "id" },
];

#[test]
fn draft_2020_12_is_judged_as_the_validator_judges_it() {
    judge(&DRAFTS[0]);
}

#[test]
fn draft_2019_09_is_judged_as_the_validator_judges_it() {
    judge(&DRAFTS[1]);
}

#[test]
fn draft_7_is_judged_as_the_validator_judges_it() {
    judge(&DRAFTS[2]);
}

#[test]
fn draft_6_is_judged_as_the_validator_judges_it() {
    judge(&DRAFTS[3]);
}

#[test]
fn draft_4_is_judged_as_the_validator_judges_it() {
    judge(&DRAFTS[4]);
}

/// A group with the documents that it refers to.
struct Case {
    title: String,
    file: String,
    group: Group,
    schema: Value,
    others: Vec<(String, Value)>,
}

fn judge(draft: &Draft) {
    let suite = find_or_download();
    let remotes = remotes(&suite);
    let cases: Vec<Case> =
        files(&suite, draft.folder).into_iter().flat_map(|file| cases(draft, file, &remotes)).collect();
    let catalogues: Vec<Catalogue> =
        cases.iter().enumerate().map(|(index, case)| case.catalogue(&format!("g{index:04}"))).collect();
    let program = Program::build(&format!("official-{}", draft.folder), &catalogues);

    let mut tally = Tally::default();
    let mut left_out = Vec::new();
    let mut inputs: Vec<(At, String)> = Vec::new();
    let mut judged = Vec::new();
    for (index, (case, catalogue)) in cases.iter().zip(&catalogues).enumerate() {
        if case.title.ends_with(READ_AS_NEWEST) {
            assert_eq!(program.problems.get(&catalogue.name), None);
            left_out.push(&case.title);
            continue;
        }
        let may_fail = LEFT_OUT.contains(&case.title.as_str());
        match (program.problems.get(&catalogue.name), may_fail, case.validator()) {
            (None, false, Ok(validator)) => {
                inputs.extend(case.group.tests.iter().map(|test| ((index, 0), test.data.to_string())));
                judged.push((index, case, validator));
            }
            (Some(problem), false, Ok(_)) => tally.findings.push(format!("{}: {problem}", case.title)),
            (_, false, Err(error)) => tally.findings.push(format!("{}: the validator refuses it: {error}", case.title)),
            (Some(_), true, _) => left_out.push(&case.title),
            (None, true, _) => tally.findings.push(format!("{}: need not be left out", case.title)),
        }
    }
    let outcomes = program.run(&inputs);
    let mut outcomes = outcomes.iter();
    let mut differs: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, case, validator) in &judged {
        let mut declared = Declared::new(&case.schema, &case.others);
        for test in &case.group.tests {
            if validator.is_valid(&test.data) != test.valid {
                *differs.entry(&case.file).or_default() += 1;
                if !VALIDATOR_DIFFERS.iter().any(|(file, _)| *file == case.file) {
                    tally.findings.push(format!("{}: the validator differs: {}", case.title, test.description));
                }
            }
            tally.add(&case.title, (*index, 0), validator, &mut declared, &test.data, outcomes.next().unwrap());
        }
    }
    tally.settle(&program);
    println!("{}: {} groups of {}, {} instances: {tally}", draft.folder, judged.len(), cases.len(), tally.total());
    for (file, reason) in VALIDATOR_DIFFERS {
        let count = differs.get(file).unwrap_or(&0);
        println!("  the validator differs from the suite on {count} instances of {file}: {reason}");
    }
    for title in left_out {
        println!("  left out: {title}");
    }
    tally.assert_no_findings();
}

fn cases(draft: &Draft, file: SuiteFile, remotes: &[(String, Value)]) -> Vec<Case> {
    let case = |group: Group| {
        let schema = identified(draft, &group.schema, None);
        Case {
            title: format!("{} {} {:?}", draft.folder, file.path, group.description),
            file: file.path.clone(),
            others: referred_to(draft, &schema, remotes),
            schema,
            group,
        }
    };
    file.groups.into_iter().map(case).collect()
}

/// The remote documents that a schema refers to, directly or not.
fn referred_to(draft: &Draft, schema: &Value, remotes: &[(String, Value)]) -> Vec<(String, Value)> {
    let mut text = schema.to_string();
    let mut found: Vec<(String, Value)> = Vec::new();
    if !text.contains(SERVER) {
        return found;
    }
    loop {
        let known = found.len();
        for (path, document) in remotes {
            let own = DRAFTS.iter().find(|other| path.starts_with(&format!("{}/", other.folder)));
            let is_foreign = own.is_none() && path.starts_with("draft");
            let is_named = path.rsplit('/').next().is_some_and(|name| text.contains(name));
            if is_named && !is_foreign && !found.iter().any(|(known, _)| known == path) {
                let document = identified(own.unwrap_or(draft), document, Some(path));
                text.push_str(&document.to_string());
                found.push((path.clone(), document));
            }
        }
        if found.len() == known {
            return found;
        }
    }
}

/// A schema that says of which draft it is, and where it comes from.
fn identified(draft: &Draft, schema: &Value, path: Option<&str>) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(members) = &mut schema {
        members.entry("$schema").or_insert_with(|| json!(draft.uri));
        if let Some(path) = path {
            members.entry(draft.id).or_insert_with(|| json!(format!("{SERVER}{path}")));
        }
    }
    schema
}

impl Case {
    fn catalogue(&self, name: &str) -> Catalogue {
        let mut catalogue = Catalogue::of(name, &self.schema);
        for (path, document) in &self.others {
            catalogue.files.insert(format!("remotes/{path}"), document.to_string());
        }
        catalogue
    }

    fn validator(&self) -> Result<jsonschema::Validator, String> {
        let mut registry = jsonschema::Registry::new();
        for (path, document) in &self.others {
            registry = registry.add(format!("{SERVER}{path}"), document.clone()).map_err(|error| error.to_string())?;
        }
        let registry = registry.prepare().map_err(|error| error.to_string())?;
        let options = jsonschema::options().should_validate_formats(true).with_registry(&registry);
        options.build(&self.schema).map_err(|error| error.to_string())
    }
}
