//! The program of docs/projections.md builds from an empty folder, and does what the page says, in memory and on a server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use eventsmith::testing::NatsServer;
use eventsmith_codegen::diagnostic::Diagnostic;
use eventsmith_tests::small_crate;

const PAGE: &str = include_str!("../../docs/projections.md");

const FILES: [&str; 7] = [
    "Cargo.toml",
    "build.rs",
    "eventsmith.toml",
    "domain/order/placed.v1.json",
    "domain/order/cancelled.v1.json",
    "state/customer/total.v1.json",
    "src/main.rs",
];

/// The block that follows the words at which a line of the page begins.
fn block(words: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("\n{words}")).unwrap();
    let (_, rest) = rest.split_once("\n```").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0
}

fn write(folder: &Path) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for path in FILES {
        let text = block(&format!("`{path}`")).replace("../eventsmith/", &format!("{}/", repository.display()));
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::copy(repository.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}

#[tokio::test]
async fn it_runs_in_memory_and_on_a_server() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let server = NatsServer::start().await.unwrap();

    for servers in [None, Some(server.url())] {
        let mut cargo = small_crate::cargo("run", folder.path(), &small_crate::target(env!("CARGO_TARGET_TMPDIR")));
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_PROFILE_DEV_INCREMENTAL", "false");
        cargo.envs(servers.map(|url| ("EVENTSMITH_SERVERS", url)));
        let output = cargo.output().unwrap();

        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), block("`cargo run` runs it"));
        assert!(!text(&output.stderr).contains("warning"), "{}", text(&output.stderr));
    }
}

#[test]
fn its_catalogue_has_nothing_that_lint_finds() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());

    let findings = eventsmith_codegen::lint::lint(&eventsmith_codegen::load(folder.path()));

    assert!(findings.is_empty(), "{:?}", findings.iter().map(Diagnostic::to_string).collect::<Vec<_>>());
}
