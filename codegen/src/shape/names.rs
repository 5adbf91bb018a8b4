//! Names of types, fields and variants: readable, legal, unique, and the same every time.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::load::Loaded;
use crate::pointer;
use crate::shape::{Body, Id, Program};

use super::homes::Homes;
use super::identifiers::{Names, Style, distinct, hash, is_readable, type_name, type_name_part};
use super::owners::Owners;
use super::rivals::{self, Claim};
use super::siblings::Siblings;
use super::variants;

/// Where the name of a type comes from.
pub(crate) enum Origin {
    /// The payload of a schema file.
    Root,
    /// A named definition.
    Definition { name: String },
    /// A schema in the midst of another type.
    Inline { owner: Id, hint: String },
}

/// Names that generated code uses for something else.
const RESERVED_TYPES: &[&str] = &[
    "BTreeMap",
    "Box",
    "BucketDescriptor",
    "ConsumerDescriptor",
    "Cow",
    "Date",
    "DateTime",
    "DecodeError",
    "Default",
    "DeliverFrom",
    "Deserialize",
    "Discard",
    "Deserializer",
    "Err",
    "Event",
    "EventDescriptor",
    "From",
    "Into",
    "Invalid",
    "InvalidToken",
    "Kind",
    "Maybe",
    "NoRefusal",
    "NoReply",
    "None",
    "Number",
    "Ok",
    "Option",
    "Reply",
    "ReplyDescriptor",
    "Request",
    "Result",
    "Retention",
    "Schema",
    "Self",
    "Serialize",
    "ServiceDescriptor",
    "Some",
    "Storage",
    "StreamDescriptor",
    "String",
    "SubjectToken",
    "Upcast",
    "Uuid",
    "Value",
    "Vec",
];

/// So many bytes a name may have: documentation has a file for each type, and file names end at 255.
const LONGEST: usize = 160;

/// The names that definitions would have if nobody else wanted them. Equal types have equal ones.
pub(super) fn wanted(program: &Program, origins: &[Origin], loaded: &Loaded, homes: &Homes<'_>) -> Vec<String> {
    let mut wanted: Vec<String> = vec![String::new(); origins.len()];
    let siblings = Siblings::new(loaded);
    let owners = Owners::new(program);
    for id in owners.order(program) {
        let title = title(program, id, loaded);
        wanted[id] = match &origins[id] {
            Origin::Root => title.unwrap_or_else(|| homes.of(&program.definitions[id].location.file).1),
            Origin::Definition { name } => title.unwrap_or_else(|| type_name(name)),
            Origin::Inline { owner, hint } => title.unwrap_or_else(|| {
                let owner = owners.of(program, id, &wanted).unwrap_or_else(|| wanted[*owner].clone());
                format!("{owner}{}", part(program, id, hint, &siblings))
            }),
        };
    }
    wanted
}

/// Gives every definition its name, and every field and variant.
///
/// Payloads have the first choice, then definitions, then what lies in them, and then what lies in that. Among those of one rank none
/// has a name by coming first.
pub(super) fn assign(program: &mut Program, origins: &[Origin], loaded: &Loaded, homes: &Homes<'_>) {
    let owners = Owners::new(program);
    let mut named: Vec<String> = vec![String::new(); origins.len()];
    let definitions = definitions(program, origins, loaded);
    let is_rivalled = rivalled(program, &wanted(program, origins, loaded, homes));
    let siblings = Siblings::new(loaded);
    let ranks = ranks(program, origins, &owners);
    let mut taken: BTreeMap<Vec<String>, Names> = BTreeMap::new();
    for definition in &program.definitions {
        taken.entry(definition.module.clone()).or_insert_with(|| Names::without(RESERVED_TYPES));
    }
    for rank in ranks.values() {
        let claim = |id: &Id| {
            let id = *id;
            let definition = &program.definitions[id];
            let (_, path_name) = homes.of(&definition.location.file);
            let title = title(program, id, loaded);
            let mut candidates = match &origins[id] {
                Origin::Root => vec![title.unwrap_or_else(|| path_name.clone()), path_name],
                Origin::Definition { .. } => {
                    let own = definitions.get(&id).cloned().unwrap_or_default();
                    vec![own.clone(), format!("{path_name}{own}")]
                }
                Origin::Inline { owner, hint } => {
                    let owner = if named[*owner].is_empty() { &path_name } else { &named[*owner] };
                    let part = part(program, id, hint, &siblings);
                    let lexical = owners.of(program, id, &named).unwrap_or_else(|| owner.clone());
                    let (lexical, nested) = (format!("{lexical}{part}"), format!("{owner}{part}"));
                    let pointer = &definition.location.pointer;
                    let by_path = format!("{owner}{}", path_part(pointer, hint));
                    let by_steps = format!("{path_name}{}", type_name(pointer));
                    match title {
                        None if is_rivalled[id] => vec![by_path, by_steps],
                        Some(title) if !is_rivalled[id] => vec![title, lexical, nested, by_path, by_steps],
                        _ => vec![lexical, nested, by_path, by_steps],
                    }
                }
            };
            if let Some(last) = candidates.last().filter(|last| RESERVED_TYPES.contains(&last.as_str())) {
                candidates.push(format!("{last}Type"));
            }
            let candidates = candidates.iter().map(|name| shortened(name)).collect();
            let place = format!("{}#{}", definition.location.file, definition.location.pointer);
            Claim { id, module: definition.module.clone(), candidates, place }
        };
        let claims: Vec<Claim> = rank.iter().map(claim).collect();
        for (id, name) in rivals::settle(claims, &mut taken) {
            named[id].clone_from(&name);
            program.definitions[id].name = name;
        }
    }
    variants::name_alternatives(program);
    program.definitions.iter_mut().for_each(|definition| name_members(&mut definition.body));
}

