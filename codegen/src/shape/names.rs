//! Names of types, fields and variants: readable, legal, unique, and the same every time.

use std::collections::BTreeMap;

use crate::load::Loaded;
use crate::pointer;
use crate::shape::{Body, Id, Program, Type, Variant};

use super::homes::Homes;
use super::identifiers::{Names, snake, type_name, type_name_part};

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

/// The names that definitions would have if nobody else wanted them. Equal types have equal ones.
pub(super) fn wanted(program: &Program, origins: &[Origin], loaded: &Loaded, homes: &Homes<'_>) -> Vec<String> {
    let mut wanted: Vec<String> = Vec::with_capacity(origins.len());
    for (id, origin) in origins.iter().enumerate() {
        let title = title(program, id, loaded);
        wanted.push(match origin {
            Origin::Root => title.unwrap_or_else(|| homes.of(&program.definitions[id].location.file).1),
            Origin::Definition { name } => type_name(name),
            Origin::Inline { owner, hint } => {
                title.unwrap_or_else(|| format!("{}{}", wanted[*owner], type_name_part(hint)))
            }
        });
    }
    wanted
}

/// Gives every definition its name, and every field and variant.
pub(super) fn assign(program: &mut Program, origins: &[Origin], loaded: &Loaded, homes: &Homes<'_>) {
    let mut taken: BTreeMap<Vec<String>, Names> = BTreeMap::new();
    for (id, origin) in origins.iter().enumerate() {
        let (_, path_name) = homes.of(&program.definitions[id].location.file);
        let title = title(program, id, loaded);
        let candidates = match origin {
            Origin::Root => vec![title.unwrap_or_else(|| path_name.clone()), path_name],
            Origin::Definition { name } => {
                let own = type_name(name);
                vec![own.clone(), format!("{path_name}{own}")]
            }
            Origin::Inline { owner, hint } => {
                let owner = &program.definitions[*owner].name;
                let nested = format!("{owner}{}", type_name_part(hint));
                let by_path = format!("{owner}{}", path_part(&program.definitions[id].location.pointer, hint));
                vec![title.unwrap_or_else(|| nested.clone()), nested, by_path]
            }
        };
        let module = program.definitions[id].module.clone();
        let names = taken.entry(module).or_insert_with(|| Names::without(RESERVED_TYPES));
        let free = candidates.iter().find(|name| !names.has(name));
        let chosen = free.or(candidates.last()).cloned().unwrap_or_default();
        program.definitions[id].name = names.take(&chosen);
    }
    name_alternatives(program);
    program.definitions.iter_mut().for_each(|definition| name_members(&mut definition.body));
}

/// The title of a definition's schema, if it can be a name.
fn title(program: &Program, id: Id, loaded: &Loaded) -> Option<String> {
    let location = &program.definitions[id].location;
    let document = loaded.catalogue.documents.get(&location.file)?;
    document.schema.pointer(&location.pointer)?.get("title")?.as_str().and_then(short_title)
}

/// Gives every alternative that has no tag the name of its type.
fn name_alternatives(program: &mut Program) {
    let names: Vec<String> = program.definitions.iter().map(|definition| definition.name.clone()).collect();
    for definition in &mut program.definitions {
        let Body::Union(union) = &mut definition.body else { continue };
        for variant in union.variants.iter_mut().filter(|variant| variant.name.is_empty()) {
            variant.name = match &variant.shape.ty {
                Type::Named(id) | Type::Boxed(id) => {
                    let name = names[*id].strip_prefix(definition.name.as_str()).unwrap_or(&names[*id]);
                    if name.starts_with(|first: char| first.is_ascii_uppercase()) { name } else { &names[*id] }
                        .to_owned()
                }
                Type::Text => "String".to_owned(),
                Type::Uuid => "Uuid".to_owned(),
                Type::DateTime => "DateTime".to_owned(),
                Type::Date => "Date".to_owned(),
                Type::Integer(_) => "Integer".to_owned(),
                Type::Number => "Number".to_owned(),
                Type::Bool => "Boolean".to_owned(),
                Type::Null => "Null".to_owned(),
                Type::List(_) | Type::Tuple(_) => "List".to_owned(),
                Type::Map(_) => "Map".to_owned(),
                Type::Any => "Other".to_owned(),
            };
        }
    }
}

fn name_members(body: &mut Body) {
    match body {
        Body::Struct(body) => {
            let mut names = Names::without(&["unknown"]);
            body.fields.iter_mut().for_each(|field| field.name = names.take(&snake(&field.property)));
        }
        Body::Enum(variants) => name_variants(variants.iter_mut()),
        Body::Union(union) => {
            let mut names = Names::without(&["Self"]);
            union.variants.iter_mut().for_each(|variant| variant.name = names.take(&variant_name(&variant.name)));
        }
        Body::Open | Body::Text(_) | Body::Wrapper(_) => {}
    }
}

fn name_variants<'a>(variants: impl Iterator<Item = &'a mut Variant>) {
    let mut names = Names::without(&["Self"]);
    variants.for_each(|variant| variant.name = names.take(&variant_name(&variant.value)));
}

fn variant_name(value: &str) -> String {
    match type_name(value) {
        name if name == "Unnamed" => if value.is_empty() { "Empty" } else { "Other" }.to_owned(),
        name => name,
    }
}

/// A title that can be a name: a handful of words, not a sentence.
fn short_title(title: &str) -> Option<String> {
    let words = title.split_whitespace().count();
    let name = type_name(title);
    ((1..=5).contains(&words) && name != "Unnamed").then_some(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_legal_name() {
        assert_eq!(type_name("rule.created"), "RuleCreated");
        assert_eq!(type_name("3-d secure"), "N3DSecure");
        assert_eq!(type_name("価格"), "Unnamed");
        assert_eq!(snake("orderId"), "order_id");
        assert_eq!(snake("self"), "self_");
        assert_eq!(snake("$ref"), "ref");
        assert_eq!(snake(""), "unnamed");
    }

    #[test]
    fn clashing_names_are_numbered_in_order() {
        let mut variants: Vec<Variant> = ["a b", "a-b", "A B", ""]
            .map(|value| Variant { value: value.to_owned(), name: String::new(), doc: String::new() })
            .into();

        name_variants(variants.iter_mut());

        let names: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
        assert_eq!(names, ["AB", "AB2", "AB3", "Empty"]);
    }
}
