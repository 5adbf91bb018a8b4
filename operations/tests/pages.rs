//! The page about alerts is what the table says.

use std::path::Path;
use std::{env, fs};

use eventsmith_operations::alerts::page;
use eventsmith_operations::metrics::{EXPORTER, table};

/// The table of the exporter's page, between the heading above it and the text below it.
#[test]
fn the_page_about_the_exporter_lists_what_it_exports() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/exporter.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once("## What it exports\n\n").unwrap();
    let (_, tail) = rest.split_once("\n\n`unaccounted`").unwrap();
    let fresh = format!("{head}## What it exports\n\n{}\n`unaccounted`{tail}", table(EXPORTER));
    if env::var_os("UPDATE_PAGES").is_some() {
        fs::write(&path, &fresh).unwrap();
    }

    let written = fs::read_to_string(&path).unwrap();
    assert!(written == fresh, "{} is stale; UPDATE_PAGES=1 writes it anew", path.display());
}

#[test]
fn the_page_about_alerts_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/operations/alerts.md");
    if env::var_os("UPDATE_PAGES").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, page()).unwrap();
    }

    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "{} is stale; UPDATE_PAGES=1 writes it anew", path.display());
}

/// Whoever is called by an alert finds a command there.
#[test]
fn the_runbooks_have_every_alert() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/operations");
    let runbooks = fs::read_to_string(folder.join("runbooks.md")).unwrap();

    let page = page();
    let alerts = page.lines().filter_map(|line| line.strip_prefix("## "));
    let missing: Vec<&str> = alerts.filter(|alert| !runbooks.contains(&format!("`{alert}`"))).collect();

    assert!(missing.is_empty(), "docs/operations/runbooks.md says nothing of {}", missing.join(", "));
}
