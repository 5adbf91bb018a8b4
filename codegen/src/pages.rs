//! Where the site of a catalogue has its pages: `eventsmith docs` writes them there, and the documentation of generated types leads there.

use std::collections::BTreeMap;

use crate::model::{Catalogue, Event, VersionPart};

/// A name of which files and anchors can be made.
pub fn token(name: &str) -> String {
    let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let kept: String = name.chars().map(|c| if is_kept(c) { c } else { '_' }).take(120).collect();
    // Neither a hidden file nor one above, nor a name that Windows has for something else.
    let first = kept.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_device = ["con", "prn", "aux", "nul"].contains(&first.as_str())
        || (first.len() == 4
            && (first.starts_with("com") || first.starts_with("lpt"))
            && first.ends_with(|c: char| c.is_ascii_digit()));
    if kept.is_empty() || kept.starts_with(['.', '_']) || is_device { format!("x-{kept}") } else { kept }
}

/// The page of an event, request or document below the site, unless another has it already: `domain/rule.created.html`.
pub fn of_event(event: &Event) -> String {
    format!("{}/{}.html", event.kind.as_str(), token(&event.event_type))
}

/// What the anchors of the fields of a version begin with, or of what it is answered with: `v2.`, `v1-reply.`.
pub fn fields(number: u32, part: VersionPart) -> String {
    match part {
        VersionPart::Itself => format!("v{number}."),
        VersionPart::Reply | VersionPart::Error => format!("v{number}-{}.", part.as_str()),
    }
}

/// A payload in the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PayloadPage {
    /// The address of its version.
    pub(crate) version: String,
    /// What the addresses of its fields begin with.
    pub(crate) fields: String,
}

/// Where each payload has its page, by its schema file; nothing where the catalogue names no site.
pub(crate) fn of_payloads(catalogue: &Catalogue) -> BTreeMap<String, PayloadPage> {
    let Some(site) = &catalogue.manifest.site else { return BTreeMap::new() };
    let site = site.get_ref().trim_end_matches('/');
    let mut pages = BTreeMap::new();
    for (event, version) in catalogue.versions() {
        let page = format!("{site}/{}", of_event(event));
        for (part, file) in version.parts() {
            let own = PayloadPage {
                version: format!("{page}#v{}", version.number),
                fields: format!("{page}#{}", fields(version.number, part)),
            };
            pages.insert(file.clone(), own);
        }
    }
    pages
}
