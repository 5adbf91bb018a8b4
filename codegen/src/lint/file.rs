//! What a rule sees: a schema file, every schema in it, and where it stands.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use serde_json::{Map, Value};
use toml::Spanned;

use crate::bundle::{bundled, files_from};
use crate::diagnostic::{Diagnostic, Position};
use crate::load::Loaded;
use crate::lower::dialect::Draft;
use crate::manifest::FILE_NAME;
use crate::model::{Catalogue, Document};
use crate::pointer;
use crate::references::{Location, Target};
use crate::rule::Rule;
use crate::schema::{Empty, empties, of_definitions};
use crate::shape::Classes;
use crate::walk::subschemas;

/// Keywords whose schemas are about the same value as the schema that holds them.
const IN_PLACE: &[&str] = &["allOf", "anyOf", "dependencies", "dependentSchemas", "else", "if", "not", "oneOf", "then"];

/// A catalogue, with what several rules ask for.
pub(crate) struct LintContext<'a> {
    pub(crate) loaded: &'a Loaded,
    targets: HashMap<Location, Option<Target>>,
}

impl<'a> LintContext<'a> {
    pub(crate) fn new(loaded: &'a Loaded) -> Self {
        Self { loaded, targets: loaded.references.targets() }
    }

    /// Where the reference in a schema leads.
    pub(crate) fn target(&self, location: &Location) -> Option<(Location, &'a Value)> {
        let Some(Target::Location(target)) = self.targets.get(location)?.as_ref() else { return None };
        let document = self.loaded.catalogue.documents.get(&target.file)?;
        Some((target.clone(), document.schema.pointer(&target.pointer)?))
    }
}

/// One schema file.
pub(crate) struct File<'a> {
    pub(crate) context: &'a LintContext<'a>,
    pub(crate) document: &'a Document,
    /// Whether it describes an event, a request or an answer, rather than what others share.
    pub(crate) is_payload: bool,
    pub(crate) draft: Draft,
    /// Every schema that is an object, the root first, parents before children.
    nodes: Vec<SchemaNode<'a>>,
    /// Nothing where the file refers to no other: then it is its own.
    bundle: OnceLock<Option<Value>>,
    empties: OnceLock<Vec<Empty>>,
    /// How many more schemas rules may follow references to.
    steps: Cell<usize>,
}

/// Schemas behind references that rules look at, for each schema of a file: chains of references are followed from each of their
/// links, so that a long one costs the square of its length.
const STEPS: usize = 64;
/// The most of them for one file: a second or so.
const MOST_STEPS: usize = 600_000;
/// The parts of a schema that take as long as the schema itself.
const PARTS: usize = 4;

/// A shared file whose references lead to more than so many values is checked without them, as many files may share the same
/// definitions. Payloads are always checked with all of them.
const MOST_TOGETHER: usize = 5_000;

/// Whether there are more values in one than are left.
fn holds_more(value: &Value, left: &mut usize) -> bool {
    let Some(fewer) = left.checked_sub(1) else { return true };
    *left = fewer;
    match value {
        Value::Array(items) => items.iter().any(|item| holds_more(item, left)),
        Value::Object(members) => members.values().any(|member| holds_more(member, left)),
        _ => false,
    }
}

struct SchemaNode<'a> {
    at: String,
    schema: &'a Map<String, Value>,
    parent: Option<usize>,
    /// The keyword of the parent that holds it; empty for the root.
    via: &'a str,
}

impl<'a> File<'a> {
    pub(crate) fn new(context: &'a LintContext<'a>, document: &'a Document, is_payload: bool) -> Self {
        let mut nodes = Vec::new();
        collect(&document.schema, String::new(), None, "", &mut nodes);
        // What only references make schemas are definitions under another name.
        for start in context.loaded.references.hidden(&document.path) {
            if let Some(schema) = document.schema.pointer(start) {
                collect(schema, start.clone(), Some(0), "$defs", &mut nodes);
            }
        }
        let draft = Draft::of(&document.schema);
        let steps = Cell::new((STEPS * nodes.len().max(STEPS)).min(MOST_STEPS));
        Self { context, document, is_payload, draft, nodes, bundle: OnceLock::new(), empties: OnceLock::new(), steps }
    }

    /// Whether one more schema may be looked at, with so many of its parts. Where none may, a rule says nothing.
    pub(crate) fn may_step(&self, parts: usize) -> bool {
        self.steps.set(self.steps.get().saturating_sub(1 + parts / PARTS));
        self.steps.get() > 0
    }

