//! What lowering knows and collects: the catalogue, the definitions so far, the gaps of the one at hand.

use std::collections::HashMap;

use serde_json::Value;

use crate::load::Loaded;
use crate::pointer;
use crate::references::{Place, Target};
use crate::schema;
use crate::shape::{Body, Definition, Gap, Id};

use super::names::Origin;

/// The state of lowering a catalogue.
pub(super) struct Context<'a> {
    loaded: &'a Loaded,
    /// Every type so far.
    pub(super) definitions: Vec<Definition>,
    /// Where the name of each definition comes from.
    pub(super) origins: Vec<Origin>,
    /// Definitions by their place and, for the branches of a union, by the tag that they leave out.
    known: HashMap<(Place, Option<String>), Id>,
    /// The definition whose body is being read.
    owner: Option<Id>,
    /// Gaps found since [`open_gaps`](Self::open_gaps).
    gaps: Vec<Gap>,
}

impl<'a> Context<'a> {
    pub(super) fn new(loaded: &'a Loaded) -> Self {
        Self {
            loaded,
            definitions: Vec::new(),
            origins: Vec::new(),
            known: HashMap::new(),
            owner: None,
            gaps: Vec::new(),
        }
    }

    /// The schema at a place; `true` where there is none, which the checks of the catalogue have reported.
    pub(super) fn schema(&self, place: &Place) -> &'a Value {
        let document = self.loaded.catalogue.documents.get(&place.file);
        document.and_then(|document| document.schema.pointer(&place.pointer)).unwrap_or(&Value::Bool(true))
    }

    /// The document that holds a place.
    pub(super) fn document(&self, place: &Place) -> &'a Value {
        self.schema(&Place::root(&place.file))
    }

    pub(super) fn ref_has_siblings(&self, place: &Place) -> bool {
        schema::ref_has_siblings(self.document(place))
    }

    pub(super) fn resolve(&self, from: &Place, reference: &str) -> Option<Target> {
        self.loaded.references.resolve(&self.loaded.catalogue.documents, from, reference)
    }

    /// Numbers the payload of a schema file before anything is read, so that it comes first.
    pub(super) fn reserve_root(&mut self, file: &str) -> Id {
        let place = Place::root(file);
        match self.known.get(&(place.clone(), None)) {
            Some(id) => *id,
            None => self.reserve(&place, None, Origin::Root),
        }
    }

    /// The definition of a referenced schema, without the property `tag` if it is the branch of a union.
    pub(super) fn definition_of(&mut self, place: &Place, tag: Option<&str>) -> Id {
        if let Some(id) = self.known.get(&(place.clone(), tag.map(str::to_owned))) {
            return *id;
        }
        let step = pointer::steps(&place.pointer).and_then(|mut steps| steps.pop()).unwrap_or_default();
        let is_index = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        let inside = place.pointer.starts_with("/$defs/") || place.pointer.starts_with("/definitions/");
        let origin = match self.owner {
            Some(owner) if is_index || !inside => Origin::Inline { owner, hint: step },
            _ => Origin::Definition { name: step },
        };
        let id = self.reserve(place, tag, origin);
        match tag {
            Some(tag) => self.lower_branch(id, tag),
            None => self.lower_body(id),
        }
        id
    }

    /// Gives a number and a name to a type that stands in the midst of the schema at hand. Takes the gaps found
    /// since `outer` was opened.
    pub(super) fn define_inline(&mut self, place: &Place, hint: &str, body: Body, outer: Vec<Gap>) -> Id {
        let origin = match self.owner {
            Some(owner) => Origin::Inline { owner, hint: hint.to_owned() },
            None => Origin::Definition { name: hint.to_owned() },
        };
        let id = self.reserve(place, None, origin);
        self.definitions[id].body = body;
        self.definitions[id].gaps = self.close_gaps(outer);
        id
    }

    fn reserve(&mut self, place: &Place, tag: Option<&str>, origin: Origin) -> Id {
        let id = self.definitions.len();
        let schema = self.schema(place);
        let text = |keyword| schema.get(keyword).and_then(Value::as_str).map(str::trim).unwrap_or_default();
        self.definitions.push(Definition {
            place: place.clone(),
            module: Vec::new(),
            name: String::new(),
            doc: text("description").to_owned(),
            body: Body::Open,
            gaps: Vec::new(),
        });
        self.origins.push(origin);
        self.known.entry((place.clone(), tag.map(str::to_owned))).or_insert(id);
        id
    }

    pub(super) fn enter(&mut self, id: Id) -> Option<Id> {
        self.owner.replace(id)
    }

    pub(super) fn leave(&mut self, outer: Option<Id>) {
        self.owner = outer;
    }

    /// Starts collecting gaps anew; the result goes back into [`keep_gaps`](Self::keep_gaps) or
    /// [`close_gaps`](Self::close_gaps).
    pub(super) fn open_gaps(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.gaps)
    }

    /// Adds the gaps found since to those of before.
    pub(super) fn keep_gaps(&mut self, outer: Vec<Gap>) {
        let found = std::mem::replace(&mut self.gaps, outer);
        self.gaps.extend(found);
    }

    /// Returns the gaps found since, and goes on with those of before.
    pub(super) fn close_gaps(&mut self, outer: Vec<Gap>) -> Vec<Gap> {
        std::mem::replace(&mut self.gaps, outer)
    }

    /// Notes that nothing but the validator can check a keyword.
    pub(super) fn gap(&mut self, place: &Place, keyword: &str) {
        self.gaps.push(Gap { place: place.clone(), keyword: keyword.to_owned() });
    }

    /// Notes a gap for every keyword that is not among the handled ones.
    pub(super) fn gaps_but(&mut self, place: &Place, keywords: &[&str], handled: &[&str]) {
        for keyword in keywords.iter().filter(|keyword| !handled.contains(keyword)) {
            self.gap(place, keyword);
        }
    }
}
