//! Whether every link of the site leads somewhere: to a page that is written, and to a place in it.

use std::collections::{BTreeMap, BTreeSet};

use eventsmith_operations::File;

/// A link that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    /// The schema file or page that has it.
    pub place: String,
    /// Where it is to lead.
    pub link: String,
}

/// The links of pages that lead nowhere.
pub(super) fn broken(files: &[File]) -> Vec<Broken> {
    let pages = files.iter().filter(|file| file.path.ends_with(".html"));
    let anchors: BTreeMap<&str, BTreeSet<&str>> =
        pages.clone().map(|file| (file.path.as_str(), values(&file.text, "id").collect())).collect();
    let others: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut broken = Vec::new();
    for page in pages {
        for link in values(&page.text, "href").chain(values(&page.text, "src")) {
            if ["http:", "https:", "mailto:"].iter().any(|scheme| link.to_ascii_lowercase().starts_with(scheme)) {
                continue;
            }
            let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target = resolved(&page.path, path);
            let leads = match anchor {
                _ if !others.contains(target.as_str()) => false,
                Some(anchor) => anchors.get(target.as_str()).is_some_and(|anchors| anchors.contains(anchor)),
                None => true,
            };
            if !leads {
                broken.push(Broken { place: page.path.clone(), link: link.to_owned() });
            }
        }
    }
    broken
}

/// The path that a link of a page means; links have no other steps than `..`.
fn resolved(page: &str, link: &str) -> String {
    if link.is_empty() {
        return page.to_owned();
    }
    let mut steps: Vec<&str> = page.split('/').collect();
    steps.pop();
    for step in link.split('/') {
        match step {
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps.join("/")
}

/// The values of an attribute in all tags of a page. Texts have no `<` of their own.
fn values<'a>(html: &'a str, attribute: &'a str) -> impl Iterator<Item = &'a str> {
    let tags = html.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag);
    tags.flat_map(move |tag| {
        let parts = tag.split('"').collect::<Vec<_>>();
        let pairs: Vec<(&str, &str)> =
            parts.chunks(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect();
        pairs.into_iter().filter_map(move |(name, value)| {
            let name = name.trim_end().strip_suffix('=')?;
            (name.rsplit(char::is_whitespace).next() == Some(attribute)).then_some(value)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_no_page_or_to_no_place_in_it_is_broken() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let files = [
            file(
                "index.html",
                "<a href=\"a/b.html\">b</a><a href=\"a/c.html\">c</a><a class=\"x\" href=\"https://x\">x</a>",
            ),
            file(
                "a/b.html",
                "<p id=\"here\"></p>href=\"no\"<a href=\"#here\">h</a><a href=\"#there\">t</a><a href=\"../index.html\">i</a>",
            ),
        ];

        let found: Vec<(String, String)> = broken(&files).into_iter().map(|found| (found.place, found.link)).collect();

        let pair = |place: &str, link: &str| (place.to_owned(), link.to_owned());
        assert_eq!(found, [pair("index.html", "a/c.html"), pair("a/b.html", "#there")]);
    }
}
