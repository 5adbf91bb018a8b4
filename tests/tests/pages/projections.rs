//! docs/projections.md.

use crate::page::Page;

const PAGE: Page = Page {
    text: include_str!("../../../docs/projections.md"),
    files: &[
        "Cargo.toml",
        "build.rs",
        "eventsmith.toml",
        "domain/order/placed.v1.json",
        "domain/order/cancelled.v1.json",
        "state/customer/total.v1.json",
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
