//! What the schema wants of a property, and whether a Rust type evidently is something else.

use quote::ToTokens;
use syn::Type as RustType;

use crate::shape::{Body, Check, Choice, Program, Shape, Type, Union};

use super::evident::Evident;

/// What values a schema accepts, roughly.
#[derive(Debug)]
pub(super) enum Wanted<'a> {
    /// A string; the type that reads its format.
    Text(&'static str),
    Bool,
    /// The least and the greatest value.
    Integer(i128, i128),
    Number,
    Null,
    List(&'a Shape),
    /// An object; the name of the type that the generator would write.
    Object(&'a str),
    Map(&'a Shape),
    Any,
}

/// What a property of a schema accepts, through the names of types; and whether null is accepted.
pub(super) fn wanted<'a>(program: &'a Program, shape: &'a Shape) -> (Wanted<'a>, bool) {
    let (wanted, nullable) = match &shape.ty {
        Type::Named(id) | Type::Boxed(id) => match &program.definitions[*id].body {
            Body::Wrapper(inner) => wanted_inner(program, inner),
            Body::Text(_) | Body::Enum(_) => (Wanted::Text("String"), false),
            Body::Struct(_) => (Wanted::Object(&program.definitions[*id].name), false),
            Body::Union(Union { choice: Choice::Tag { .. }, .. }) => {
                (Wanted::Object(&program.definitions[*id].name), false)
            }
            Body::Union(_) | Body::Open => (Wanted::Any, true),
        },
        _ => wanted_inner(program, shape),
    };
    (wanted, nullable || shape.nullable)
}

fn wanted_inner<'a>(program: &'a Program, shape: &'a Shape) -> (Wanted<'a>, bool) {
    let wanted_one = match &shape.ty {
        Type::Named(_) | Type::Boxed(_) => return wanted(program, shape),
        Type::Text => Wanted::Text("String"),
        Type::Uuid => Wanted::Text("eventsmith::Uuid"),
        Type::DateTime => Wanted::Text("eventsmith::DateTime"),
        Type::Date => Wanted::Text("eventsmith::Date"),
        Type::Bytes(encoding) => Wanted::Text(encoding.rust_type()),
        Type::Integer(_) => integer(shape),
        Type::Number => Wanted::Number,
        Type::Bool => Wanted::Bool,
        Type::Null => return (Wanted::Null, true),
        Type::List(item) => Wanted::List(item),
        Type::Map(item) => Wanted::Map(item),
        // Whether a Rust type is an array of one length is not evident.
        Type::Tuple(_) | Type::Any => return (Wanted::Any, true),
    };
    (wanted_one, shape.nullable)
}

/// The range of an integer: what is checked, else what its type holds.
fn integer<'a>(shape: &Shape) -> Wanted<'a> {
    let Type::Integer(integer) = &shape.ty else { return Wanted::Any };
    let (mut least, mut most) = integer.bounds();
    for check in &shape.checks {
        match check {
            Check::Range { min, max } => (least, most) = (min.unwrap_or(least), max.unwrap_or(most)),
            Check::OneOf(values) => {
                least = values.iter().min().copied().unwrap_or(least);
                most = values.iter().max().copied().unwrap_or(most);
            }
            _ => {}
        }
    }
    Wanted::Integer(least, most)
}

impl Wanted<'_> {
    /// For messages: "an integer from 0 to 1000".
    pub(super) fn description(&self) -> String {
        match self {
            Self::Text(_) => "a string".to_owned(),
            Self::Bool => "a boolean".to_owned(),
            Self::Integer(min, max) => match (*min == i64::MIN.into(), *max >= i64::MAX.into()) {
                (true, true) => "an integer".to_owned(),
                (true, false) => format!("an integer up to {max}"),
                (false, true) => format!("an integer from {min} on"),
                (false, false) => format!("an integer from {min} to {max}"),
            },
            Self::Number => "a number".to_owned(),
            Self::Null => "null".to_owned(),
            Self::List(_) => "an array".to_owned(),
            Self::Object(_) | Self::Map(_) => "an object".to_owned(),
            Self::Any => "any value".to_owned(),
        }
    }

    /// A Rust type that holds it.
    pub(super) fn rust(&self, program: &Program) -> String {
        let nested = |shape: &Shape| {
            let (wanted, nullable) = wanted(program, shape);
            let inner = wanted.rust(program);
            if nullable && !matches!(wanted, Wanted::Any | Wanted::Null) { format!("Option<{inner}>") } else { inner }
        };
        match self {
            Self::Text(rust) => (*rust).to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Integer(min, max) => smallest_integer(*min, *max).to_owned(),
            Self::Number => "f64".to_owned(),
            Self::Null => "()".to_owned(),
            Self::List(item) => format!("Vec<{}>", nested(item)),
            Self::Object(name) => (*name).to_owned(),
            Self::Map(value) => format!("BTreeMap<String, {}>", nested(value)),
            Self::Any => "serde_json::Value".to_owned(),
        }
    }
}

