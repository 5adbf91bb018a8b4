//! Numbers that the schema accepts, and the generated type has no room for.
//!
//! `Event::decode` refuses them, and so does `validate`: an integer without bounds is an `i64`, and a value of any type holds
//! integers of 64 bits and doubles.

use std::collections::HashMap;
use std::sync::OnceLock;

use eventsmith_exact::{Decimal, Node};

use crate::generate::types_apart;
use crate::load::Loaded;
use crate::shape::{Body, Choice, Id, Program, Shape, Struct, Type, Union, Unknown};

/// The types of a catalogue, lowered when the first payload asks.
#[derive(Default)]
pub(super) struct Room(OnceLock<Program>);

impl Room {
    /// The pointer and text of a number in the payload of a schema file that its type does not hold.
    pub(super) fn unfit(&self, loaded: &Loaded, file: &str, node: Node<'_>) -> Option<Unfit> {
        // Every integer type that is smaller says so by its bounds, which the schema has, too.
        if !node.has_beyond_i64() {
            return None;
        }
        let program = self.0.get_or_init(|| types_apart(loaded));
        let root = program.root_of(file)?;
        Reader { program, known: HashMap::new() }.named(root, node, Context::Given).unfit
    }
}

/// A number that does not fit: its pointer and its text.
type Unfit = (String, String);

/// What comes of reading a value as a type.
#[derive(Clone, Default)]
struct Reading {
    /// Whether the value is no value of the type, whatever its numbers are.
    is_other: bool,
    /// The first number that the type has no room for.
    unfit: Option<Unfit>,
}

/// Why a value is read as a type.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Context {
    /// It is of this type, or it would not be valid: only its numbers are looked at.
    Given,
    /// It may be of this type or of another one.
    Perhaps,
}

/// Reads a payload as `Event::decode` does, as far as that depends on which types its values are of.
struct Reader<'p> {
    program: &'p Program,
    /// What came of reading a value as a definition. However many unions lie in each other, each value is read once as each.
    known: HashMap<(Id, usize, Context), Reading>,
}

