//! What lowering knows and collects: the catalogue, the definitions so far, the gaps of the one at hand.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use crate::bundle::files_from;
use crate::load::Loaded;
use crate::pointer;
use crate::references::{Location, Target};
use crate::shape::names::Origin;
use crate::shape::{Body, Classes, Definition, Gap, Id};

use super::budget::Budget;
use super::conjunction::{Conjunction, Flat};
use super::keeping::Keeping;

/// The state of lowering a catalogue.
pub(super) struct Context<'a> {
    loaded: &'a Loaded,
    /// Every type so far.
    pub(super) definitions: Vec<Definition>,
    /// Where the name of each definition comes from.
    pub(super) origins: Vec<Origin>,
    /// Definitions by their schemas and, for the alternatives of a union, by the tag that they leave out.
    known: HashMap<Key, Id>,
    /// The schemas of each definition.
    keys: Vec<Key>,
    /// Definitions that something names already.
    used: HashSet<Id>,
    /// The definition whose body is being read.
    owner: Option<Id>,
    /// Gaps found since [`open_gaps`](Self::open_gaps).
    pub(super) gaps: Vec<Gap>,
    /// Where every `$ref` of the catalogue leads, by the schema that holds it.
    targets: HashMap<Location, Option<Target>>,
    /// Definitions that are being lowered, each for the one before.
    depth: usize,
    /// Definitions that have a number and are still to be lowered.
    deferred: Vec<Id>,
    /// What the payload at hand may still come to.
    pub(super) budget: Budget,
    /// What the types keep, and hold, that their schemas do not say.
    pub(super) keeping: Keeping,
}

/// What makes a definition: its schemas, and the tag that it leaves out.
type Key = (Conjunction, Option<String>);

impl<'a> Context<'a> {
    pub(super) fn new(loaded: &'a Loaded) -> Self {
        Self {
            loaded,
            definitions: Vec::new(),
            origins: Vec::new(),
            known: HashMap::new(),
            keys: Vec::new(),
            used: HashSet::new(),
            owner: None,
            gaps: Vec::new(),
            targets: loaded.references.targets(),
            depth: 0,
            deferred: Vec::new(),
            budget: Budget::default(),
            keeping: Keeping::default(),
        }
    }

