//! Where a `$ref` leads: across the files of the catalogue, by path, `$id`, JSON pointer or anchor.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use crate::model::Document;
use crate::parallel;
use crate::pointer;
use crate::schema;
use crate::walk::{every_schema, is_walked};

/// One schema of the catalogue: a file and a pointer in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The path of the document.
    pub file: String,
    /// The JSON pointer in it.
    pub pointer: String,
}

impl Location {
    /// The root of a document.
    pub fn root(file: impl Into<String>) -> Self {
        Self { file: file.into(), pointer: String::new() }
    }

    /// The schema at a pointer below this one.
    #[must_use]
    pub fn below(&self, pointer: &str) -> Self {
        Self { file: self.file.clone(), pointer: format!("{}{pointer}", self.pointer) }
    }
}

/// What a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A schema of the catalogue.
    Location(Location),
    /// A meta-schema of JSON Schema itself, which every validator knows.
    MetaSchema,
}

/// An index of everything that a reference of the catalogue can lead to.
#[derive(Debug, Clone, Default)]
pub struct References {
    /// Schemas with an absolute URI of their own.
    resources: HashMap<String, Location>,
    /// Anchors, as `URI#name`.
    anchors: HashMap<String, Location>,
    /// Both of each file, which count before those of others: a file that is copied keeps its `$id`.
    own: HashMap<String, HashMap<String, Location>>,
    /// The base URIs of each file by pointer, the root's under the empty pointer.
    bases: HashMap<String, BTreeMap<String, String>>,
    /// The folders that stand for URLs, the longest URL first: both end with a slash.
    mounts: Vec<(String, String)>,
    /// The references of each file.
    links: HashMap<String, Vec<Link>>,
    /// The numbers of those, in the order of their pointers.
    by_pointer: HashMap<String, Vec<usize>>,
    /// The files that each file refers to, itself left out.
    neighbours: HashMap<String, Vec<String>>,
    /// Schemas below the root that name a draft of their own, by file and pointer.
    drafts: HashMap<String, HashSet<String>>,
    /// Files whose parts may not be copied elsewhere: with anchors, dynamic references, or identifiers below the root.
    bound: HashSet<String>,
    /// Schemas of each file that stand below keywords nobody knows, and are schemas only because references lead there.
    hidden: HashMap<String, BTreeSet<String>>,
}

/// A reference with its target.
#[derive(Debug, Clone)]
pub struct Link {
    /// JSON pointer of the schema that holds it.
    pub pointer: String,
    /// `$ref` or `$dynamicRef`.
    pub keyword: &'static str,
    /// Where it leads; `None` when it leads nowhere.
    pub target: Option<Target>,
}

impl Link {
    fn location(&self) -> Option<Location> {
        match &self.target {
            Some(Target::Location(location)) => Some(location.clone()),
            _ => None,
        }
    }
}

/// The URI under which a file of the catalogue is known when it has no `$id`.
pub fn file_uri(path: &str) -> String {
    format!("{CATALOGUE}{}", pointer::in_path(path))
}

/// What the URIs of files begin with.
const CATALOGUE: &str = "catalogue:///";

/// The URI of a file as [`file_uri`] writes it, whichever characters of it are written with percent signs.
fn normalized(resource: &str) -> Cow<'_, str> {
    match resource.strip_prefix(CATALOGUE) {
        Some(path) if path.contains('%') => Cow::Owned(file_uri(&pointer::of_fragment(path))),
        _ => Cow::Borrowed(resource),
    }
}

/// Keywords that bind a schema to the document it stands in.
const BINDING: &[&str] = &["$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef"];

