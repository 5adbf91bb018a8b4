//! A catalogue as a static site: a page for everything in it, without a server, and under any path.

mod event;
mod highlight;
mod links;
mod names;
mod observed;
mod others;
mod picture;
mod rust;
mod verdict;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use eventsmith_codegen::model::{Event, Kind};
use eventsmith_codegen::references::Location;
use eventsmith_codegen::{Loaded, PayloadType, payload_types};
use eventsmith_operations::flow::{Flow, NodeKind};
use eventsmith_operations::{File, Landscape};
use handlebars::{Handlebars, RenderError};
use serde_json::{Value, json};

use crate::fields::{Field, Reader};
use crate::markdown::{self, Link};
pub use links::Broken;
use names::{Names, Page, token, unique};
pub use observed::Figures;
use observed::Seen;
use picture::Links;

/// What every page of the site has in it, by which what was written earlier is known.
pub const WRITTEN: &str = "Written by eventsmith docs.";

/// What the catalogue does not say.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The title of the site; without one that of the root of all subjects.
    pub title: Option<String>,
    /// The crate of generated types, as Rust names it; `events` without one.
    pub crate_name: Option<String>,
    /// What was seen of it at work.
    pub figures: Option<Figures>,
}

/// The files of a site.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// The files, by path.
    pub files: Vec<File>,
    /// Links that lead nowhere, sorted.
    pub broken: Vec<Broken>,
    /// How many things can be searched for.
    pub entries: usize,
}

/// The templates, by name.
const TEMPLATES: [(&str, &str); 6] = [
    ("layout", include_str!("../templates/site/layout.hbs")),
    ("index", include_str!("../templates/site/index.hbs")),
    ("fields", include_str!("../templates/site/fields.hbs")),
    ("event", include_str!("../templates/site/event.hbs")),
    ("other", include_str!("../templates/site/other.hbs")),
    ("picture", include_str!("../templates/site/picture.hbs")),
];

/// What can be searched for: its name, what it is, where it is, and what is said of it.
type Entry = (String, &'static str, String, String);

/// The site while it is made.
struct Pages<'a> {
    loaded: &'a Loaded,
    landscape: &'a Landscape,
    reader: Reader<'a>,
    names: Names,
    /// The types that several files share, in order.
    shared: Vec<Location>,
    types: BTreeMap<String, PayloadType>,
    seen: Seen,
    templates: Handlebars<'static>,
    title: String,
    crate_name: String,
    files: RefCell<Vec<File>>,
    entries: RefCell<Vec<Entry>>,
    broken: RefCell<BTreeSet<Broken>>,
    /// What uses a shared type.
    users: RefCell<BTreeMap<Location, BTreeSet<Page>>>,
}

/// The site of a catalogue that is free of errors; `landscape` is what the catalogue declares, as pictures have it.
///
/// # Errors
/// A template of the site fails, which would be a mistake of ours.
pub fn site(loaded: &Loaded, landscape: &Landscape, options: &Options) -> Result<Site, RenderError> {
    let pages = Pages::new(loaded, landscape, options)?;
    for event in &loaded.catalogue.events {
        pages.event(event)?;
    }
    pages.services()?;
    pages.streams()?;
    pages.buckets()?;
    pages.sagas()?;
    pages.types()?;
    pages.index()?;
    pages.assets();
    let mut files = pages.files.into_inner();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut broken: Vec<Broken> = pages.broken.into_inner().into_iter().collect();
    broken.extend(links::broken(&files));
    broken.sort();
    broken.dedup();
    Ok(Site { files, broken, entries: pages.entries.into_inner().len() })
}

