//! The crate that a page makes, and what its programs print.

use std::fs;
use std::path::Path;

use eventsmith::testing::NatsServer;
use eventsmith_codegen::diagnostic::Diagnostic;
use eventsmith_tests::small_crate;
use tempfile::TempDir;

/// A page, and the files that it shows.
pub(crate) struct Page {
    pub(crate) text: &'static str,
    pub(crate) files: &'static [&'static str],
}

impl Page {
    /// The block that follows the words at which a line of the page begins.
    fn block(&self, words: &str) -> &'static str {
        let (_, rest) = self.text.split_once(&format!("\n{words}")).unwrap();
        let (_, rest) = rest.split_once("\n```").unwrap();
        let (_, rest) = rest.split_once('\n').unwrap();
        rest.split_once("```").unwrap().0
    }

    /// Writes its files into a folder.
    pub(crate) fn write(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for path in self.files {
            let text = self.block(&format!("`{path}`"));
            let text = text.replace("../eventsmith/", &format!("{}/", repository.display()));
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::copy(repository.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
        folder
    }

    /// The program prints what the page shows behind these words, and nothing is to be warned of.
    pub(crate) fn prints(&self, words: &str, folder: &TempDir, arguments: &[&str], server: Option<String>) {
        let mut cargo = small_crate::cargo("run", folder.path(), &small_crate::target(env!("CARGO_TARGET_TMPDIR")));
        cargo.args(arguments).env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_PROFILE_DEV_INCREMENTAL", "false");
        cargo.envs(server.map(|url| ("EVENTSMITH_SERVERS", url)));
        let output = cargo.output().unwrap();

        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), self.block(words));
        assert!(!text(&output.stderr).contains("warning"), "{}", text(&output.stderr));
    }

    pub(crate) async fn runs_in_memory_and_on_a_server(&self, folder: &TempDir) {
        let server = NatsServer::start().await.unwrap();
        for server in [None, Some(server.url())] {
            self.prints("`cargo run` runs it", folder, &[], server);
        }
    }

    pub(crate) fn has_nothing_that_lint_finds(&self) {
        let findings = eventsmith_codegen::lint::lint(&eventsmith_codegen::load(self.write().path()));

        assert!(findings.is_empty(), "{:?}", findings.iter().map(Diagnostic::to_string).collect::<Vec<_>>());
    }
}