    /// The schema at a location; `true` where there is none, which the checks of the catalogue have reported.
    pub(super) fn schema(&self, location: &Location) -> &'a Value {
        let document = self.loaded.catalogue.documents.get(&location.file);
        document.and_then(|document| document.schema.pointer(&location.pointer)).unwrap_or(&Value::Bool(true))
    }

    /// The document that holds a location.
    pub(super) fn document(&self, location: &Location) -> &'a Value {
        self.schema(&Location::root(&location.file))
    }

    /// The schema whose `$schema` says of which draft a location is: the nearest around it that has one, or else the document.
    pub(super) fn dialect(&self, location: &Location) -> &'a Value {
        let mut at = location.pointer.as_str();
        while let Some((around, _)) = at.rsplit_once('/') {
            if self.loaded.references.names_draft(&location.file, at) {
                return self.schema(&Location { file: location.file.clone(), pointer: at.to_owned() });
            }
            at = around;
        }
        self.document(location)
    }

    /// Where the `$ref` of a schema leads.
    pub(super) fn resolve(&self, from: &Location) -> Option<Target> {
        if let Some(target) = self.targets.get(from) {
            return target.clone();
        }
        // Below a keyword that nobody knows references are not listed, but may be led to.
        let reference = self.schema(from).get("$ref")?.as_str()?;
        self.loaded.references.resolve(&self.loaded.catalogue.documents, from, reference)
    }

    /// Begins to lower what a schema file describes.
    fn begin(&self, file: &str) {
        let documents = &self.loaded.catalogue.documents;
        let files = files_from(self.loaded, file);
        let sizes = files.iter().filter_map(|file| documents.get(file)).map(|document| document.source.len());
        self.budget.begin(sizes.sum());
    }

    /// Numbers the payload of a schema file before anything is read, so that it comes first.
    pub(super) fn reserve_root(&mut self, file: &str) -> Id {
        let key = (Conjunction::of(Location::root(file)), None);
        match self.known.get(&key) {
            Some(id) => *id,
            None => self.reserve(key, Origin::Root),
        }
    }

    /// The definition of some schemas, if there is one or it is in the making.
    pub(super) fn known(&mut self, conjunction: &Conjunction, tag: Option<&str>) -> Option<Id> {
        let id = *self.known.get(&(conjunction.clone(), tag.map(str::to_owned)))?;
        self.used.insert(id);
        Some(id)
    }

    /// Whether something names a definition already.
    pub(super) fn is_used(&self, id: Id) -> bool {
        self.used.contains(&id)
    }

    /// Takes back a definition that turned out to need no name.
    pub(super) fn forget(&mut self, id: Id) {
        self.known.remove(&self.keys[id]);
    }

    /// What a definition is made of.
    pub(super) fn key(&self, id: Id) -> Key {
        self.keys[id].clone()
    }

    /// The definition of a schema that others refer to.
    pub(super) fn definition_of(&mut self, location: &Location) -> Id {
        let conjunction = Conjunction::of(location.clone());
        if let Some(id) = self.known(&conjunction, None) {
            return id;
        }
        let origin = self.origin_of(location, "");
        self.define(conjunction, None, origin)
    }

    /// Where the name of a schema comes from: itself if it is a definition, else what it lies in.
    pub(super) fn origin_of(&self, location: &Location, hint: &str) -> Origin {
        if location.pointer.is_empty() {
            // A file has a name of its own, whoever refers to it.
            return Origin::Root;
        }
        let step = pointer::steps(&location.pointer).and_then(|mut steps| steps.pop()).unwrap_or_default();
        let is_index = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        let inside = location.pointer.starts_with("/$defs/") || location.pointer.starts_with("/definitions/");
        let hint = if hint.is_empty() { step.clone() } else { hint.to_owned() };
        match self.owner {
            Some(owner) if is_index || !inside => Origin::Inline { owner, hint },
            _ => Origin::Definition { name: step },
        }
    }

    /// A name for a type that stands in the midst of the one at hand.
    pub(super) fn inline(&self, hint: &str) -> Origin {
        match self.owner {
            Some(owner) => Origin::Inline { owner, hint: hint.to_owned() },
            None => Origin::Definition { name: hint.to_owned() },
        }
    }

    /// Gives a number to some schemas and lowers them; later, where too many others are being lowered.
    pub(super) fn define(&mut self, conjunction: Conjunction, tag: Option<&str>, origin: Origin) -> Id {
        /// So many definitions may be open at once: chains of references are longer than stacks.
        const DEEPEST: usize = 32;
        let id = self.reserve((conjunction, tag.map(str::to_owned)), origin);
        if self.depth < DEEPEST {
            self.depth += 1;
            self.lower_body(id);
            self.depth -= 1;
        } else {
            self.used.insert(id);
            self.deferred.push(id);
        }
        id
    }

    /// Lowers the payload of a schema file, and all that it names.
    pub(super) fn lower_root(&mut self, file: &str, id: Id) {
        self.begin(file);
        self.lower_body(id);
        while let Some(id) = self.deferred.pop() {
            self.lower_body(id);
        }
    }

    /// Gives a number and a name to a type that is there already. Takes the gaps found since `outer` was opened.
    pub(super) fn define_body(&mut self, conjunction: Conjunction, hint: &str, body: Body, outer: Vec<Gap>) -> Id {
        let id = self.reserve((conjunction, None), self.inline(hint));
        self.definitions[id].body = body;
        self.definitions[id].gaps = self.close_gaps(outer);
        self.budget.write(&self.definitions[id]);
        id
    }

    fn reserve(&mut self, key: Key, origin: Origin) -> Id {
        let id = self.definitions.len();
        let location = self.face(&key.0);
        let Conjunction { locations, classes, choices } = &key.0;
        let is_without_null = *classes == Classes::ALL.without(Classes::NULL);
        let is_whole = *classes == Classes::ALL || is_without_null;
        let is_of_one_schema = locations.len() == 1 && choices.is_empty() && is_whole;
        self.definitions.push(Definition {
            doc: self.text(&location, "description").to_owned(),
            location,
            equals: Vec::new(),
            is_of_one_schema,
            is_without_null,
            module: Vec::new(),
            copies: BTreeSet::new(),
            name: String::new(),
            body: Body::Open,
            gaps: Vec::new(),
            spells_integers: false,
        });
        self.origins.push(origin);
        self.keys.push(key.clone());
        self.known.entry(key).or_insert(id);
        id
    }

    /// The schema that stands for a conjunction where one must: the alternative that was chosen last, else the first
    /// that has a title or a description, else the first.
    fn face(&self, conjunction: &Conjunction) -> Location {
        if let Some((location, keyword, index)) = conjunction.choices.last() {
            return location.below(&pointer::join(&pointer::join("", keyword), &index.to_string()));
        }
        let speaks =
            |location: &&Location| ["title", "description"].iter().any(|word| !self.text(location, word).is_empty());
        let locations = &conjunction.locations;
        locations.iter().find(speaks).or(locations.first()).cloned().unwrap_or_else(|| Location::root(""))
    }

    /// An annotation of a schema that is a text.
    pub(super) fn text(&self, location: &Location, keyword: &str) -> &'a str {
        let text = self.schema(location).get(keyword).and_then(Value::as_str).unwrap_or_default();
        // What the first line is indented by means something in Markdown.
        text.trim_end().trim_start_matches(['\n', '\r'])
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

    /// Notes an integer of draft 4 in the definition at hand.
    pub(super) fn spells_integers(&mut self) {
        if let Some(owner) = self.owner {
            self.definitions[owner].spells_integers = true;
        }
    }

    /// Notes that nothing but the validator can check a keyword.
    pub(super) fn gap(&mut self, location: &Location, keyword: &str) {
        self.gaps.push(Gap { location: location.clone(), keyword: keyword.to_owned() });
    }

    /// Notes a gap for every keyword that is not among the handled ones, and speaks of the types of JSON at hand.
    pub(super) fn gaps_but(&mut self, flat: &Flat<'_>, classes: Classes, handled: &[&str]) {
        for part in &flat.parts {
            for (keyword, of) in part.keywords() {
                if keyword != "type" && !of.and(classes).is_empty() && !handled.contains(&keyword) {
                    self.gap(&part.location, keyword);
                }
            }
        }
    }
}
