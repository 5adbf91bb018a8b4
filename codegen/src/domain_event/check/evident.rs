//! What a Rust type evidently is in JSON. A type of the user's own is not evident: the generated test checks it.

use syn::{GenericArgument, PathArguments, Type};

/// What a type is in JSON, as far as its text says.
pub(super) enum Evident<'a> {
    Text,
    Bool,
    /// The name, the least and the greatest value.
    Integer(String, i128, i128),
    /// The name.
    Float(String),
    Null,
    /// The type of the elements.
    List(Option<&'a Type>),
    /// The type of the values.
    Map(Option<&'a Type>),
    /// The type that may be missing.
    Option(&'a Type),
    /// The type that may be absent, or null.
    Maybe(&'a Type),
    Unknown,
}

impl<'a> Evident<'a> {
    pub(super) fn of(ty: &'a Type) -> Self {
        match ty {
            Type::Paren(inner) => Self::of(&inner.elem),
            Type::Group(inner) => Self::of(&inner.elem),
            Type::Array(array) => Self::List(Some(&array.elem)),
            Type::Tuple(tuple) if tuple.elems.is_empty() => Self::Null,
            Type::Path(path) if path.qself.is_none() => path.path.segments.last().map_or(Self::Unknown, |segment| {
                let arguments = type_arguments(&segment.arguments);
                named(&segment.ident.to_string(), &arguments)
            }),
            _ => Self::Unknown,
        }
    }
}

fn type_arguments(arguments: &PathArguments) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

fn named<'a>(name: &str, arguments: &[&'a Type]) -> Evident<'a> {
    match (name, arguments) {
        ("String", []) => Evident::Text,
        ("bool", []) => Evident::Bool,
        ("f32" | "f64", []) => Evident::Float(name.to_owned()),
        ("Vec" | "VecDeque" | "LinkedList" | "BTreeSet" | "BinaryHeap", [item]) => Evident::List(Some(item)),
        ("HashSet", [item, ..]) => Evident::List(Some(item)),
        ("BTreeMap" | "HashMap" | "IndexMap", [_, value, ..]) => Evident::Map(Some(value)),
        ("Option", [inner]) => Evident::Option(inner),
        ("Maybe", [inner]) => Evident::Maybe(inner),
        ("Box" | "Rc" | "Arc" | "Cow", [inner]) => match inner {
            Type::Path(path) if path.path.is_ident("str") => Evident::Text,
            Type::Slice(slice) => Evident::List(Some(&slice.elem)),
            _ => Evident::of(inner),
        },
        (_, []) => integer(name).map_or(Evident::Unknown, |(min, max)| Evident::Integer(name.to_owned(), min, max)),
        _ => Evident::Unknown,
    }
}

/// The least and the greatest value of an integer type; those of 128 bits are cut at what JSON needs.
fn integer(name: &str) -> Option<(i128, i128)> {
    Some(match name {
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "u64" | "usize" => (0, u64::MAX.into()),
        "u128" => (0, i128::MAX),
        "i8" => (i8::MIN.into(), i8::MAX.into()),
        "i16" => (i16::MIN.into(), i16::MAX.into()),
        "i32" => (i32::MIN.into(), i32::MAX.into()),
        "i64" | "isize" => (i64::MIN.into(), i64::MAX.into()),
        "i128" => (i128::MIN, i128::MAX),
        _ => return None,
    })
}
