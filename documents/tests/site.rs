//! The site of a catalogue: what people find in it, and what nobody can put into it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use eventsmith_codegen::{Loaded, from_files, load};
use eventsmith_documents::site::{Options, Site, site};
use eventsmith_operations::{Landscape, Service};
use serde_json::Value;

fn rules() -> Loaded {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("schemas"))
}

fn catalogue(files: &[(&str, &str)]) -> Loaded {
    let files: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).into())).collect();
    from_files("memory", files)
}

/// As far as pages draw it.
fn landscape(loaded: &Loaded) -> Landscape {
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
    Landscape { root: manifest.root.get_ref().clone(), services: services.collect(), ..Landscape::default() }
}

fn written(loaded: &Loaded) -> Site {
    site(loaded, &landscape(loaded), &Options::default()).unwrap()
}

fn page<'a>(site: &'a Site, path: &str) -> &'a str {
    &site.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic_without(site, path)).text
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn panic_without(site: &Site, path: &str) -> ! {
    panic!("no {path}: {:#?}", site.files.iter().map(|file| &file.path).collect::<Vec<_>>())
}

#[test]
fn everything_in_a_catalogue_has_a_page_and_every_link_leads_somewhere() {
    let loaded = rules();

    let site = written(&loaded);

    assert_eq!(site.broken, []);
    let count = |folder: &str| site.files.iter().filter(|file| file.path.starts_with(folder)).count();
    let manifest = &loaded.catalogue.manifest;
    assert_eq!(count("service/"), manifest.services.len());
    assert_eq!(count("stream/") + count("bucket/"), manifest.streams.len() + manifest.buckets.len());
    let events: usize = ["domain/", "integration/", "command/", "query/", "state/"].into_iter().map(count).sum();
    assert_eq!(events, loaded.catalogue.events.len());
    let sagas = manifest.sagas().count();
    assert!(count("type/") > 40 && sagas > 0, "{sagas}");
    assert_eq!(count("saga/"), sagas);
}

#[test]
fn the_page_of_an_event_says_what_a_reader_asks() {
    let site = written(&rules());

    let text = page(&site, "domain/rule.created.html");

    for wanted in [
        "<h1>rule.created</h1>",
        "href=\"../service/rules-management.html\">rules-management</a>",
        "href=\"../stream/RULES_RULE.html\">RULES_RULE</a>, kept for ever, on 3 servers",
        "<code>rules.domain.rule.created.*</code>",
        "id=\"v2.priority\"",
        "<li><code>&quot;critical&quot;</code></li>",
        "required, never null",
        "href=\"../type/RuleId.html\">RuleId</a>",
        "readers of version 2 do not understand all that writers of version 1 write",
        "string became integer",
        "events::rule::v2::RuleCreated",
        "aggregates.execute(",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn every_field_is_found_and_leads_to_its_line() {
    let site = written(&rules());
    let search = page(&site, "assets/search.js");
    let json = search.split_once("= ").unwrap().1.trim_end().trim_end_matches(';');
    let index: Value = serde_json::from_str(json).unwrap();
    let entries = index["entries"].as_array().unwrap();

    assert_eq!(entries.len(), site.entries);
    assert!(entries.iter().any(|entry| entry[0] == "rule.created v2/priority"), "{search}");
    for entry in entries {
        let (path, anchor) = entry[2].as_str().map(|href| href.split_once('#').unwrap_or((href, ""))).unwrap();
        let text = page(&site, path);
        assert!(anchor.is_empty() || text.contains(&format!("id=\"{anchor}\"")), "{entry}");
    }
}

#[test]
fn the_same_catalogue_gives_the_same_site() {
    assert_eq!(written(&rules()).files, written(&rules()).files);
}

#[test]
fn nothing_that_a_catalogue_says_runs_or_leaves_its_place() {
    let hostile = "</title><script>alert(1)</script> \\\" onload=\\\"x {{{a}}} {{> b}} <img src=x onerror=alert(1)>";
    let schema = format!(
        r#"{{"title": "A", "description": "{hostile}", "type": "object",
            "properties": {{"</code><script>alert(2)</script>": {{"type": "string", "description": "{hostile}", "pattern": "<script>", "examples": ["</pre><script>"], "x-unit": "<b>"}}}},
            "examples": [{{"</code><script>alert(2)</script>": "</pre><script>"}}]}}"#
    );
    let manifest = format!("root = \"shop\"\n[services.a]\ndescription = \"{hostile}\"\npublishes = [\"a.b\"]\n");
    let loaded = catalogue(&[
        ("eventsmith.toml", &manifest),
        ("domain/a/b.v1.json", &schema),
        ("common.json", r##"{"$defs": {"../../<x>": {"type": "string"}, "a": {}, "A": {}}}"##),
    ]);

    let site = written(&loaded);

    for file in &site.files {
        assert!(file.path.split('/').all(|step| step != ".." && !step.contains('<')), "{}", file.path);
        if file.path.ends_with(".html") {
            let scripts: Vec<&str> = file.text.split("<script").skip(1).collect();
            assert!(matches!(scripts.as_slice(), [own] if own.starts_with(" src=")), "{}: {}", file.path, file.text);
            assert!(!file.text.contains("<img") && !file.text.contains("<b>"), "{}: {}", file.path, file.text);
            for tag in file.text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
                // Every other part stands between quotes.
                let names: String = tag.split('"').step_by(2).collect();
                assert!(!names.contains("onload") && !names.contains("onerror"), "{}: {tag}", file.path);
            }
        }
    }
    let names: Vec<String> = site.files.iter().map(|file| file.path.to_lowercase()).collect();
    let mut distinct = names.clone();
    distinct.dedup();
    assert_eq!(names, distinct, "file systems may take `a` and `A` for one");
}

#[test]
fn a_link_that_leads_nowhere_is_told_and_one_to_a_type_leads_to_its_page() {
    let description =
        "See [another](a.c), [the web](https://example.com), [nothing](a.x), [a trap](javascript:alert(1)).";
    let schema = format!(r#"{{"description": "{description}", "type": "object"}}"#);
    let loaded = catalogue(&[
        ("eventsmith.toml", "root = \"shop\""),
        ("domain/a/b.v1.json", &schema),
        ("domain/a/c.v1.json", r#"{"type": "object"}"#),
    ]);

    let site = written(&loaded);

    let broken: Vec<(&str, &str)> =
        site.broken.iter().map(|broken| (broken.place.as_str(), broken.link.as_str())).collect();
    assert_eq!(broken, [("domain/a/b.v1.json", "a.x"), ("domain/a/b.v1.json", "javascript:alert(1)")]);
    let text = page(&site, "domain/a.b.html");
    assert!(
        text.contains("href=\"../domain/a.c.html\">another</a>") && text.contains("href=\"https://example.com\""),
        "{text}"
    );
    assert!(!text.contains("javascript:") && text.contains("a trap"), "{text}");
}