fn smallest_integer(min: i128, max: i128) -> &'static str {
    let unsigned = [("u8", u8::MAX.into()), ("u16", u16::MAX.into()), ("u32", u32::MAX.into()), ("u64", i128::MAX)];
    let signed = [("i32", i32::MIN.into(), i32::MAX.into()), ("i64", i128::MIN, i128::MAX)];
    if min >= 0 {
        unsigned.iter().find(|(_, most)| max <= *most).map_or("u64", |(name, _)| name)
    } else {
        signed.iter().find(|(_, least, most)| min >= *least && max <= *most).map_or("i64", |(name, _, _)| name)
    }
}

/// A type that evidently is not what the schema wants: the type, and why not.
pub(super) struct Mismatch<'a> {
    pub(super) at: &'a RustType,
    /// "is an integer, which a `String` is not; write `u32`"
    pub(super) why: String,
}

/// Compares a type, without the `Option` of an optional property, to what the schema wants.
pub(super) fn mismatch<'a>(program: &Program, ty: &'a RustType, shape: &Shape) -> Option<Mismatch<'a>> {
    let (wanted, nullable) = wanted(program, shape);
    let evident = Evident::of(ty);
    let rust = wanted.rust(program);
    let say = |why: String| Some(Mismatch { at: ty, why });
    if matches!(evident, Evident::Unknown) || matches!(wanted, Wanted::Any) {
        return None;
    }
    if let Evident::Option(inner) = evident {
        if !nullable {
            return say(format!("is never null; write `{rust}` without `Option`"));
        }
        let not_null = Shape { nullable: false, ..shape.clone() };
        // The inner type is compared with null taken away; only a type that has a name may keep it.
        return inner_mismatch(program, inner, &not_null);
    }
    if nullable && !matches!(wanted, Wanted::Null) {
        return say(format!("may be null; write `Option<{rust}>`"));
    }
    let written = text(ty);
    let other = || say(format!("is {}, which a `{written}` is not; write `{rust}`", wanted.description()));
    match (&wanted, evident) {
        (Wanted::Text(_), Evident::Text)
        | (Wanted::Bool, Evident::Bool)
        | (Wanted::Null, Evident::Null)
        | (Wanted::Object(_), Evident::Map(_)) => None,
        (Wanted::Integer(min, max), Evident::Integer(name, least, most)) => {
            let (no_min, no_max) = (*min == i64::MIN.into(), *max >= i64::MAX.into());
            if *min < least && no_min {
                say(format!("has no minimum, but `{name}` begins at {least}; write `{rust}`, or set a \"minimum\""))
            } else if *min < least {
                say(format!("begins at {min}, but `{name}` begins at {least}; write `{rust}`"))
            } else if *max > most && no_max && most < i64::MAX.into() {
                say(format!("has no maximum, but `{name}` ends at {most}; write `{rust}`, or set a \"maximum\""))
            } else if *max > most && !no_max {
                say(format!("goes up to {max}, but `{name}` ends at {most}; write `{rust}`"))
            } else {
                None
            }
        }
        (Wanted::Number, Evident::Float(name)) if name == "f32" => {
            say("has more digits than an `f32` keeps; write `f64`".to_owned())
        }
        (Wanted::Number, Evident::Float(_)) => None,
        (Wanted::List(item), Evident::List(Some(inner))) | (Wanted::Map(item), Evident::Map(Some(inner))) => {
            mismatch(program, inner, item)
                .map(|Mismatch { at, why }| Mismatch { at, why: format!("has elements, and each {why}") })
        }
        (Wanted::List(_), Evident::List(None)) | (Wanted::Map(_), Evident::Map(None)) => None,
        _ => other(),
    }
}

/// Compares a type to what the schema wants beside null, which is told apart around it.
pub(super) fn inner_mismatch<'a>(program: &Program, ty: &'a RustType, shape: &Shape) -> Option<Mismatch<'a>> {
    match wanted(program, shape) {
        (Wanted::Null, _) => None,
        (_, false) => mismatch(program, ty, shape),
        // Null comes from within a named type; what else that type says is compared by the test.
        (_, true) => None,
    }
}

/// A type as people write it, without the spaces of tokens.
pub(super) fn text(ty: &RustType) -> String {
    let text = ty.to_token_stream().to_string();
    text.replace(" :: ", "::")
        .replace(" < ", "<")
        .replace(" <", "<")
        .replace(" > ", ">")
        .replace(" >", ">")
        .replace(" ,", ",")
        .replace("< ", "<")
}
