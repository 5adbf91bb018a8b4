//! What must be known beside the containment of two schemas, for a conversion that adds defaults or leaves properties out.
//!
//! Containment says that the old value is valid as it is. It says nothing about a value with a default filled in, nor
//! about one that lacks a property that the newer version does not declare. Both are decided here, on the safe side:
//! no means that nobody has shown it.

use std::collections::BTreeMap;

use crate::bundle::files_from;
use crate::evolution;
use crate::load::Loaded;
use crate::model::{Catalogue, Document};
use crate::references::{Location, References};
use crate::shape::{Body, Check, Choice, Id, Program, Rule, Shape, Type};

/// Whether values of a version stay valid when properties come or go.
pub(super) struct Change<'a> {
    program: &'a Program,
    /// What the payload is made of.
    reachable: Vec<Id>,
    /// Whether types, checks and rules say everything about it.
    is_exact: bool,
}

impl<'a> Change<'a> {
    pub(super) fn new(program: &'a Program, root: Id) -> Self {
        Self { program, reachable: program.reachable(root), is_exact: program.gaps(root).is_empty() }
    }

    /// Whether a valid value of a definition stays valid when a property that it lacks gets a valid value.
    pub(super) fn may_fill(&self, id: Id, property: &str) -> bool {
        self.is_exact && !self.is_told_apart(id) && !self.rules(id).iter().any(|rule| speaks_of(rule, &[property]))
    }

    /// Whether a valid value of a definition stays valid when properties that it does not declare go.
    pub(super) fn may_drop(&self, id: Id, properties: &[&str]) -> bool {
        let is_unique = |id: &Id| shapes(&self.program.definitions[*id].body).into_iter().any(is_unique);
        self.is_exact
            && !self.is_told_apart(id)
            && !self.rules(id).iter().any(|rule| speaks_of(rule, properties))
            && !self.reachable.iter().any(is_unique)
    }

    /// Whether a union may look at the properties of a definition to choose its alternative.
    fn is_told_apart(&self, id: Id) -> bool {
        self.reachable.iter().any(|union| match &self.program.definitions[*union].body {
            Body::Union(body) if !matches!(body.choice, Choice::Tag { .. }) => {
                self.program.reachable(*union).contains(&id)
            }
            _ => false,
        })
    }

    fn rules(&self, id: Id) -> &'a [Rule] {
        match &self.program.definitions[id].body {
            Body::Struct(body) => &body.rules,
            _ => &[],
        }
    }
}

fn speaks_of(rule: &Rule, properties: &[&str]) -> bool {
    match rule {
        Rule::Present(property)
        | Rule::Null(property)
        | Rule::Equals { property, .. }
        | Rule::Passes { property, .. } => properties.contains(&property.as_str()),
        Rule::All(rules) | Rule::Any(rules) | Rule::One(rules) => rules.iter().any(|rule| speaks_of(rule, properties)),
        Rule::Not(rule) => speaks_of(rule, properties),
        Rule::Count { .. } => true,
    }
}

fn shapes(body: &Body) -> Vec<&Shape> {
    match body {
        Body::Struct(body) => body.fields.iter().map(|field| &field.shape).collect(),
        Body::Union(union) => union.variants.iter().map(|variant| &variant.shape).collect(),
        Body::Wrapper(shape) => vec![shape],
        Body::Open | Body::Enum(_) | Body::Text(_) => Vec::new(),
    }
}

fn is_unique(shape: &Shape) -> bool {
    let inside = match &shape.ty {
        Type::List(item) | Type::Map(item) => is_unique(item),
        Type::Tuple(items) => items.iter().any(is_unique),
        _ => false,
    };
    inside || shape.checks.iter().any(|check| matches!(check, Check::Unique { .. }))
}

/// Whether everything that writers of the older version write is provably accepted by the newer one once some
/// properties, which the newer one requires, are filled in.
pub(super) fn reads(loaded: &Loaded, program: &Program, (older, newer): (&str, &str), filled: &[(Id, String)]) -> bool {
    if filled.is_empty() {
        return evolution::reads(loaded, newer, older);
    }
    asking_less(loaded, program, (older, newer), filled).is_some_and(|less| evolution::reads(&less, newer, older))
}

/// The files of two versions, where the newer one does not ask for some of the properties that it requires.
///
/// `None` where both are made of a file that would change: that would change what is to be proven.
fn asking_less(
    loaded: &Loaded,
    program: &Program,
    (older, newer): (&str, &str),
    filled: &[(Id, String)],
) -> Option<Loaded> {
    let (old_files, new_files) = (files_from(loaded, older), files_from(loaded, newer));
    let all = old_files.iter().chain(&new_files);
    let documents = all.filter_map(|file| Some((file.clone(), loaded.catalogue.documents.get(file)?.clone())));
    let mut documents: BTreeMap<String, Document> = documents.collect();
    for (id, property) in filled {
        let definition = &program.definitions[*id];
        let locations = std::iter::once(&definition.location).chain(&definition.equals);
        let locations: Vec<&Location> = locations.filter(|location| new_files.contains(&location.file)).collect();
        if locations.is_empty() || locations.iter().any(|location| old_files.contains(&location.file)) {
            return None;
        }
        for location in locations {
            let schema = documents.get_mut(&location.file)?.schema.pointer_mut(&location.pointer)?;
            schema.get_mut("required")?.as_array_mut()?.retain(|name| name != property);
        }
    }
    let references = References::new(&documents, loaded.catalogue.manifest.mounts());
    let Catalogue { dir, manifest, .. } = &loaded.catalogue;
    let (dir, manifest) = (dir.clone(), manifest.clone());
    let catalogue = Catalogue { dir, manifest, manifest_source: String::new(), events: Vec::new(), documents };
    Some(Loaded { catalogue, files: Vec::new(), references, diagnostics: Vec::new() })
}
