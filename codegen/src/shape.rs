//! The types that will be generated, as data: what a schema means in Rust.

mod boxes;
mod chains;
mod circles;
mod classes;
mod encoding;
pub(crate) mod homes;
pub(crate) mod identifiers;
mod merge;
pub(crate) mod names;
mod nulls;
mod owners;
mod rivals;
pub(crate) mod settle;
mod siblings;
mod sizes;
pub(crate) mod variants;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Number, Value};

use crate::pages::PayloadPage;
use crate::references::Location;

pub use classes::Classes;
pub use encoding::Encoding;

/// Index of a [`Definition`] in a [`Program`].
pub type Id = usize;

/// Every type of a catalogue.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The types; each has a name that is unique in its module.
    pub definitions: Vec<Definition>,
    /// The payloads of events, requests and their answers, by their schema files.
    pub roots: BTreeMap<String, Id>,
    /// Where the payloads are in the site of the catalogue, by their schema files.
    pub(crate) pages: BTreeMap<String, PayloadPage>,
}

/// A type with a name.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The schema it comes from.
    pub location: Location,
    /// Other schemas that say the same.
    pub equals: Vec<Location>,
    /// Whether that schema alone says what it is; else others hold together with it.
    pub is_of_one_schema: bool,
    /// Whether that schema takes null, and the type does not: its uses do.
    pub is_without_null: bool,
    /// The path of its module.
    pub module: Vec<String>,
    /// The modules of other files that define the same.
    pub copies: BTreeSet<Vec<String>>,
    /// Its name.
    pub name: String,
    /// Its doc comment.
    pub doc: String,
    /// What it is.
    pub body: Body,
    /// What types and checks cannot say about it; an event that reaches a gap is checked by the validator.
    pub gaps: Vec<Gap>,
    /// Whether it holds an integer of draft 4, of which `1.0` is none.
    pub spells_integers: bool,
}

/// A keyword that neither type nor check expresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Gap {
    /// The schema that holds the keyword.
    pub location: Location,
    /// The keyword.
    pub keyword: String,
}

/// What a named type is.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Not lowered yet: stands only while its own schema is being read.
    Open,
    /// An object with declared properties.
    Struct(Struct),
    /// One of several strings.
    Enum(Vec<Variant>),
    /// One of several types.
    Union(Union),
    /// A string with rules of its own.
    Text(Vec<Check>),
    /// Any other type under a name.
    Wrapper(Shape),
}

/// An object with declared properties.
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    /// The properties, in the order of the schema.
    pub fields: Vec<Field>,
    /// What happens to properties that are not declared.
    pub unknown: Unknown,
    /// What must hold between its properties.
    pub rules: Vec<Rule>,
    /// The tag of the union that it is an alternative of, which is no field.
    pub tag: Option<String>,
}

/// What must hold between the properties of an object.
///
/// A rule may be stricter than the schema: what it refuses, the validator decides.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// A property is there.
    Present(String),
    /// A property is there and null.
    Null(String),
    /// A property is there and has one of some values.
    Equals {
        /// The property.
        property: String,
        /// The values, at least one.
        values: Vec<Value>,
    },
    /// A property is there and, unless it is null, passes some checks.
    Passes {
        /// The property.
        property: String,
        /// The checks, at least one.
        checks: Vec<Check>,
    },
    /// All of some rules hold; without any it holds always.
    All(Vec<Rule>),
    /// At least one of some rules holds; without any it never holds.
    Any(Vec<Rule>),
    /// Exactly one of some rules holds.
    One(Vec<Rule>),
    /// A rule does not hold.
    Not(Box<Rule>),
    /// How many properties are there, of those that the type keeps.
    Count {
        /// At least.
        min: Option<u64>,
        /// At most; stands only where the type keeps every property.
        max: Option<u64>,
    },
}

/// What happens to properties that a schema does not declare.
#[derive(Debug, Clone, PartialEq)]
pub enum Unknown {
    /// Accepted and dropped.
    Ignored,
    /// Refused.
    Forbidden,
    /// Accepted and kept in a map; the schema asks for it in writing.
    Kept(Box<Shape>),
}

/// A declared property.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The property's name in JSON.
    pub property: String,
    /// The field's name in Rust.
    pub name: String,
    /// Its doc comment.
    pub doc: String,
    /// Its type.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// The value that its absence stands for.
    pub default: Option<Value>,
}

impl Field {
    /// Whether the property may be absent and may be null, which its type tells apart.
    pub fn is_maybe(&self) -> bool {
        !self.required && self.shape.nullable
    }
}

/// One of several strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// The string.
    pub value: String,
    /// The variant's name.
    pub name: String,
    /// Its doc comment.
    pub doc: String,
}

/// One of several types.
#[derive(Debug, Clone, PartialEq)]
pub struct Union {
    /// How they are distinguished.
    pub choice: Choice,
    /// The types.
    pub variants: Vec<Alternative>,
    /// Whether a value may be of several of the types at once, so that none of them has room for all of it.
    pub overlaps: bool,
}

/// How the alternatives of a union are distinguished.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// By a property that is a constant in each. It stands in the type of the alternative only if it is `kept` there.
    Tag {
        /// The property.
        property: String,
        /// Whether the alternatives have a field for it.
        kept: bool,
    },
    /// Exactly one accepts the value.
    One,
    /// At least one accepts the value.
    Any,
}

/// One type of a union.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// The values of the tag that choose it.
    pub tags: Vec<String>,
    /// The variant's name.
    pub name: String,
    /// Its doc comment.
    pub doc: String,
    /// Its type.
    pub shape: Shape,
}

/// A type with what is checked about its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// The type.
    pub ty: Type,
    /// Whether null is a value too.
    pub nullable: bool,
    /// What must hold beyond the type.
    pub checks: Vec<Check>,
}

