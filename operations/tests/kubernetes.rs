//! The manifests hold for the schemas of Kubernetes: those of the Python package `kubernetes-validate`, read strictly.
//!
//! The first test that needs it puts it under `target/`. Where that is not possible the test fails, and says how to get it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../tests/src/installed.rs"]
#[expect(unreachable_pub, dead_code, reason = "it belongs to the tests of the whole house, which use more of it")]
mod installed;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use eventsmith_operations::kubernetes::{Cluster, files};
use eventsmith_operations::{File, Landscape, Service};

const PACKAGE: &str = "kubernetes-validate==1.37.0";
/// The oldest version that its makers still look after, or nearly so, and the newest that the package knows.
const VERSIONS: [&str; 2] = ["1.30", "1.37"];

/// Services with every kind of name that is taken.
fn manifests() -> Vec<File> {
    let service = |name: &str| Service { name: name.to_owned(), ..Service::default() };
    let landscape = Landscape {
        root: "true".to_owned(),
        services: vec![service("mail"), service("a_b-C"), service("8080"), service("null")],
        ..Landscape::default()
    };
    let cluster = Cluster {
        namespace: "shop".to_owned(),
        image: "registry.example.com:5000/shop/{service}@sha256:0000".to_owned(),
        servers: "tls://nats-0.nats:4222,tls://nats-1.nats:4222".to_owned(),
        shutdown_timeout: Duration::from_secs(25),
    };
    files(&landscape, &cluster).unwrap()
}

fn validate(folder: &Path, version: &str) -> Output {
    let package = installed::pip(Path::new(env!("CARGO_TARGET_TMPDIR")), PACKAGE);
    let package = package.unwrap_or_else(|error| panic!("no {PACKAGE}: {error}; it comes by `python3 -m pip`"));
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", package).args(["-m", "kubernetes_validate", "--strict", "--kubernetes-version", version]);
    python.args(paths).output().unwrap()
}

fn written(files: &[File]) -> tempfile::TempDir {
    let folder = tempfile::TempDir::new().unwrap();
    for file in files {
        fs::write(folder.path().join(&file.path), &file.text).unwrap();
    }
    folder
}

#[test]
fn kubernetes_takes_the_manifests() {
    let all = manifests();
    assert_eq!(all.len(), 6);
    let folder = written(&all);

    for version in VERSIONS {
        let validated = validate(folder.path(), version);

        let said =
            format!("{}{}", String::from_utf8_lossy(&validated.stdout), String::from_utf8_lossy(&validated.stderr));
        assert!(validated.status.success(), "{version}: {said}");
        // Each document of each file: the services have two.
        assert_eq!(said.matches(" passed for resource ").count(), 10, "{version}: {said}");
    }
}

#[test]
fn what_kubernetes_does_not_know_is_found() {
    let mut all = manifests();
    all.iter_mut().for_each(|file| file.text = file.text.replace("terminationGracePeriodSeconds", "gracePeriod"));

    let validated = validate(written(&all).path(), VERSIONS[1]);

    let said = format!("{}{}", String::from_utf8_lossy(&validated.stdout), String::from_utf8_lossy(&validated.stderr));
    assert!(!validated.status.success() && said.contains("gracePeriod"), "{said}");
}
