//! No block of the documentation is there that nothing compiles, runs or compares.

use std::fs;

use yaml_rust2::YamlLoader;

use super::page::{Block, Part, parts};
use super::{EVOLUTION, PAGES, repository};

/// Where pages become documentation tests.
const DOCTESTS: [&str; 5] = [
    "tests/src/lib.rs",
    "schemas/src/lib.rs",
    "tests/telemetry/src/lib.rs",
    "examples/rules-engine/src/lib.rs",
    "examples/rules-engine/edge/src/lib.rs",
];

/// All pages but those of `docs/rules`, which are written from examples that a test of codegen tries.
fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    for folder in ["docs", "docs/operations"] {
        for entry in fs::read_dir(repository().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                pages.push(format!("{folder}/{name}"));
            }
        }
    }
    pages.sort();
    pages
}

fn text(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// Whether documentation tests compile and run the Rust of a page.
fn has_doctests(page: &str) -> bool {
    DOCTESTS.iter().any(|file| {
        let up = "../".repeat(file.matches('/').count());
        text(file).contains(&format!("include_str!(\"{up}{page}\")"))
    })
}

/// What is wrong with a block that no comment is about.
fn uncovered(page: &str, block: &Block) -> Option<String> {
    let mut language = block.language.split(',');
    let is_checked = match language.next() {
        Some("rust") => has_doctests(page) && language.all(|mark| mark != "ignore"),
        // A picture.
        Some("mermaid") => true,
        _ => false,
    };
    (!is_checked).then(|| format!("{page}:{}: nothing tests this block of {:?}", block.line, block.language))
}

#[test]
fn every_block_of_every_page_is_tested() {
    let mut problems = Vec::new();
    for page in pages() {
        let parts = parts(&text(&page));
        problems.extend(parts.iter().filter_map(|part| match part {
            Part::Block(block) => uncovered(&page, block),
            _ => None,
        }));
        let has_steps = parts.iter().any(|part| matches!(part, Part::Step(_)));
        if has_steps && page != EVOLUTION && !PAGES.contains(&page.as_str()) {
            problems.push(format!("{page}: add it to those that cli/tests/cli/guide.rs replays"));
        }
    }
    assert!(
        problems.is_empty(),
        "{}\nsay what each is for, as the top of cli/tests/cli/guide.rs describes it",
        problems.join("\n")
    );
}

#[test]
fn a_block_that_nothing_tests_is_found() {
    let page = "text\n\n```sh\neventsmith lint\n```\n\n```rust,ignore\nlet a;\n```\n\n<!-- sh -->\n```sh\ntrue\n```\n";

    let found: Vec<String> = parts(page)
        .iter()
        .filter_map(|part| match part {
            Part::Block(block) => uncovered("docs/delivery.md", block),
            _ => None,
        })
        .collect();

    assert_eq!(
        found,
        [
            "docs/delivery.md:3: nothing tests this block of \"sh\"",
            "docs/delivery.md:7: nothing tests this block of \"rust,ignore\""
        ]
    );
    assert!(
        uncovered("docs/nowhere.md", &Block { language: "rust".to_owned(), text: String::new(), line: 1 }).is_some()
    );
}

#[test]
fn what_is_only_shown_can_at_least_be_read() {
    for page in pages() {
        for part in parts(&text(&page)) {
            let Part::Step(step) = part else { continue };
            let Some(block) = step.block.filter(|_| step.kind == "shown") else { continue };
            let problem = match block.language.as_str() {
                "json" => serde_json::from_str::<serde_json::Value>(&block.text).err().map(|error| error.to_string()),
                "yaml" => YamlLoader::load_from_str(&block.text).err().map(|error| error.to_string()),
                "toml" | "sh" => Some("can be run".to_owned()),
                _ => None,
            };
            assert_eq!(problem, None, "{page}:{}", block.line);
        }
    }
}

/// The Rust on the front page is compiled by rustdoc; all else on it stands in a page that is replayed.
#[test]
fn the_front_page_of_the_crate_shows_what_the_readme_shows() {
    let source = text("runtime/src/lib.rs");
    let front: String = source
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    let mut shown = 0;
    for part in parts(&front) {
        let Part::Block(block) = part else { continue };
        if ["sh", "json", "toml", "text"].contains(&block.language.as_str()) {
            // The page has lost its indentation.
            let bare: String = text("README.md").lines().map(|line| format!("{}\n", line.trim_start())).collect();
            assert!(bare.contains(&block.text), "README.md does not show:\n{}", block.text);
            shown += 1;
        }
    }
    assert!(shown >= 2, "the front page shows {shown} blocks");
}