/// Whether several types of one module want the name of each.
fn rivalled(program: &Program, wanted: &[String]) -> Vec<bool> {
    let mut wanting: HashMap<(&[String], &str), usize> = HashMap::new();
    let all = || program.definitions.iter().map(|definition| definition.module.as_slice()).zip(wanted);
    for (module, name) in all() {
        *wanting.entry((module, name)).or_default() += 1;
    }
    all().map(|(module, name)| wanting.get(&(module, name.as_str())).is_some_and(|count| *count > 1)).collect()
}

/// The definitions by what they lie in: payloads, definitions, what lies in those, and so on.
fn ranks(program: &Program, origins: &[Origin], owners: &Owners) -> BTreeMap<usize, Vec<Id>> {
    const OF_INLINE: usize = 2;
    let mut rank = vec![0; origins.len()];
    let mut ranks: BTreeMap<usize, Vec<Id>> = BTreeMap::new();
    for id in owners.order(program) {
        rank[id] = match &origins[id] {
            Origin::Root => 0,
            Origin::Definition { .. } => 1,
            Origin::Inline { owner, .. } => {
                let lexical = owners.owner(program, id).map_or(0, |owner| rank[owner]);
                OF_INLINE.max(1 + lexical).max(1 + rank[*owner])
            }
        };
        ranks.entry(rank[id]).or_default().push(id);
    }
    ranks
}

/// The names of definitions. Those of one file that fall together are told apart by their characters, as fields and variants are.
fn definitions(program: &Program, origins: &[Origin], loaded: &Loaded) -> HashMap<Id, String> {
    let mut files: BTreeMap<&str, BTreeMap<&str, Id>> = BTreeMap::new();
    for (id, origin) in origins.iter().enumerate() {
        if let Origin::Definition { name } = origin {
            files.entry(&program.definitions[id].location.file).or_default().entry(name).or_insert(id);
        }
    }
    let mut names = HashMap::new();
    for of_file in files.into_values() {
        let titles: Vec<String> = of_file.values().map(|id| title(program, *id, loaded).unwrap_or_default()).collect();
        let texts = of_file.keys().copied().zip(titles.iter().map(String::as_str));
        names.extend(of_file.values().copied().zip(distinct(Style::Type, &[], texts)));
    }
    for (id, origin) in origins.iter().enumerate() {
        if let Origin::Definition { name } = origin {
            names.entry(id).or_insert_with(|| title(program, id, loaded).unwrap_or_else(|| type_name(name)));
        }
    }
    names
}

/// The name that the schema of a definition chooses: its `x-name`, else its title, if it can be a name.
fn title(program: &Program, id: Id, loaded: &Loaded) -> Option<String> {
    let schema = schema(program, id, loaded)?;
    let own = schema.get("x-name").and_then(Value::as_str).filter(|_| !is_property(program, id));
    let title = || schema.get("title").and_then(Value::as_str).and_then(short_title);
    own.filter(|name| is_readable(name)).map(type_name).or_else(title)
}

