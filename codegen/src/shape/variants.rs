//! What alternatives are called that neither a tag nor the schema names: after their types, and never after their position.

use crate::shape::{Body, Check, Program, Shape, Type};

use super::identifiers::hash;

/// More parts of a type are no name.
const MOST_PARTS: usize = 3;

/// Gives every alternative without a name that of its type; where that is the name of others, too, all of them are called after what
/// the type is made of, and where that is the same, after a number that is made of it.
pub(super) fn name_alternatives(program: &mut Program) {
    let names: Vec<String> = program.definitions.iter().map(|definition| definition.name.clone()).collect();
    for definition in &mut program.definitions {
        let Body::Union(union) = &mut definition.body else { continue };
        let nameless: Vec<usize> = (0..union.variants.len()).filter(|at| union.variants[*at].name.is_empty()).collect();
        for at in &nameless {
            let variant = &mut union.variants[*at];
            variant.name = match &variant.shape.ty {
                Type::Named(id) | Type::Boxed(id) => of_definition(&definition.name, &names[*id]),
                ty => kind(ty).to_owned(),
            };
        }
        let is_plain = |at: &usize| !matches!(union.variants[*at].shape.ty, Type::Named(_) | Type::Boxed(_));
        let plain: Vec<usize> = nameless.into_iter().filter(is_plain).collect();
        let is_shared = |names: &[String], at: usize| names.iter().filter(|name| **name == names[at]).count() > 1;
        for step in [parts, number] {
            let before: Vec<String> = union.variants.iter().map(|variant| variant.name.clone()).collect();
            for at in plain.iter().copied().filter(|at| is_shared(&before, *at)) {
                union.variants[at].name = step(&names, &union.variants[at].shape);
            }
        }
    }
}

/// The name of a type, without that of the union where it begins with it.
fn of_definition(union: &str, name: &str) -> String {
    let rest = name.strip_prefix(union).unwrap_or(name);
    let begins = rest.starts_with(|first: char| unicode_ident::is_xid_start(first) && !first.is_lowercase());
    if begins { rest } else { name }.to_owned()
}

fn kind(ty: &Type) -> &'static str {
    match ty {
        Type::Text => "String",
        Type::Uuid => "Uuid",
        Type::DateTime => "DateTime",
        Type::Date => "Date",
        Type::Bytes(_) => "Bytes",
        Type::Integer(_) => "Integer",
        Type::Number => "Number",
        Type::Bool => "Boolean",
        Type::Null => "Null",
        Type::List(_) | Type::Tuple(_) => "List",
        Type::Map(_) => "Map",
        Type::Any | Type::Named(_) | Type::Boxed(_) => "Other",
    }
}

/// What a type is made of, in words: `list of string`, `integer 1 to 5`.
fn parts(names: &[String], shape: &Shape) -> String {
    let kind = kind(&shape.ty);
    match (&shape.ty, shape.checks.as_slice()) {
        (Type::Named(id) | Type::Boxed(id), _) => names[*id].clone(),
        (Type::List(item), _) => format!("List of {}", part(names, item)),
        (Type::Map(item), _) => format!("Map of {}", part(names, item)),
        (Type::Tuple(items), _) if items.len() <= MOST_PARTS => {
            let items: Vec<String> = items.iter().map(|item| part(names, item)).collect();
            format!("List of {}", items.join(" and "))
        }
        (Type::Bytes(encoding), _) => encoding.type_path().rsplit("::").next().unwrap_or(kind).to_owned(),
        (Type::Bool, [Check::Equals(value)]) => value.to_string(),
        (Type::Integer(_), [Check::OneOf(values)]) if values.len() <= MOST_PARTS => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("{kind} {}", values.join(" or "))
        }
        (Type::Integer(_), [Check::Range { min, max }]) => {
            format!("{kind}{}", range(min.map(|min| min.to_string()), max.map(|max| max.to_string())))
        }
        (Type::Integer(integer), []) => {
            let (least, most) = integer.bounds();
            format!("{kind} {} bits {}", bits(least, most), if least < 0 { "signed" } else { "unsigned" })
        }
        (Type::Number, [Check::Bounds { min, max, above, below }]) => {
            let text = |limit: &Option<serde_json::Number>| limit.as_ref().map(ToString::to_string);
            let beyond = range(
                text(above).map(|limit| format!("beyond {limit}")),
                text(below).map(|limit| format!("below {limit}")),
            );
            format!("{kind}{}{beyond}", range(text(min), text(max)))
        }
        _ => kind.to_owned(),
    }
}

/// The same of what lies in another type, where how many bits an integer has says little.
fn part(names: &[String], shape: &Shape) -> String {
    match (&shape.ty, shape.checks.as_slice()) {
        (Type::Integer(_), []) => kind(&shape.ty).to_owned(),
        _ => parts(names, shape),
    }
}

fn range(min: Option<String>, max: Option<String>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!(" {min} to {max}"),
        (Some(min), None) => format!(" from {min}"),
        (None, Some(max)) => format!(" up to {max}"),
        (None, None) => String::new(),
    }
}

fn bits(least: i128, most: i128) -> u32 {
    let values = most.saturating_sub(least);
    i128::BITS - values.leading_zeros()
}

/// A number that is made of all that is known of a type. The rule `unreadable-name` finds it.
fn number(names: &[String], shape: &Shape) -> String {
    format!("{}X{:08x}", kind(&shape.ty), hash(&spelled(names, shape)))
}

/// All that is known of a type, the same wherever it stands.
pub(crate) fn spelled(names: &[String], shape: &Shape) -> String {
    let ty = match &shape.ty {
        Type::Named(id) | Type::Boxed(id) => names[*id].clone(),
        Type::List(item) => format!("[{}]", spelled(names, item)),
        Type::Map(item) => format!("{{{}}}", spelled(names, item)),
        Type::Tuple(items) => items.iter().map(|item| spelled(names, item)).collect::<Vec<_>>().join(", "),
        other => format!("{other:?}"),
    };
    format!("({ty} {} {:?})", shape.nullable, shape.checks)
}
