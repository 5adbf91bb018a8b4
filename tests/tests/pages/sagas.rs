//! docs/sagas.md.

use crate::page::Page;

const PAGE: Page = Page {
    text: include_str!("../../../docs/sagas.md"),
    files: &[
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
    ],
};

#[tokio::test]
async fn it_runs_in_memory_and_on_a_server() {
    let folder = PAGE.write();

    PAGE.prints("`cargo run --bin choreography` prints", &folder, &["--bin", "choreography"], None);
    PAGE.runs_in_memory_and_on_a_server(&folder).await;
}

#[test]
fn its_catalogue_has_nothing_that_lint_finds() {
    PAGE.has_nothing_that_lint_finds();
}
