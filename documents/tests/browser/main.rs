//! The site in a real browser: no page has an error, search and pictures lead where they say, and axe finds no serious fault.
//!
//! `cargo test --test browser`, which no other command includes: it needs Chromium, `$CHROMIUM` or `chromium` on `PATH`, which a system
//! has from its packages (Debian: `apt-get install chromium`), and node with npm.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../../tests/src/installed.rs"]
#[expect(unreachable_pub, dead_code, reason = "it belongs to the tests of the whole house, which use more of it")]
mod installed;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use eventsmith_codegen::load;
use eventsmith_documents::site::{Options, site};
use eventsmith_operations::{Landscape, Service};

const PACKAGES: [&str; 2] = ["puppeteer-core@25.16.0", "axe-core@4.14.1"];

fn chromium() -> PathBuf {
    let named = env::var_os("CHROMIUM").filter(|program| !program.is_empty());
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = || env::split_paths(&path).map(|folder| folder.join("chromium")).find(|found| found.is_file());
    let found = named.map(PathBuf::from).or_else(on_path);
    found.unwrap_or_else(|| {
        panic!("no Chromium: install it (Debian: apt-get install chromium), or name it by $CHROMIUM")
    })
}

#[test]
fn the_site_of_the_rules_engine_works_in_a_browser() {
    let loaded = load(&Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("schemas"));
    let manifest = &loaded.catalogue.manifest;
    let texts =
        |names: &[eventsmith_codegen::manifest::Named]| names.iter().map(|name| name.get_ref().clone()).collect();
    let services = manifest.services.iter().map(|(name, service)| Service {
        name: name.get_ref().clone(),
        publishes: texts(&service.publishes),
        consumes: texts(&service.consumes),
        handles: texts(&service.handles),
        asks: texts(&service.asks),
        ..Service::default()
    });
    let landscape = Landscape { root: "rules".to_owned(), services: services.collect(), ..Landscape::default() };
    let folder = tempfile::tempdir().unwrap();
    for file in site(&loaded, &landscape, &Options::default()).unwrap().files {
        let path = folder.path().join(&file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.text).unwrap();
    }
    let under = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let packages = installed::installed(under, "puppeteer-core-25.16.0", |folder| {
        let options = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix"];
        installed::run(Command::new("npm").args(options).arg(folder).args(PACKAGES))
    });
    let packages = packages.unwrap_or_else(|error| panic!("no puppeteer: {error}; node and npm must be on PATH"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/visit.cjs");
    let mut command = Command::new("node");
    command.env("NODE_PATH", packages.join("node_modules")).arg(script).arg(chromium()).arg(folder.path());

    let ran = command.output().unwrap();

    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.starts_with("visited ") && said.lines().count() == 1, "{said}");
}