    /// Every schema of the file that is an object.
    pub(crate) fn spots(&self) -> impl Iterator<Item = Spot<'_>> {
        (0..self.nodes.len()).map(|index| Spot { file: self, index })
    }

    /// The schema with everything that it refers to.
    pub(crate) fn bundle(&self) -> &Value {
        let bundle = || match bundled(self.context.loaded, &self.document.path) {
            Cow::Borrowed(_) => None,
            Cow::Owned(bundle) => Some(bundle),
        };
        self.bundle.get_or_init(bundle).as_ref().unwrap_or(&self.document.schema)
    }

    /// The parts of this file that provably accept nothing.
    pub(crate) fn empties(&self) -> &[Empty] {
        self.empties.get_or_init(|| {
            let alone = (!self.is_payload && holds_more(self.bundle(), &mut { MOST_TOGETHER })).then(|| self.alone());
            let schema = alone.as_ref().unwrap_or_else(|| self.bundle());
            let mut found = empties(schema);
            if self.has_unused_definitions()
                && !self.refers_to_its_root()
                && let Some(definitions) = of_definitions(schema)
            {
                let known: HashSet<String> = found.iter().map(|known| known.pointer.clone()).collect();
                let is_of_list = |more: &Empty| more.pointer.is_empty() || more.pointer.starts_with("/properties/");
                let more = empties(&definitions).into_iter();
                found.extend(more.filter(|more| !is_of_list(more) && !known.contains(&more.pointer)));
            }
            found.retain(|empty| self.is_to_blame(empty));
            found
        })
    }

    /// The schema with what is in other files taken for anything.
    fn alone(&self) -> Value {
        let mut schema = self.document.schema.clone();
        for link in self.context.loaded.references.links(&self.document.path) {
            let is_within = matches!(&link.target, Some(Target::Location(target)) if target.file == self.document.path);
            if !is_within && let Some(part) = schema.pointer_mut(&link.pointer) {
                *part = Value::Object(Map::new());
            }
        }
        schema
    }

    /// Whether a part that accepts nothing is the one to report.
    fn is_to_blame(&self, empty: &Empty) -> bool {
        // Definitions that were copied from another file are reported there.
        let Some(schema) = self.document.schema.pointer(&empty.pointer) else { return false };
        // One way to write `false`.
        let is_forbidden = schema.get("not").is_some_and(accepts_everything);
        // The target of a reference is reported where it is defined.
        let refers = matches!(empty.causes.as_slice(), [(_, keywords)] if keywords.iter().eq(["$ref"]));
        !is_forbidden && (!refers || empty.pointer.is_empty())
    }

    /// Whether some definition is there for other files only, so that no search from the root gets there.
    fn has_unused_definitions(&self) -> bool {
        let links = self.context.loaded.references.links(&self.document.path);
        let used: HashSet<&str> = links
            .iter()
            .filter_map(|link| match &link.target {
                Some(Target::Location(target)) if target.file == self.document.path => Some(target.pointer.as_str()),
                _ => None,
            })
            .collect();
        self.spots().any(|spot| spot.is_definition() && !used.contains(spot.at()))
    }

    /// Whether anything that it refers to, near or far, refers to it as a whole.
    fn refers_to_its_root(&self) -> bool {
        let loaded = self.context.loaded;
        let root = Target::Location(Location::root(&self.document.path));
        let files = files_from(loaded, &self.document.path);
        let mut links = files.iter().flat_map(|file| loaded.references.links(file));
        links.any(|link| link.target.as_ref() == Some(&root))
    }
}

fn accepts_everything(schema: &Value) -> bool {
    schema == &Value::Bool(true) || schema.as_object().is_some_and(Map::is_empty)
}

fn collect<'a>(schema: &'a Value, at: String, parent: Option<usize>, via: &'a str, nodes: &mut Vec<SchemaNode<'a>>) {
    let Value::Object(members) = schema else { return };
    let index = nodes.len();
    nodes.push(SchemaNode { at: at.clone(), schema: members, parent, via });
    for (below, child) in subschemas(schema) {
        let step = below[1..].split('/').next().unwrap_or_default();
        let via = members.get_key_value(step).map_or("", |(keyword, _)| keyword.as_str());
        collect(child, format!("{at}{below}"), Some(index), via, nodes);
    }
}

/// One schema of a file.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'f> {
    pub(crate) file: &'f File<'f>,
    index: usize,
}

impl<'f> Spot<'f> {
    fn node(self) -> &'f SchemaNode<'f> {
        &self.file.nodes[self.index]
    }