fn schema<'a>(program: &Program, id: Id, loaded: &'a Loaded) -> Option<&'a Value> {
    let location = &program.definitions[id].location;
    loaded.catalogue.documents.get(&location.file)?.schema.pointer(&location.pointer)
}

/// Whether a definition stands where a property is declared: `x-name` names the field, too, and not the type alone.
fn is_property(program: &Program, id: Id) -> bool {
    let steps = pointer::steps(&program.definitions[id].location.pointer).unwrap_or_default();
    steps.len() > 1 && steps[steps.len() - 2] == "properties"
}

/// What a type in the midst of another adds to the name of that.
fn part(program: &Program, id: Id, hint: &str, siblings: &Siblings<'_>) -> String {
    let of_property = if is_property(program, id) { siblings.part(&program.definitions[id].location) } else { None };
    of_property.unwrap_or_else(|| type_name_part(hint))
}

fn name_members(body: &mut Body) {
    let texts: Vec<(String, String)> = match body {
        Body::Struct(body) => body.fields.iter().map(|field| (field.property.clone(), field.name.clone())).collect(),
        Body::Enum(variants) => variants.iter().map(|variant| (variant.value.clone(), variant.name.clone())).collect(),
        Body::Union(union) => union
            .variants
            .iter()
            .map(|variant| match variant.tags.first() {
                Some(tag) if *tag != variant.name => (tag.clone(), variant.name.clone()),
                _ => (variant.name.clone(), String::new()),
            })
            .collect(),
        Body::Open | Body::Text(_) | Body::Wrapper(_) => return,
    };
    let texts = texts.iter().map(|(text, wanted)| (text.as_str(), wanted.as_str()));
    match body {
        Body::Struct(body) => {
            let names = distinct(Style::Field, &["unknown"], texts);
            body.fields.iter_mut().zip(names).for_each(|(field, name)| field.name = name);
        }
        Body::Enum(variants) => {
            let names = distinct(Style::Value, &["Self"], texts);
            variants.iter_mut().zip(names).for_each(|(variant, name)| variant.name = name);
        }
        Body::Union(union) => {
            let names = distinct(Style::Value, &["Self"], texts);
            union.variants.iter_mut().zip(names).for_each(|(variant, name)| variant.name = name);
        }
        Body::Open | Body::Text(_) | Body::Wrapper(_) => {}
    }
}

/// The name that a schema chooses for a constant: its `x-name`, else its title.
pub(crate) fn chosen(schema: &Value) -> String {
    let text = |keyword: &str| schema.get(keyword).and_then(Value::as_str);
    let own = text("x-name").filter(|name| is_readable(name)).map(str::to_owned);
    own.or_else(|| text("title").and_then(short_title)).unwrap_or_default()
}

/// The name that a schema chooses for what it stands for under a `text`: its `x-name`, else its title where the text itself says
/// nothing.
pub(crate) fn chosen_for(schema: &Value, text: &str) -> String {
    let own = schema.get("x-name").and_then(Value::as_str).filter(|name| is_readable(name));
    own.map(str::to_owned).unwrap_or_else(|| if is_readable(text) { String::new() } else { chosen(schema) })
}

/// A name that is not too long for a file.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let end = (0..LONGEST).rev().find(|end| name.is_char_boundary(*end)).unwrap_or_default();
    format!("{}X{:08x}", &name[..end], hash(name))
}

/// A title that can be a name: a handful of words, not a sentence.
fn short_title(title: &str) -> Option<String> {
    let words = title.split_whitespace().count();
    ((1..=5).contains(&words) && title.len() <= LONGEST && is_readable(title)).then(|| type_name(title))
}

/// A name from the properties that lead to a schema within its definition, where the last of them alone is taken.
fn path_part(at: &str, hint: &str) -> String {
    let steps = pointer::steps(at).unwrap_or_default();
    let named: Vec<&String> = steps
        .windows(2)
        .filter(|pair| matches!(pair[0].as_str(), "properties" | "$defs" | "definitions" | "patternProperties"))
        .map(|pair| &pair[1])
        .collect();
    let is_shared = matches!(steps.first().map(String::as_str), Some("$defs" | "definitions"));
    let mut parts: Vec<String> = named.iter().skip(usize::from(is_shared)).map(|name| type_name_part(name)).collect();
    let last = type_name_part(hint);
    if parts.last() != Some(&last) {
        parts.push(last);
    }
    parts.concat()
}