impl<'a> Pages<'a> {
    fn new(loaded: &'a Loaded, landscape: &'a Landscape, options: &Options) -> Result<Self, RenderError> {
        let mut templates = Handlebars::new();
        templates.set_strict_mode(true);
        for (name, text) in TEMPLATES {
            templates
                .register_template_string(name, text)
                .map_err(|error| RenderError::from(handlebars::RenderErrorReason::TemplateError(error)))?;
        }
        let reader = Reader::new(loaded);
        let mut pages = Self {
            loaded,
            landscape,
            shared: reader.shared_types(),
            reader,
            names: Names::default(),
            types: payload_types(loaded),
            seen: options.figures.as_ref().map(|figures| Seen::of(landscape, figures)).unwrap_or_default(),
            templates,
            title: options
                .title
                .clone()
                .unwrap_or_else(|| format!("Catalogue of {}", loaded.catalogue.manifest.root.get_ref())),
            crate_name: options.crate_name.clone().unwrap_or_else(|| "events".to_owned()),
            files: RefCell::default(),
            entries: RefCell::default(),
            broken: RefCell::default(),
            users: RefCell::default(),
        };
        for event in &loaded.catalogue.events {
            pages.names.add(Page::Event(event.event_type.clone()), event.kind.as_str(), &event.event_type);
        }
        let manifest = &loaded.catalogue.manifest;
        for name in manifest.services.keys() {
            pages.names.add(Page::Service(name.get_ref().clone()), "service", name.get_ref());
        }
        for name in manifest.streams.keys() {
            pages.names.add(Page::Stream(name.get_ref().clone()), "stream", name.get_ref());
        }
        for name in manifest.buckets.keys() {
            pages.names.add(Page::Bucket(name.get_ref().clone()), "bucket", name.get_ref());
        }
        for (_, saga, _) in manifest.sagas() {
            pages.names.add(Page::Saga(saga.get_ref().clone()), "saga", saga.get_ref());
        }
        for location in &pages.shared {
            pages.names.add(Page::Type(location.clone()), "type", &Reader::name(location));
        }
        Ok(pages)
    }

    /// Where a page is, from any page but the first.
    fn href(&self, page: &Page) -> Option<String> {
        self.names.path(page).map(|path| format!("../{path}"))
    }

    fn event_href(&self, event_type: &str) -> Option<String> {
        self.href(&Page::Event(event_type.to_owned()))
    }

    /// Something that a fact names, with a link if it has a page.
    fn linked(&self, page: &Page, text: &str) -> Value {
        json!({"text": text, "href": self.href(page), "is_code": false})
    }

    /// An entry of a list: a name that leads to its page, and the first sentence that is said of it.
    fn listed(&self, page: &Page, name: &str, description: &str) -> Value {
        json!({"href": self.href(page), "name": name, "text": markdown::summary(description)})
    }

    fn listed_event(&self, event_type: &str) -> Value {
        let event = self.loaded.catalogue.event(event_type);
        let description = event.map(|event| self.description(event)).unwrap_or_default();
        self.listed(&Page::Event(event_type.to_owned()), event_type, description)
    }

