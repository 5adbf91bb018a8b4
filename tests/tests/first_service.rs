//! The programs of docs/first-service.md and docs/state.md build from an empty folder, and do what their pages say, in memory and on a
//! server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use eventsmith::testing::NatsServer;
use eventsmith_codegen::diagnostic::Diagnostic;
use eventsmith_tests::small_crate;

/// A page, and the files that it shows.
struct Page {
    text: &'static str,
    files: &'static [&'static str],
}

const FIRST_SERVICE: Page = Page {
    text: include_str!("../../docs/first-service.md"),
    files: &["Cargo.toml", "build.rs", "eventsmith.toml", "domain/order/placed.v1.json", "src/main.rs"],
};

const STATE: Page = Page {
    text: include_str!("../../docs/state.md"),
    files: &[
        "Cargo.toml",
        "build.rs",
        "eventsmith.toml",
        "domain/account/opened.v1.json",
        "domain/account/paid.v1.json",
        "state/account/snapshot.v1.json",
        "src/main.rs",
    ],
};

impl Page {
    /// The block that follows the words at which a line of the page begins.
    fn block(&self, words: &str) -> &'static str {
        let (_, rest) = self.text.split_once(&format!("\n{words}")).unwrap();
        let (_, rest) = rest.split_once("\n```").unwrap();
        let (_, rest) = rest.split_once('\n').unwrap();
        rest.split_once("```").unwrap().0
    }

    fn write(&self, folder: &Path) {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for path in self.files {
            let text = self.block(&format!("`{path}`"));
            let text = text.replace("../eventsmith/", &format!("{}/", repository.display()));
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::copy(repository.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    }

    /// Builds the program and runs it, in memory and on a server: both print what the page says, behind some words.
    async fn runs(&self, words: &str) {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path());
        let server = NatsServer::start().await.unwrap();
        for servers in [None, Some(server.url())] {
            let mut cargo = small_crate::cargo("run", folder.path(), &small_crate::target(env!("CARGO_TARGET_TMPDIR")));
            cargo.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_PROFILE_DEV_INCREMENTAL", "false");
            cargo.envs(servers.map(|url| ("EVENTSMITH_SERVERS", url)));
            let output = cargo.output().unwrap();

            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert_eq!(text(&output.stdout), self.block(words));
            assert!(!text(&output.stderr).contains("warning"), "{}", text(&output.stderr));
        }
    }
}

#[tokio::test]
async fn the_first_service_runs_in_memory_and_on_a_server() {
    FIRST_SERVICE.runs("Both print").await;
}

#[tokio::test]
async fn the_accounts_run_in_memory_and_on_a_server() {
    STATE.runs("`cargo run` runs it").await;
}

#[test]
fn lint_finds_nothing_in_their_catalogues() {
    for page in [FIRST_SERVICE, STATE] {
        let folder = tempfile::tempdir().unwrap();
        page.write(folder.path());

        let findings = eventsmith_codegen::lint::lint(&eventsmith_codegen::load(folder.path()));

        assert!(findings.is_empty(), "{:?}", findings.iter().map(Diagnostic::to_string).collect::<Vec<_>>());
    }
}
