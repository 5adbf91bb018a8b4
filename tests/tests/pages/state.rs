//! docs/state.md.

use crate::page::Page;

const PAGE: Page = Page {
    text: include_str!("../../../docs/state.md"),
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

#[tokio::test]
async fn it_runs_in_memory_and_on_a_server() {
    let folder = PAGE.write();

    PAGE.runs_in_memory_and_on_a_server(&folder).await;
}

#[test]
fn its_catalogue_has_nothing_that_lint_finds() {
    PAGE.has_nothing_that_lint_finds();
}