impl References {
    /// Indexes the documents of a catalogue, in which folders stand for URLs.
    pub fn new<'m>(
        documents: &BTreeMap<String, Document>,
        mounts: impl IntoIterator<Item = (&'m str, &'m str)>,
    ) -> Self {
        let mut index = Self::default();
        let slashed = |text: &str| format!("{}/", text.trim_end_matches('/'));
        let folder = |text: &str| match text.trim_matches('/') {
            "" | "." => String::new(),
            text => slashed(text.trim_start_matches("./")),
        };
        index.mounts = mounts.into_iter().map(|(url, path)| (slashed(url), folder(path))).collect();
        index.mounts.sort_by_key(|(url, _)| std::cmp::Reverse(url.len()));
        for document in documents.values() {
            index.add(document);
        }
        let all: Vec<&Document> = documents.values().collect();
        let links = parallel::map(&all, |document| index.resolved(documents, document));
        index.links = all.iter().map(|document| document.path.clone()).zip(links).collect();
        index.find_hidden(documents);
        index.sort_links();
        index
    }

    /// Makes what [`links_within`](Self::links_within) and [`neighbours`](Self::neighbours) look things up in.
    fn sort_links(&mut self) {
        for (file, links) in &self.links {
            let mut order: Vec<usize> = (0..links.len()).collect();
            order.sort_by(|one, other| links[*one].pointer.cmp(&links[*other].pointer));
            self.by_pointer.insert(file.clone(), order);
            let mut seen = HashSet::from([file.as_str()]);
            let targets = links.iter().filter_map(|link| match &link.target {
                Some(Target::Location(target)) => Some(target.file.as_str()),
                Some(Target::MetaSchema) | None => None,
            });
            let others = targets.filter(|target| seen.insert(target)).map(str::to_owned).collect();
            self.neighbours.insert(file.clone(), others);
        }
    }

    /// The files that a file refers to, each once, in the order of its references.
    pub(crate) fn neighbours(&self, file: &str) -> &[String] {
        self.neighbours.get(file).map(Vec::as_slice).unwrap_or_default()
    }

    /// The references in a schema and below it, in the order of the file.
    pub(crate) fn links_within(&self, location: &Location) -> Vec<&Link> {
        let links = self.links(&location.file);
        let order = self.by_pointer.get(&location.file).map(Vec::as_slice).unwrap_or_default();
        let within = |from: &str, is_within: &dyn Fn(&str) -> bool| -> Vec<usize> {
            let first = order.partition_point(|index| links[*index].pointer.as_str() < from);
            let found = order[first..].iter().take_while(|index| is_within(&links[**index].pointer));
            found.copied().collect()
        };
        let below = format!("{}/", location.pointer);
        let mut found = within(&location.pointer, &|at| at == location.pointer);
        found.extend(within(&below, &|at| at.starts_with(&below)));
        found.sort_unstable();
        found.into_iter().map(|index| &links[index]).collect()
    }

    /// The pointers of the schemas in a file that only references make schemas: `#/components/schemas/Rule`.
    pub(crate) fn hidden(&self, file: &str) -> impl Iterator<Item = &String> {
        self.hidden.get(file).into_iter().flatten()
    }

    /// Follows references below keywords that nobody knows, and theirs, until nothing new is found.
    fn find_hidden(&mut self, documents: &BTreeMap<String, Document>) {
        let mut known: HashSet<Location> = HashSet::new();
        let mut open: Vec<Location> = self.links.values().flatten().filter_map(Link::location).collect();
        while !open.is_empty() {
            // What holds others comes before them, so that each is walked once.
            open.sort_by(|a, b| (&a.file, a.pointer.len(), &a.pointer).cmp(&(&b.file, b.pointer.len(), &b.pointer)));
            let mut found = Vec::new();
            for location in std::mem::take(&mut open) {
                let Some(document) = documents.get(&location.file) else { continue };
                if known.contains(&location) || self.is_reached(document, &location.pointer) {
                    continue;
                }
                known.insert(location.clone());
                let Some(schema) = document.schema.pointer(&location.pointer) else { continue };
                let links = self.links_below(documents, document, &location.pointer, schema);
                found.extend(links.iter().filter_map(Link::location));
                self.links.entry(location.file.clone()).or_default().extend(links);
                self.hidden.entry(location.file).or_default().insert(location.pointer);
            }
            open = found;
        }
    }

    /// Whether a schema is found from the root of its file, or from a hidden one.
    fn is_reached(&self, document: &Document, at: &str) -> bool {
        let steps = pointer::steps(at).unwrap_or_default();
        if is_walked(&document.schema, &steps) {
            return true;
        }
        let Some(hidden) = self.hidden.get(&document.path) else { return false };
        let mut start = String::new();
        steps.iter().enumerate().any(|(index, step)| {
            start = pointer::join(&start, step);
            hidden.contains(&start)
                && document.schema.pointer(&start).is_some_and(|schema| is_walked(schema, &steps[index + 1..]))
        })
    }

    /// Calls `visit` with every schema of a document, those that only references lead to included.
    pub(crate) fn every_schema<'a>(&self, document: &'a Document, visit: &mut impl FnMut(&str, &'a Value)) {
        every_schema(&document.schema, visit);
        for start in self.hidden(&document.path) {
            if let Some(schema) = document.schema.pointer(start) {
                every_schema(schema, &mut |below, schema| visit(&format!("{start}{below}"), schema));
            }
        }
    }

    /// Whether parts of a file mean the same wherever they are copied to, apart from plain references.
    pub fn is_plain(&self, file: &str) -> bool {
        !self.bound.contains(file)
    }

    /// Whether the schema at a pointer below the root of a file names a draft of its own.
    pub(crate) fn names_draft(&self, file: &str, pointer: &str) -> bool {
        self.drafts.get(file).is_some_and(|drafts| drafts.contains(pointer))
    }

    /// The references in a file, in the order of its schemas.
    pub fn links(&self, file: &str) -> &[Link] {
        self.links.get(file).map(Vec::as_slice).unwrap_or_default()
    }

    /// Where every `$ref` leads, by the schema that holds it.
    pub(crate) fn targets(&self) -> HashMap<Location, Option<Target>> {
        let location = |file: &String, link: &Link| Location { file: file.clone(), pointer: link.pointer.clone() };
        let of_file = |(file, links): (&String, &Vec<Link>)| {
            let references = links.iter().filter(|link| link.keyword == "$ref");
            references.map(|link| (location(file, link), link.target.clone())).collect::<Vec<_>>()
        };
        self.links.iter().flat_map(of_file).collect()
    }

    fn resolved(&self, documents: &BTreeMap<String, Document>, document: &Document) -> Vec<Link> {
        self.links_below(documents, document, "", &document.schema)
    }

    fn links_below(
        &self,
        documents: &BTreeMap<String, Document>,
        document: &Document,
        start: &str,
        schema: &Value,
    ) -> Vec<Link> {
        let mut links = Vec::new();
        every_schema(schema, &mut |below, schema| {
            for keyword in ["$ref", "$dynamicRef"] {
                if let Some(Value::String(reference)) = schema.get(keyword) {
                    let location = Location { file: document.path.clone(), pointer: format!("{start}{below}") };
                    let target = self.resolve(documents, &location, reference);
                    links.push(Link { pointer: location.pointer, keyword, target });
                }
            }
        });
        links
    }

    fn add(&mut self, document: &Document) {
        let own = file_uri(&document.path);
        let id_keyword = schema::id_keyword(&document.schema);
        let has_siblings = schema::ref_has_siblings(&document.schema);
        let mut bases = BTreeMap::from([(String::new(), own.clone())]);
        let mut named = HashMap::from([(own.clone(), Location::root(&document.path))]);
        self.resources.insert(own, Location::root(&document.path));
        every_schema(&document.schema, &mut |pointer, schema| {
            let location = Location { file: document.path.clone(), pointer: pointer.to_owned() };
            let outer = base_of(&bases, pointer).to_owned();
            let Value::Object(members) = schema else { return };
            if BINDING.iter().any(|keyword| members.contains_key(*keyword))
                || !pointer.is_empty() && members.contains_key(id_keyword)
            {
                self.bound.insert(document.path.clone());
            }
            if !pointer.is_empty() && members.get("$schema").is_some_and(Value::is_string) {
                self.drafts.entry(document.path.clone()).or_default().insert(pointer.to_owned());
            }
            // In the older drafts nothing counts beside a reference.
            let counts = has_siblings || !members.contains_key("$ref");
            let id = members.get(id_keyword).filter(|_| counts).and_then(Value::as_str);
            if let Some(uri) = id.and_then(|id| schema::resolve_uri(&outer, id)) {
                let (resource, fragment) = split(&uri);
                let name = if fragment.is_empty() { resource } else { uri.as_str() };
                let all = if fragment.is_empty() { &mut self.resources } else { &mut self.anchors };
                all.entry(name.to_owned()).or_insert_with(|| location.clone());
                named.entry(name.to_owned()).or_insert_with(|| location.clone());
                if fragment.is_empty() {
                    bases.insert(pointer.to_owned(), resource.to_owned());
                }
            }
            let base = base_of(&bases, pointer);
            for keyword in ["$anchor", "$dynamicAnchor"] {
                if let Some(name) = members.get(keyword).and_then(Value::as_str) {
                    let name = format!("{base}#{name}");
                    self.anchors.entry(name.clone()).or_insert_with(|| location.clone());
                    named.entry(name).or_insert_with(|| location.clone());
                }
            }
        });
        self.own.insert(document.path.clone(), named);
        self.bases.insert(document.path.clone(), bases);
    }

    /// The base URIs of a file, by the pointers of the schemas that name them.
    pub(crate) fn bases(&self, file: &str) -> impl Iterator<Item = (&String, &String)> {
        self.bases.get(file).into_iter().flatten()
    }

    /// Resolves a reference that stands at `from`; `None` when it leads nowhere.
    ///
    /// A reference is relative to the nearest `$id`, as the standard says; where that leads nowhere it is tried
    /// against the path of the file, which is what most people who write `$id` mean.
    pub fn resolve(&self, documents: &BTreeMap<String, Document>, from: &Location, reference: &str) -> Option<Target> {
        let base = base_of(self.bases.get(&from.file)?, &from.pointer);
        self.resolve_against(documents, &from.file, base, reference)
            .or_else(|| self.resolve_against(documents, &from.file, &file_uri(&from.file), reference))
    }

    /// The URI that references at a place of a file are relative to.
    pub(crate) fn base(&self, file: &str, pointer: &str) -> Option<&str> {
        Some(base_of(self.bases.get(file)?, pointer))
    }

    /// The URI of the file that stands for a URL.
    fn mounted(&self, resource: &str) -> Option<String> {
        let (url, folder) = self.mounts.iter().find(|(url, _)| resource.starts_with(url.as_str()))?;
        let uri = file_uri(&format!("{folder}{}", pointer::of_fragment(&resource[url.len()..])));
        // A file that has an `$id` is known by it, and by its path as well.
        self.resources.contains_key(&uri).then_some(uri)
    }

    /// The path below the folder that stands for the beginning of a URL, whether there is such a file or not.
    pub(crate) fn path_below_mount(&self, resource: &str) -> Option<String> {
        let (url, folder) = self.mounts.iter().find(|(url, _)| resource.starts_with(url.as_str()))?;
        Some(format!("{folder}{}", &resource[url.len()..]))
    }

    /// Whether folders stand for URLs, so that a validator may not know where references lead.
    pub(crate) fn has_mounts(&self) -> bool {
        !self.mounts.is_empty()
    }

    fn resolve_against(
        &self,
        documents: &BTreeMap<String, Document>,
        file: &str,
        base: &str,
        reference: &str,
    ) -> Option<Target> {
        let uri = schema::resolve_uri(base, reference)?;
        let (resource, fragment) = split(&uri);
        if schema::is_meta_schema(resource) {
            return Some(Target::MetaSchema);
        }
        let resource = &*normalized(resource);
        let own = |name: &str| self.own.get(file)?.get(name);
        let location = if fragment.is_empty() || fragment.starts_with('/') {
            let known = own(resource).or_else(|| self.resources.get(resource));
            let root = known.or_else(|| self.resources.get(&self.mounted(resource)?))?;
            root.below(&pointer::of_fragment(fragment))
        } else {
            let name = format!("{resource}#{fragment}");
            let known = own(&name).or_else(|| self.anchors.get(&name));
            known.or_else(|| self.anchors.get(&format!("{}#{fragment}", self.mounted(resource)?)))?.clone()
        };
        let target = documents.get(&location.file)?.schema.pointer(&location.pointer)?;
        (target.is_object() || target.is_boolean()).then_some(Target::Location(location))
    }
}

fn base_of<'a>(bases: &'a BTreeMap<String, String>, pointer: &str) -> &'a str {
    let mut at = pointer;
    loop {
        if let Some(base) = bases.get(at) {
            return base;
        }
        match at.rfind('/') {
            Some(slash) => at = &at[..slash],
            None => return "",
        }
    }
}

fn split(uri: &str) -> (&str, &str) {
    uri.split_once('#').unwrap_or((uri, ""))
}

#[cfg(test)]
mod tests;
