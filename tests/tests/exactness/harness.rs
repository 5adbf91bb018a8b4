//! Catalogues become a program that decodes, validates and encodes whatever it is given.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use eventsmith_tests::small_crate;
use serde_json::{Value, json};

/// A catalogue in the making.
pub(crate) struct Catalogue {
    /// A legal name of a Rust module, different from all others of the same program.
    pub(crate) name: String,
    /// The files by path, without eventsmith.toml.
    pub(crate) files: BTreeMap<String, String>,
}

impl Catalogue {
    /// A catalogue of one event.
    pub(crate) fn of(name: &str, schema: &Value) -> Self {
        let files = BTreeMap::from([("domain/group/happened.v1.json".to_owned(), schema.to_string())]);
        Self { name: name.to_owned(), files }
    }
}

/// What the generated code did with an instance.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Decoded, and written again.
    Accepted {
        /// What was written.
        encoded: String,
        /// What is wrong with the value that was accepted.
        trouble: Option<String>,
    },
    /// Not decoded, and why.
    Rejected(String),
    /// A panic, or the end of the process.
    Crashed(String),
}

/// A payload of a program: the index of its catalogue, and its own among the catalogue's payloads.
pub(crate) type At = (usize, usize);

/// A compiled program of many catalogues.
pub(crate) struct Program {
    binary: PathBuf,
    /// The types of the payloads by catalogue; none where a catalogue could not be generated or compiled.
    pub(crate) payloads: Vec<Vec<String>>,
    /// Which catalogues could not be generated or compiled, and why.
    pub(crate) problems: BTreeMap<String, String>,
}

impl Program {
    /// Generates the code of catalogues and compiles it.
    pub(crate) fn build(name: &str, catalogues: &[Catalogue]) -> Self {
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let dir = tmp.join("exactness").join(name);
        let target = small_crate::target(env!("CARGO_TARGET_TMPDIR"));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("src")).unwrap();
        small_crate::write_manifest(&dir, name, false).unwrap();

        let mut problems = BTreeMap::new();
        let mut payloads = Vec::new();
        for catalogue in catalogues {
            payloads.push(match generate(&dir, catalogue) {
                Ok(text) => {
                    fs::write(dir.join("src").join(format!("{}.rs", catalogue.name)), &text).unwrap();
                    payload_types(&text)
                }
                Err(problem) => {
                    problems.insert(catalogue.name.clone(), problem);
                    Vec::new()
                }
            });
        }
        // The compiler may see the next mistake only when the first is gone.
        loop {
            fs::write(dir.join("src/main.rs"), main_text(catalogues, &payloads)).unwrap();
            let found = compile(&dir, &target);
            if found.is_empty() {
                break;
            }
            for (file, problem) in found {
                let index = catalogues.iter().position(|catalogue| catalogue.name == file);
                payloads[index.unwrap_or_else(|| panic!("{file}: {problem}"))].clear();
                problems.insert(file, problem);
            }
        }
        Self { binary: target.join("debug").join(name), payloads, problems }
    }

    /// Gives instances to payloads, in order.
    pub(crate) fn run(&self, instances: &[(At, String)]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(instances.len());
        while outcomes.len() < instances.len() {
            let ended = self.run_until_end(&instances[outcomes.len()..], &mut outcomes);
            if outcomes.len() < instances.len() {
                outcomes.push(Outcome::Crashed(ended));
            }
        }
        outcomes
    }

    /// Adds the outcomes up to the end of the process; returns its last words.
    fn run_until_end(&self, instances: &[(At, String)], outcomes: &mut Vec<Outcome>) -> String {
        let piped = || Stdio::piped();
        let mut child = Command::new(&self.binary).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let output = thread::scope(|scope| {
            scope.spawn(move || {
                for ((catalogue, payload), instance) in instances {
                    // A process that has ended reads no more; that is seen by what it has not answered.
                    if writeln!(stdin, "{}", json!([catalogue, payload, instance])).is_err() {
                        break;
                    }
                }
            });
            child.wait_with_output().unwrap()
        });
        outcomes.extend(String::from_utf8(output.stdout).unwrap().lines().map(outcome));
        format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))
    }
}

