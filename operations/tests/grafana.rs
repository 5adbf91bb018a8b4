//! The dashboards hold for Grafana's own schema: its Python models, which are generated from it, know every member that is written.
//!
//! The first test that needs them puts them under `target/`, as the tests do with other programs of others.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../tests/src/installed.rs"]
#[expect(unreachable_pub, dead_code, reason = "it belongs to the tests of the whole house, which use more of it")]
mod installed;

use std::fs;
use std::path::Path;
use std::process::Command;

use eventsmith_operations::dashboards::files;
use eventsmith_operations::{Consumer, Landscape, Service, Stream};

/// Apache-2.0. The models of Grafana 10.1, which newer ones take.
const MODELS: &str = "grafana-foundation-sdk==1769699998!10.1.0";
/// Reads dashboards, writes them again, and prints what is not there any more.
const PROGRAM: &str = r#"
import json, sys
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

register_default_plugins()

def compare(file, place, own, read):
    if isinstance(own, dict) and isinstance(read, dict):
        for name, value in own.items():
            if name in read:
                compare(file, place + "/" + name, value, read[name])
            else:
                print(file, place + "/" + name, "is unknown")
    elif isinstance(own, list) and isinstance(read, list) and len(own) == len(read):
        for at, (one, other) in enumerate(zip(own, read)):
            compare(file, place + "/" + str(at), one, other)
    elif own != read:
        print(file, place, "is", own, "and becomes", read)

for file in sys.argv[1:]:
    own = json.load(open(file))
    compare(file, "", own, json.loads(json.dumps(Dashboard.from_json(own), cls=JSONEncoder)))
print("compared", len(sys.argv) - 1)
"#;

fn landscape() -> Landscape {
    let stream = |name: &str, limit: Option<u64>| Stream {
        name: name.to_owned(),
        max_bytes: limit,
        max_messages: limit,
        replicas: 3,
        holds_dead_letters: name == "LETTERS",
        ..Stream::default()
    };
    let consumer = |name: &str| Consumer { name: name.to_owned(), stream: "ORDERS".to_owned(), ..Consumer::default() };
    let mail = Service {
        name: "mail".to_owned(),
        description: "sends \"mail\"".to_owned(),
        handles: vec!["mail.send".to_owned()],
        consumers: vec![consumer("mail"), consumer("saga_pay_v1")],
        ..Service::default()
    };
    Landscape {
        root: "shop".to_owned(),
        services: vec![mail],
        streams: vec![stream("ORDERS", Some(7)), stream("LETTERS", None)],
        ..Landscape::default()
    }
}

/// What the models do not know of these dashboards.
fn unknown(change: impl Fn(String) -> String) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("python3");
    command.args(["-c", PROGRAM]);
    for file in files(&landscape()) {
        let path = folder.path().join(&file.path);
        fs::write(&path, change(file.text)).unwrap();
        command.arg(path);
    }
    let models = installed::pip(Path::new(env!("CARGO_TARGET_TMPDIR")), MODELS).unwrap();
    let output = command.env("PYTHONPATH", models).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn grafana_knows_every_member_of_the_dashboards() {
    assert_eq!(unknown(|text| text), "compared 4\n");
}

#[test]
fn a_member_that_grafana_does_not_know_is_found() {
    let found = unknown(|text| text.replace("\"fillOpacity\"", "\"fillOpacitty\""));

    assert!(found.contains("custom/fillOpacitty is unknown"), "{found}");
}
