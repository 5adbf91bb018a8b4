//! What a property gives to the name of its type: its own name, told apart from those of the properties beside it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::load::Loaded;
use crate::pointer;
use crate::references::Location;

use super::identifiers::{Style, distinct, is_readable, type_name_part};

/// The properties of schemas, as far as somebody asked for them.
pub(super) struct Siblings<'a> {
    loaded: &'a Loaded,
    /// By file and pointer of the keyword `properties`: the properties whose names fall together with those of others.
    told_apart: RefCell<HashMap<(String, String), HashMap<String, String>>>,
}

impl<'a> Siblings<'a> {
    pub(super) fn new(loaded: &'a Loaded) -> Self {
        Self { loaded, told_apart: RefCell::default() }
    }

    /// What the property at a location is called within the name of a type; `None` where no property is declared.
    pub(super) fn part(&self, location: &Location) -> Option<String> {
        let (around, _) = location.pointer.rsplit_once('/')?;
        let name = pointer::steps(&location.pointer)?.pop()?;
        let document = self.loaded.catalogue.documents.get(&location.file)?;
        let properties = document.schema.pointer(around)?.as_object()?;
        let mut known = self.told_apart.borrow_mut();
        let names = known.entry((location.file.clone(), around.to_owned())).or_insert_with(|| told_apart(properties));
        let plain = || plain(&name, properties.get(&name).unwrap_or(&Value::Null));
        Some(names.get(&name).cloned().unwrap_or_else(plain))
    }
}

/// The names of the properties that fall together otherwise.
fn told_apart(properties: &Map<String, Value>) -> HashMap<String, String> {
    let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
    for (name, schema) in properties {
        *by_name.entry(plain(name, schema)).or_default() += 1;
    }
    if by_name.values().all(|count| *count == 1) {
        return HashMap::new();
    }
    let texts = properties.iter().map(|(name, schema)| (name.as_str(), chosen(schema).unwrap_or_default()));
    let names = properties.iter().zip(distinct(Style::Type, &[], texts));
    names
        .filter(|((name, schema), _)| by_name.get(&plain(name, schema)).is_some_and(|count| *count > 1))
        .map(|((name, _), distinct)| (name.clone(), distinct))
        .collect()
}

fn plain(name: &str, schema: &Value) -> String {
    type_name_part(chosen(schema).unwrap_or(name))
}

fn chosen(schema: &Value) -> Option<&str> {
    schema.get("x-name")?.as_str().filter(|name| is_readable(name))
}