fn outcome(line: &str) -> Outcome {
    let line: Value = serde_json::from_str(line).unwrap();
    let text = |key: &str| line.get(key).and_then(Value::as_str).map(str::to_owned);
    match (text("accepted"), text("rejected"), text("panicked")) {
        (Some(encoded), _, _) => Outcome::Accepted { encoded, trouble: text("trouble") },
        (_, Some(reason), _) => Outcome::Rejected(reason),
        (_, _, panicked) => Outcome::Crashed(panicked.unwrap()),
    }
}

/// The Rust text of a catalogue, generated in a thread with its name: that is what an overflow of the stack tells.
fn generate(dir: &Path, catalogue: &Catalogue) -> Result<String, String> {
    let schemas = dir.join("catalogues").join(&catalogue.name);
    fs::create_dir_all(&schemas).unwrap();
    fs::write(schemas.join("eventsmith.toml"), "root = \"rules\"\n").unwrap();
    for (path, text) in &catalogue.files {
        let path = schemas.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let generate = move || {
        let rust = eventsmith_codegen::generate(&eventsmith_codegen::load(&schemas));
        rust.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    };
    match thread::Builder::new().name(catalogue.name.clone()).spawn(generate).unwrap().join() {
        Ok(rust) => rust,
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
            Err(format!("the generator panicked: {}", words.unwrap_or_default()))
        }
    }
}

/// The paths of the types that the generated catalogue names, with the trait that they implement.
fn payload_types(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<String>();
    let descriptors = text.split("constCATALOGUE").nth(1).and_then(|rest| rest.split("];").next()).unwrap();
    let mut types = Vec::new();
    for part in descriptors.split("EventDescriptor::of").skip(1) {
        let (function, part) = match part.strip_prefix("_request::<") {
            Some(part) => ("request", part),
            None => ("event", part.strip_prefix("::<").unwrap()),
        };
        types.push(format!("{function}::<{}>", part.split(">()").next().unwrap()));
        for answer in ["with_reply::<", "with_error::<"] {
            let Some(answer) = part.split(answer).nth(1) else { continue };
            types.push(format!("reply::<{}>", answer.split(">()").next().unwrap()));
        }
    }
    types
}

fn main_text(catalogues: &[Catalogue], payloads: &[Vec<String>]) -> String {
    let mut modules = String::new();
    let mut table = String::new();
    for (catalogue, types) in catalogues.iter().zip(payloads) {
        let name = &catalogue.name;
        if !types.is_empty() {
            modules.push_str(&format!("mod {name};\n"));
        }
        // `event::<a::B>` becomes `event::<catalogue::a::B>`.
        let types: Vec<String> = types.iter().map(|of| of.replacen("::<", &format!("::<{name}::"), 1)).collect();
        table.push_str(&format!("    &[{}],\n", types.join(", ")));
    }
    include_str!("program.rs.txt").replace("// MODULES", &modules).replace("// PAYLOADS", &table)
}

/// Compiles the program; what is wrong, by module.
fn compile(dir: &Path, target: &Path) -> BTreeMap<String, String> {
    let output = small_crate::cargo("build", dir, target).args(["--message-format", "short"]).output().unwrap();
    if output.status.success() {
        return BTreeMap::new();
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut problems: BTreeMap<String, String> = BTreeMap::new();
    let errors: BTreeSet<&str> = words.lines().filter(|line| line.contains(": error")).collect();
    for line in errors {
        if let Some((file, problem)) = line.strip_prefix("src/").and_then(|rest| rest.split_once(".rs:")) {
            problems.entry(file.to_owned()).or_insert_with(|| format!("does not compile: {problem}"));
        }
    }
    assert!(!problems.is_empty(), "the program does not compile: {words}");
    problems
}