    /// Its JSON pointer.
    pub(crate) fn at(self) -> &'f str {
        &self.node().at
    }

    /// The pointer of one of its keywords.
    pub(crate) fn below(self, keyword: &str) -> String {
        pointer::join(self.at(), keyword)
    }

    pub(crate) fn schema(self) -> &'f Map<String, Value> {
        self.node().schema
    }

    pub(crate) fn get(self, keyword: &str) -> Option<&'f Value> {
        self.schema().get(keyword)
    }

    pub(crate) fn has(self, keyword: &str) -> bool {
        self.schema().contains_key(keyword)
    }

    pub(crate) fn location(self) -> Location {
        Location { file: self.file.document.path.clone(), pointer: self.at().to_owned() }
    }

    pub(crate) fn parent(self) -> Option<Self> {
        self.node().parent.map(|index| Self { index, ..self })
    }

    /// The keyword of the parent that holds it; empty for the root.
    pub(crate) fn via(self) -> &'f str {
        self.node().via
    }

    pub(crate) fn is_root(self) -> bool {
        self.node().parent.is_none()
    }

    pub(crate) fn is_definition(self) -> bool {
        matches!(self.via(), "$defs" | "definitions")
    }

    /// Whether it is about the same value as the schema that holds it.
    pub(crate) fn is_in_place(self) -> bool {
        IN_PLACE.contains(&self.via())
    }

    /// Whether it is a condition, a refinement under one, or about names: nothing that must be complete by itself.
    pub(crate) fn is_partial(self) -> bool {
        const PARTIAL: &[&str] = &["contains", "if", "not", "propertyNames", "then", "else", "dependentSchemas"];
        let mut spot = Some(self);
        while let Some(here) = spot {
            if PARTIAL.contains(&here.via()) {
                return true;
            }
            spot = here.parent();
        }
        false
    }

    /// The last step of its pointer: the name of the property or definition.
    pub(crate) fn name(self) -> String {
        pointer::steps(self.at()).and_then(|mut steps| steps.pop()).unwrap_or_default()
    }

    /// The types of JSON that it allows, where it says so itself.
    pub(crate) fn types(self) -> Option<Classes> {
        let named = match self.get("type") {
            Some(Value::String(name)) => Some(Classes::named(name)),
            Some(Value::Array(names)) => Some(union(names.iter().filter_map(Value::as_str).map(Classes::named))),
            _ => None,
        };
        let listed = match (self.get("const"), self.get("enum")) {
            (Some(value), _) => Some(Classes::of(value)),
            (None, Some(Value::Array(values))) => Some(union(values.iter().map(Classes::of))),
            _ => None,
        };
        match (named, listed) {
            (Some(named), Some(listed)) => Some(named.and(listed)),
            (named, listed) => named.or(listed),
        }
    }

    /// Whether `type` names a type.
    pub(crate) fn is_typed(self, name: &str) -> bool {
        match self.get("type") {
            Some(Value::String(one)) => one == name,
            Some(Value::Array(names)) => names.iter().any(|one| one == name),
            _ => false,
        }
    }

    /// Every schema that the value of this one must follow as well, itself first: what it refers to, its `allOf`, and
    /// what stands around it. `None` where that is too much to look at.
    pub(crate) fn conjuncts(self) -> Option<Vec<&'f Map<String, Value>>> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        let mut spot = Some(self);
        while let Some(here) = spot {
            let mut open: Vec<(Location, &'f Map<String, Value>)> = vec![(here.location(), here.schema())];
            while let Some((location, schema)) = open.pop() {
                if !seen.insert(location.clone()) {
                    continue;
                }
                let all = schema.get("allOf").and_then(Value::as_array);
                if !self.file.may_step(all.map_or(0, Vec::len)) {
                    return None;
                }
                found.push(schema);
                if let Some((location, Value::Object(target))) = self.file.context.target(&location) {
                    open.push((location, target));
                }
                for (index, item) in all.into_iter().flatten().enumerate() {
                    if let Value::Object(item) = item {
                        open.push((location.below(&format!("/allOf/{index}")), item));
                    }
                }
            }
            spot = here.parent().filter(|_| here.is_in_place());
        }
        Some(found)
    }
}

fn union(classes: impl Iterator<Item = Classes>) -> Classes {
    classes.fold(Classes::NONE, Classes::or)
}

/// Collects the findings of one rule.
pub(crate) struct Report<'r> {
    rule: &'r Rule,
    findings: &'r mut Vec<Diagnostic>,
}

impl<'r> Report<'r> {
    pub(crate) fn new(rule: &'r Rule, findings: &'r mut Vec<Diagnostic>) -> Self {
        Self { rule, findings }
    }

    /// A finding at a location of a schema file.
    pub(crate) fn at(
        &mut self,
        document: &Document,
        pointer: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let finding = document.error(self.rule.id, pointer, message, help);
        self.findings.push(Diagnostic { severity: self.rule.severity, ..finding });
    }

    /// A finding at a word of `eventsmith.toml`.
    pub(crate) fn in_manifest(
        &mut self,
        catalogue: &Catalogue,
        at: &Spanned<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let position = Position::of(&catalogue.manifest_source, at.span().start);
        let finding = Diagnostic::error(self.rule.id, FILE_NAME, message, help).at(Some(position));
        self.findings.push(Diagnostic { severity: self.rule.severity, ..finding });
    }

    /// A finding about a whole file.
    pub(crate) fn on(&mut self, file: &str, message: impl Into<String>, help: impl Into<String>) {
        let finding = Diagnostic::error(self.rule.id, file, message, help);
        self.findings.push(Diagnostic { severity: self.rule.severity, ..finding });
    }
}
