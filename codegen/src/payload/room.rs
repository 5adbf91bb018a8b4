//! Numbers that the schema accepts, and the generated type has no room for.
//!
//! `Event::decode` refuses them, and so does `validate`: an integer without bounds is an `i64`, and a value of any type holds
//! integers of 64 bits and doubles.

use std::sync::OnceLock;

use eventsmith_exact::{Decimal, Node};

use crate::load::Loaded;
use crate::lower::lower;
use crate::shape::{Body, Choice, Program, Shape, Type, Unknown};

/// The types of a catalogue, lowered when the first payload asks.
#[derive(Default)]
pub(super) struct Room(OnceLock<Program>);

impl Room {
    /// The pointer and text of a number in the payload of a schema file that its type does not hold.
    pub(super) fn unfit(&self, loaded: &Loaded, file: &str, node: Node<'_>) -> Option<(String, String)> {
        // Every integer type that is smaller says so by its bounds, which the schema has, too.
        if !node.has_beyond_i64() {
            return None;
        }
        let program = self.0.get_or_init(|| lower(loaded).0);
        named(program, program.root_of(file)?, node)
    }
}

/// A number that does not fit, and where.
type Unfit = (String, String);

fn named(program: &Program, id: usize, node: Node<'_>) -> Option<Unfit> {
    match &program.definitions[id].body {
        Body::Struct(body) => node.children().into_iter().find_map(|(name, child)| {
            let shape = match body.fields.iter().find(|field| field.property == name) {
                Some(field) => &field.shape,
                None => match &body.unknown {
                    Unknown::Kept(shape) => shape,
                    Unknown::Ignored | Unknown::Forbidden => return None,
                },
            };
            below(&name, unfit(program, shape, child))
        }),
        Body::Union(union) => {
            let tag = match &union.choice {
                Choice::Tag { property, .. } => node.member(property).and_then(|tag| tag.text()),
                Choice::One | Choice::Any => None,
            };
            let is_meant = |tags: &[String]| tag.is_none_or(|tag| tags.iter().any(|known| known == tag));
            let mut variants = union.variants.iter().filter(|variant| is_meant(&variant.tags)).peekable();
            let first = unfit(program, &variants.peek()?.shape, node);
            if variants.any(|variant| unfit(program, &variant.shape, node).is_none()) { None } else { first }
        }
        Body::Wrapper(shape) => unfit(program, shape, node),
        Body::Open | Body::Enum(_) | Body::Text(_) => number(node, |_| false),
    }
}

fn unfit(program: &Program, shape: &Shape, node: Node<'_>) -> Option<Unfit> {
    if !node.has_beyond_i64() {
        return None;
    }
    match &shape.ty {
        Type::Named(id) | Type::Boxed(id) => named(program, *id, node),
        Type::Integer(integer) => {
            let (least, most) = integer.bounds();
            number(node, |decimal| decimal.to_i128().is_some_and(|value| (least..=most).contains(&value)))
        }
        Type::Number => None,
        Type::Any => any(node),
        Type::List(item) | Type::Map(item) => {
            node.children().into_iter().find_map(|(name, child)| below(&name, unfit(program, item, child)))
        }
        Type::Tuple(items) => {
            let mut pairs = items.iter().zip(node.children());
            pairs.find_map(|(item, (name, child))| below(&name, unfit(program, item, child)))
        }
        Type::Text | Type::Uuid | Type::DateTime | Type::Date | Type::Bytes(_) | Type::Bool | Type::Null => {
            number(node, |_| false)
        }
    }
}

/// What a value of any type does not hold.
fn any(node: Node<'_>) -> Option<Unfit> {
    let is_held = |decimal: &Decimal| node.nearest().and_then(|text| Decimal::parse(&text)).as_ref() == Some(decimal);
    number(node, is_held).or_else(|| node.children().into_iter().find_map(|(name, child)| below(&name, any(child))))
}

/// A number, unless it fits.
fn number(node: Node<'_>, fits: impl Fn(&Decimal) -> bool) -> Option<Unfit> {
    let text = node.number()?;
    let fits = Decimal::parse(&text).as_ref().is_some_and(fits);
    (!fits).then(|| (String::new(), text.into_owned()))
}

fn below(name: &str, unfit: Option<Unfit>) -> Option<Unfit> {
    unfit.map(|(pointer, text)| (crate::pointer::join("", name) + &pointer, text))
}
