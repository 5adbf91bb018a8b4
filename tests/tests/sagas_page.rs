//! The program of docs/sagas.md builds from an empty folder, and does what the page says, in memory and on a server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use eventsmith::testing::NatsServer;
use eventsmith_codegen::diagnostic::Diagnostic;
use eventsmith_tests::small_crate;

const PAGE: &str = include_str!("../../docs/sagas.md");

const FILES: [&str; 16] = [
    "Cargo.toml",
    "build.rs",
    "eventsmith.toml",
    "common.json",
    "command/account/withdraw.v1.json",
    "command/account/give_back.v1.json",
    "command/account/deposit.v1.json",
    "command/account/deposit.v1.error.json",
    "domain/transfer/requested.v1.json",
    "domain/transfer/withdrawn.v1.json",
    "domain/transfer/refused.v1.json",
    "domain/transfer/ended.v1.json",
    "state/transfer/progress.v1.json",
    "src/main.rs",
    "src/bank.rs",
    "src/bin/choreography.rs",
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

    let url = server.url();
    for (servers, arguments, printed) in [
        (None, &["--bin", "choreography"][..], "`cargo run --bin choreography` prints"),
        (None, &[], "`cargo run` runs it"),
        (Some(&url), &[], "`cargo run` runs it"),
    ] {
        let mut cargo = small_crate::cargo("run", folder.path(), &small_crate::target(env!("CARGO_TARGET_TMPDIR")));
        cargo.args(arguments).env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_PROFILE_DEV_INCREMENTAL", "false");
        cargo.envs(servers.map(|url| ("EVENTSMITH_SERVERS", url)));
        let output = cargo.output().unwrap();

        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), block(printed));
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