impl Shape {
    /// A type without checks.
    pub fn of(ty: Type) -> Self {
        Self { ty, nullable: false, checks: Vec::new() }
    }

    /// The shape of what is there and not null.
    pub fn not_null(&self) -> Self {
        Self { nullable: false, ..self.clone() }
    }
}

/// A type.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// A definition.
    Named(Id),
    /// A definition on the heap, because it contains itself, or would make large what contains it.
    Boxed(Id),
    /// A string.
    Text,
    /// A string that is a UUID.
    Uuid,
    /// A string that is an RFC 3339 date-time.
    DateTime,
    /// A string that is a calendar date.
    Date,
    /// A string that stands for bytes.
    Bytes(Encoding),
    /// An integer of the smallest Rust type that holds all its values.
    Integer(Integer),
    /// A number.
    Number,
    /// A boolean.
    Bool,
    /// Null.
    Null,
    /// An array.
    List(Box<Shape>),
    /// An array of one length, with a type for each place.
    Tuple(Vec<Shape>),
    /// An object without declared properties.
    Map(Box<Shape>),
    /// Any JSON.
    Any,
}

/// A Rust integer type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Integer {
    U8,
    U16,
    U32,
    U64,
    I32,
    I64,
}

/// Something that must hold about a value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "limits are named as in JSON Schema; `above` and `below` are exclusive")]
pub enum Check {
    /// Code points of a string.
    Length { min: Option<u64>, max: Option<u64> },
    /// A regular expression that a string must match somewhere.
    Pattern(String),
    /// A format of draft 2020-12 that a string must have.
    Format(String),
    /// An encoding that a string must be in.
    Encoded(Encoding),
    /// Bounds of an integer, both inclusive.
    Range { min: Option<i128>, max: Option<i128> },
    /// A divisor of an integer.
    MultipleOf(u64),
    /// A divisor of a number.
    Divisor(Number),
    /// Bounds of a number.
    Bounds { min: Option<Number>, max: Option<Number>, above: Option<Number>, below: Option<Number> },
    /// The values that an integer may have.
    OneOf(Vec<i128>),
    /// The values that any JSON may have.
    Constants(Vec<Value>),
    /// The types of JSON that any JSON may have.
    Classes(Classes),
    /// At least one list of checks must pass.
    Any(Vec<Vec<Check>>),
    /// Exactly one list of checks must pass.
    One(Vec<Vec<Check>>),
    /// The value that a boolean must have.
    Equals(bool),
    /// Elements of an array.
    Items { min: Option<u64>, max: Option<u64> },
    /// No two elements of an array are equal; `ordered` if their type has an order.
    Unique { ordered: bool },
    /// Members of a map.
    Members { min: Option<u64>, max: Option<u64> },
    /// What every name in a map must fulfil.
    Names(Vec<Check>),
}

impl Program {
    /// The type of the payload that a schema file describes.
    pub fn root_of(&self, file: &str) -> Option<Id> {
        self.roots.get(file).copied()
    }

    /// Every gap that the type of an event reaches, in a stable order. None means: types and checks say it all.
    pub fn gaps(&self, root: Id) -> Vec<&Gap> {
        let mut seen = HashSet::new();
        let all = self.reachable(root).into_iter().flat_map(|id| &self.definitions[id].gaps);
        all.filter(|gap| seen.insert(*gap)).collect()
    }

    /// Whether the type of an event holds an integer of draft 4, of which `1.0` is none.
    pub fn spells_integers(&self, root: Id) -> bool {
        self.reachable(root).into_iter().any(|id| self.definitions[id].spells_integers)
    }

    /// A definition and all that it names, itself first.
    pub fn reachable(&self, root: Id) -> Vec<Id> {
        let mut found = vec![root];
        let mut seen = HashSet::from([root]);
        let mut next = 0;
        while let Some(id) = found.get(next) {
            for (named, _) in self.definitions[*id].body.names() {
                if seen.insert(named) {
                    found.push(named);
                }
            }
            next += 1;
        }
        found
    }
}

impl Body {
    /// The definitions that this one names, and whether each lies inside it (not behind an array or map).
    pub fn names(&self) -> Vec<(Id, bool)> {
        let mut found = Vec::new();
        match self {
            Self::Open | Self::Enum(_) | Self::Text(_) => {}
            Self::Struct(body) => {
                body.fields.iter().for_each(|field| field.shape.names(true, &mut found));
                if let Unknown::Kept(shape) = &body.unknown {
                    shape.names(false, &mut found);
                }
            }
            Self::Union(union) => union.variants.iter().for_each(|variant| variant.shape.names(true, &mut found)),
            Self::Wrapper(shape) => shape.names(true, &mut found),
        }
        found
    }

    /// The shapes of this definition that may have to be boxed.
    pub fn shapes_mut(&mut self) -> Vec<&mut Shape> {
        match self {
            Self::Struct(body) => body.fields.iter_mut().map(|field| &mut field.shape).collect(),
            Self::Wrapper(shape) => vec![shape],
            Self::Union(union) => union.variants.iter_mut().map(|variant| &mut variant.shape).collect(),
            Self::Open | Self::Enum(_) | Self::Text(_) => Vec::new(),
        }
    }
}

impl Shape {
    fn names(&self, inside: bool, found: &mut Vec<(Id, bool)>) {
        match &self.ty {
            Type::Named(id) => found.push((*id, inside)),
            Type::Boxed(id) => found.push((*id, false)),
            Type::List(item) | Type::Map(item) => item.names(false, found),
            Type::Tuple(items) => items.iter().for_each(|item| item.names(inside, found)),
            _ => {}
        }
    }
}
