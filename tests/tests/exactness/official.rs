//! The official JSON Schema test suite: our verdict, the validator's, and the suite's own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{At, Catalogue, Program};
use crate::official_source::{Group, SuiteFile, files, find_or_download, remotes};
use crate::round_trip::Declared;
use crate::tally::Tally;

/// Where the suite's schemas expect its remote documents.
const SERVER: &str = "http://localhost:1234/";

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
    let mut differs: BTreeMap<String, usize> = BTreeMap::new();
    let mut inputs: Vec<(At, String)> = Vec::new();
    let mut judged = Vec::new();
    for (index, (case, catalogue)) in cases.iter().zip(&catalogues).enumerate() {
        let validator = case.validator();
        match (program.problems.get(&catalogue.name), validator) {
            (None, Ok(validator)) => {
                inputs.extend(case.group.tests.iter().map(|test| ((index, 0), test.data.to_string())));
                judged.push((case, validator));
            }
            (Some(problem), Ok(_)) => tally.findings.push(format!("{}: {problem}", case.title)),
            (problem, Err(error)) => *differs.entry(format!("{}: {error} {problem:?}", case.title)).or_default() += 1,
        }
    }
    let outcomes = program.run(&inputs);
    let mut outcomes = outcomes.iter();
    for (case, validator) in &judged {
        let mut declared = Declared::new(&case.schema, &case.others);
        for test in &case.group.tests {
            if validator.is_valid(&test.data) != test.valid {
                println!("the validator differs from the suite: {}: {}", case.title, test.description);
                *differs.entry(case.file.clone()).or_default() += 1;
            }
            tally.add(&case.title, validator, &mut declared, &test.data, outcomes.next().unwrap());
        }
    }
    println!(
        "{}: {} groups of {} generated and compiled; {tally}; the validator differs from the suite in {}",
        draft.folder,
        judged.len(),
        cases.len(),
        differs.values().sum::<usize>()
    );
    for (what, count) in &differs {
        println!("  {count} in {what}");
    }
    tally.assert_no_findings();
}

fn cases(draft: &Draft, file: SuiteFile, remotes: &[(String, Value)]) -> Vec<Case> {
    let others = || {
        let named = remotes.iter().map(|(path, document)| {
            let own = DRAFTS.iter().find(|other| path.starts_with(&format!("{}/", other.folder)));
            (path.clone(), identified(own.unwrap_or(draft), document, Some(path)))
        });
        named.filter(|(path, _)| !path.starts_with("draft-next/") && !path.starts_with("draft3/")).collect()
    };
    let case = |group: Group| {
        let schema = identified(draft, &group.schema, None);
        let others = if schema.to_string().contains("localhost:1234") { others() } else { Vec::new() };
        Case {
            title: format!("{} {} {:?}", draft.folder, file.path, group.description),
            file: file.path.clone(),
            schema,
            others,
            group,
        }
    };
    file.groups.into_iter().map(case).collect()
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