impl Reader<'_> {
    fn named(&mut self, id: Id, node: Node<'_>, context: Context) -> Reading {
        let key = (id, node.place(), context);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        // What comes back to itself without reading on says nothing more.
        self.known.insert(key, Reading::default());
        let reading = self.definition(id, node, context);
        self.known.insert(key, reading.clone());
        reading
    }

    fn definition(&mut self, id: Id, node: Node<'_>, context: Context) -> Reading {
        let program = self.program;
        match &program.definitions[id].body {
            Body::Struct(body) => self.structure(body, node, context),
            Body::Union(union) => self.union(union, node),
            Body::Wrapper(shape) => self.shape(shape, node, context),
            Body::Enum(variants) => {
                let is_known = |text: &str| variants.iter().any(|variant| variant.value == text);
                Reading::other(!node.text().is_some_and(is_known))
            }
            Body::Open | Body::Text(_) => Reading::other(node.text().is_none()),
        }
    }

    fn structure(&mut self, body: &Struct, node: Node<'_>, context: Context) -> Reading {
        let children = node.children();
        let mut reading = Reading::other(!node.is_object());
        let mut fields = HashMap::new();
        for field in &body.fields {
            fields.insert(field.property.as_str(), field);
        }
        let mut required = body.fields.iter().filter(|field| field.required).count();
        for (name, child) in &children {
            let shape = match fields.get(name.as_ref()) {
                Some(field) => {
                    required -= usize::from(field.required);
                    &field.shape
                }
                None if body.tag.as_deref() == Some(name) => continue,
                None => match &body.unknown {
                    Unknown::Kept(map) => {
                        // What a struct does not declare is read by way of serde's own values, whatever is made of it.
                        reading.add(name, Reading { is_other: false, unfit: any(*child) });
                        if let Type::Map(item) = &map.ty { item } else { map }
                    }
                    Unknown::Ignored => continue,
                    Unknown::Forbidden => {
                        reading.is_other = true;
                        continue;
                    }
                },
            };
            let below = self.shape(shape, *child, context);
            reading.add(name, below);
        }
        reading.is_other |= required > 0;
        reading
    }

    /// A value fits if one of the types that it may be of has room for it.
    fn union(&mut self, union: &Union, node: Node<'_>) -> Reading {
        let tag = match &union.choice {
            Choice::Tag { property, .. } => node.member(property).and_then(|tag| tag.text()),
            Choice::One | Choice::Any => None,
        };
        let is_meant = |tags: &[String]| tag.is_none_or(|tag| tags.iter().any(|known| known == tag));
        let mut best = Reading::other(true);
        for variant in union.variants.iter().filter(|variant| is_meant(&variant.tags)) {
            let reading = self.shape(&variant.shape, node, Context::Perhaps);
            match (reading.is_other, &reading.unfit) {
                (false, None) => return reading,
                (false, Some(_)) if best.is_other => best = reading,
                (true, Some(_)) if best.unfit.is_none() => best = reading,
                _ => {}
            }
        }
        best
    }

    fn shape(&mut self, shape: &Shape, node: Node<'_>, context: Context) -> Reading {
        if context == Context::Given && !node.has_beyond_i64() || shape.nullable && node.is_null() {
            return Reading::default();
        }
        match &shape.ty {
            Type::Named(id) | Type::Boxed(id) => self.named(*id, node, context),
            Type::Integer(integer) => {
                let (least, most) = integer.bounds();
                let fits = |decimal: &Decimal| decimal.to_i128().is_some_and(|value| (least..=most).contains(&value));
                let is_whole = |text: &str| Decimal::parse(text).is_some_and(|decimal| decimal.is_integer());
                match node.number().is_some_and(|text| is_whole(&text)) {
                    true => Reading { is_other: false, unfit: number(node, fits) },
                    false => Reading::other(true),
                }
            }
            Type::Number => Reading::other(node.number().is_none()),
            Type::Any => Reading { is_other: false, unfit: any(node) },
            Type::List(item) | Type::Map(item) => {
                let is_list = matches!(shape.ty, Type::List(_));
                let is_other = if is_list { !node.is_array() } else { !node.is_object() };
                let mut reading = Reading::other(is_other);
                for (name, child) in node.children() {
                    let below = self.shape(item, child, context);
                    reading.add(&name, below);
                }
                reading
            }
            Type::Tuple(items) => {
                let children = node.children();
                let is_other = !node.is_array() || children.len() != items.len();
                let mut reading = Reading::other(is_other);
                for (item, (name, child)) in items.iter().zip(children) {
                    let below = self.shape(item, child, context);
                    reading.add(&name, below);
                }
                reading
            }
            Type::Text | Type::Uuid | Type::DateTime | Type::Date | Type::Bytes(_) => {
                Reading::other(node.text().is_none())
            }
            Type::Bool => Reading::other(node.boolean().is_none()),
            Type::Null => Reading::other(!node.is_null()),
        }
    }
}

impl Reading {
    fn other(is_other: bool) -> Self {
        Self { is_other, unfit: None }
    }

    /// Adds what came of reading a part.
    fn add(&mut self, name: &str, part: Self) {
        self.is_other |= part.is_other;
        if self.unfit.is_none() {
            self.unfit = part.unfit.map(|(pointer, text)| (crate::pointer::join("", name) + &pointer, text));
        }
    }
}

/// What a value of any type does not hold.
fn any(node: Node<'_>) -> Option<Unfit> {
    if !node.has_beyond_i64() {
        return None;
    }
    let is_held = |decimal: &Decimal| node.nearest().and_then(|text| Decimal::parse(&text)).as_ref() == Some(decimal);
    number(node, is_held).or_else(|| {
        node.children().into_iter().find_map(|(name, child)| {
            let (pointer, text) = any(child)?;
            Some((crate::pointer::join("", &name) + &pointer, text))
        })
    })
}

/// A number, unless it fits.
fn number(node: Node<'_>, fits: impl Fn(&Decimal) -> bool) -> Option<Unfit> {
    let text = node.number()?;
    let fits = Decimal::parse(&text).as_ref().is_some_and(fits);
    (!fits).then(|| (String::new(), text.into_owned()))
}