    /// What the newest schema of an event says of it.
    fn description(&self, event: &Event) -> &'a str {
        event.versions.last().map_or("", |version| self.text(&version.file, "", "description"))
    }

    /// A text of a schema; empty where there is none.
    fn text(&self, file: &str, pointer: &str, keyword: &str) -> &'a str {
        let document = self.loaded.catalogue.documents.get(file);
        let schema = document.and_then(|document| document.schema.pointer(pointer));
        schema.and_then(|schema| schema.get(keyword)).and_then(Value::as_str).unwrap_or_default()
    }

    /// A description as HTML. A link in it leads to what it names, `[rule.created](rule.created)`, or out of the site; another is told.
    fn html(&self, source: &str, place: &str) -> String {
        markdown::html(source, |link| {
            // Behind `#` stands a place in the page, which is looked for once all are written.
            let (name, anchor) =
                link.split_once('#').map_or((link, String::new()), |(name, anchor)| (name, format!("#{anchor}")));
            let shared = self.shared.iter().find(|location| Reader::name(location) == name);
            let found = self.event_href(name).or_else(|| self.href(&Page::Service(name.to_owned())));
            let found = found.or_else(|| self.href(&Page::Type(shared?.clone())));
            match found.map(|href| format!("{href}{anchor}")) {
                Some(href) => Link::To(href),
                None => {
                    self.broken.borrow_mut().insert(Broken { place: place.to_owned(), link: link.to_owned() });
                    Link::Nowhere
                }
            }
        })
    }

    /// The table of the fields of a schema, as data, which can be searched for from now on.
    fn table(
        &self,
        location: &Location,
        page: &Page,
        (what, kind, prefix): (&str, &'static str, &str),
        anchors: &mut BTreeSet<String>,
    ) -> Value {
        let path = self.names.path(page).unwrap_or_default();
        let rows = self.reader.fields(location).into_iter().map(|field| {
            let id = unique(&format!("{prefix}{}", token(&field.path)), anchors);
            let summary = markdown::summary(&field.description);
            self.entries.borrow_mut().push((format!("{what}/{}", field.path), kind, format!("{path}#{id}"), summary));
            if let Some(shared) = &field.shared {
                self.users.borrow_mut().entry(shared.clone()).or_default().insert(page.clone());
            }
            self.row(&field, &id, &location.file)
        });
        rows.collect()
    }

    fn row(&self, field: &Field, id: &str, place: &str) -> Value {
        let type_href = field.shared.as_ref().and_then(|shared| self.href(&Page::Type(shared.clone())));
        json!({
            "id": id, "path": field.path, "depth": field.depth, "kind": field.kind, "type_href": type_href,
            "shared_name": field.shared_name, "is_required": field.is_required, "presence": field.presence,
            "constraints": field.constraints, "values": field.values, "unit": field.unit,
            "description": self.html(&field.description, place), "examples": field.examples, "is_deprecated": field.is_deprecated,
        })
    }

    /// A picture with a thing in the midst, as SVG; empty where nothing leads to it or away from it.
    fn around(&self, flow: &Flow, focus: usize) -> Result<String, RenderError> {
        let node = |name: &str, kind: NodeKind| self.node_href(name, kind);
        let item = |name: &str| self.event_href(name);
        self.svg(picture::around(flow, focus, &Links { node: &node, item: &item }))
    }

    fn svg(&self, data: Option<Value>) -> Result<String, RenderError> {
        data.map_or_else(|| Ok(String::new()), |data| self.templates.render("picture", &data))
    }

    fn node_href(&self, name: &str, kind: NodeKind) -> Option<String> {
        match kind {
            NodeKind::Service | NodeKind::Focus => self.href(&Page::Service(name.to_owned())),
            NodeKind::Stream => self.href(&Page::Stream(name.to_owned())),
            NodeKind::Saga => self.href(&Page::Saga(name.to_owned())),
            NodeKind::Nobody | NodeKind::Unknown => None,
        }
    }

    /// Writes a page, and has it found by its name.
    fn page(
        &self,
        page: &Page,
        (title, kind): (&str, &'static str),
        description: &str,
        template: &str,
        data: &Value,
    ) -> Result<(), RenderError> {
        let path = self.names.path(page).unwrap_or_default().to_owned();
        self.entries.borrow_mut().push((title.to_owned(), kind, path.clone(), markdown::summary(description)));
        self.file(&path, "../", title, template, data)
    }

    fn file(&self, path: &str, up: &str, title: &str, template: &str, data: &Value) -> Result<(), RenderError> {
        let content = self.templates.render(template, data)?;
        let sections: Vec<Value> =
            self.sections().into_iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
        let layout = json!({"title": title, "site": self.title, "up": up, "content": content, "sections": sections});
        let text = self.templates.render("layout", &layout)?;
        self.files.borrow_mut().push(File { path: path.to_owned(), text });
        Ok(())
    }

    /// The groups that the first page has, as it names them.
    fn sections(&self) -> Vec<(&'static str, &'static str)> {
        let catalogue = &self.loaded.catalogue;
        let mut sections: Vec<(&str, &str)> = Vec::new();
        for kind in Kind::ALL {
            if catalogue.events.iter().any(|event| event.kind == kind) {
                sections.push((kind.as_str(), heading(kind)));
            }
        }
        let manifest = &catalogue.manifest;
        for (id, name, is_there) in [
            ("services", "Services", !manifest.services.is_empty()),
            ("streams", "Streams", !manifest.streams.is_empty()),
            ("buckets", "Buckets", !manifest.buckets.is_empty()),
            ("sagas", "Sagas", manifest.sagas().next().is_some()),
            ("types", "Shared types", !self.shared.is_empty()),
        ] {
            sections.extend(is_there.then_some((id, name)));
        }
        sections
    }

    fn index(&self) -> Result<(), RenderError> {
        let manifest = &self.loaded.catalogue.manifest;
        let below = |value: Value| {
            // The first page lies above all others.
            let href = value["href"].as_str().map(|href| href.trim_start_matches("../").to_owned());
            json!({"href": href, "name": value["name"], "text": value["text"]})
        };
        let mut groups = Vec::new();
        for (id, name) in self.sections() {
            let items: Vec<Value> = match id {
                "services" => manifest
                    .services
                    .iter()
                    .map(|(name, service)| {
                        self.listed(&Page::Service(name.get_ref().clone()), name.get_ref(), &service.description)
                    })
                    .collect(),
                "streams" => manifest
                    .streams
                    .iter()
                    .map(|(name, stream)| {
                        self.listed(&Page::Stream(name.get_ref().clone()), name.get_ref(), &stream.description)
                    })
                    .collect(),
                "buckets" => manifest
                    .buckets
                    .iter()
                    .map(|(name, bucket)| {
                        self.listed(&Page::Bucket(name.get_ref().clone()), name.get_ref(), &bucket.description)
                    })
                    .collect(),
                "sagas" => manifest
                    .sagas()
                    .map(|(_, name, _)| self.listed(&Page::Saga(name.get_ref().clone()), name.get_ref(), ""))
                    .collect(),
                "types" => {
                    let of = |location: &Location| {
                        let description = self.text(&location.file, &location.pointer, "description");
                        self.listed(&Page::Type(location.clone()), &Reader::name(location), description)
                    };
                    self.shared.iter().map(of).collect()
                }
                kind => {
                    let events = self.loaded.catalogue.events.iter().filter(|event| event.kind.as_str() == kind);
                    events.map(|event| self.listed_event(&event.event_type)).collect()
                }
            };
            groups.push(json!({"id": id, "name": name, "items": items.into_iter().map(below).collect::<Vec<_>>()}));
        }
        let flow = Flow::whole(self.landscape, &self.seen.flow);
        let strip = |href: String| href.trim_start_matches("../").to_owned();
        let node = |name: &str, kind: NodeKind| self.node_href(name, kind).map(strip);
        let item = |name: &str| self.event_href(name).map(strip);
        let picture = self.svg(picture::ring(&flow, &Links { node: &node, item: &item }))?;
        let counts = groups.iter().map(|group| {
            (group["items"].as_array().map_or(0, Vec::len), group["name"].as_str().unwrap_or_default().to_lowercase())
        });
        let counts: Vec<String> = counts.map(|(count, name)| format!("{name} {count}")).collect();
        let summary = format!("Everything below the subject {}: {}.", manifest.root.get_ref(), counts.join(", "));
        let edges: Vec<Value> = flow
            .edges
            .iter()
            .enumerate()
            .map(|(at, edge)| {
                let id = picture::edge_id(at);
                let end = |at: usize| {
                    let node = flow.nodes.get(at);
                    let href = node.and_then(|node| self.node_href(&node.name, node.kind)).map(strip);
                    json!({"name": node.map(|node| node.name.as_str()), "href": href})
                };
                let items = edge
                    .items
                    .iter()
                    .map(|item| json!({"name": item.name, "href": self.event_href(&item.name).map(strip)}));
                let word = if edge.is_request { "asks" } else { "sends to" };
                json!({"id": id, "from": end(edge.from), "to": end(edge.to), "word": word, "items": items.collect::<Vec<_>>()})
            })
            .collect();
        let data =
            json!({"site": self.title, "summary": summary, "picture": picture, "groups": groups, "edges": edges});
        self.file("index.html", "", "Overview", "index", &data)
    }

    fn assets(&self) {
        let entries = self.entries.borrow();
        let kinds: BTreeSet<&str> = entries.iter().map(|(_, kind, ..)| *kind).collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        let place = |kind: &str| kinds.iter().position(|known| *known == kind).unwrap_or_default();
        let lines: Vec<String> =
            entries.iter().map(|(name, kind, href, text)| json!([name, place(kind), href, text]).to_string()).collect();
        // Within a script nothing ends it but `</script`, and this one is a file of its own.
        let search = format!(
            "// Written by eventsmith docs.\nwindow.eventsmithSearch = {{\"kinds\": {}, \"entries\": [\n{}\n]}};\n",
            json!(kinds),
            lines.join(",\n")
        );
        let mut files = self.files.borrow_mut();
        for (path, text) in [
            ("assets/search.js", search),
            ("assets/site.js", include_str!("../templates/site/site.js").to_owned()),
            ("assets/site.css", include_str!("../templates/site/site.css").to_owned()),
        ] {
            files.push(File { path: path.to_owned(), text });
        }
    }
}

fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Domain => "Domain events",
        Kind::Integration => "Integration events",
        Kind::Command => "Commands",
        Kind::Query => "Queries",
        Kind::State => "Documents",
    }
}
