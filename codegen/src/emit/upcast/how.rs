//! How values of one type become values of another, as expressions.

use proc_macro2::{TokenStream, TokenTree};
use quote::{format_ident, quote};

use crate::shape::{Body, Id, Integer, Shape, Type};

use super::derivation::Derivation;
use crate::emit::types::Types;
use crate::emit::values;

/// How a value becomes another.
pub(super) enum How {
    /// It is the same.
    Same,
    /// By a function.
    Function(TokenStream),
    /// By `into`.
    Into,
    /// By an expression around the place where it stands.
    Around(Box<dyn Fn(TokenStream) -> TokenStream>),
}

impl How {
    /// The new value of an old one at a place.
    pub(super) fn on(&self, place: TokenStream) -> TokenStream {
        match self {
            Self::Same => place,
            Self::Function(function) => quote!(#function(#place)),
            Self::Into => match place.clone().into_iter().next() {
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => quote!((#place).into()),
                _ => quote!(#place.into()),
            },
            Self::Around(around) => around(place),
        }
    }

    /// The same for what an `Option` may hold.
    pub(super) fn in_option(self) -> Self {
        if matches!(self, Self::Same) {
            return Self::Same;
        }
        let function = self.function();
        Self::Around(Box::new(move |place| quote!(#place.map(#function))))
    }

    /// The same, and then in `Some`.
    pub(super) fn some(self) -> Self {
        if matches!(self, Self::Same) {
            return Self::Function(quote!(Some));
        }
        Self::then(self, |value| quote!(Some(#value)))
    }

    fn then(self, last: impl Fn(TokenStream) -> TokenStream + 'static) -> Self {
        Self::Around(Box::new(move |place| last(self.on(place))))
    }

    fn function(&self) -> TokenStream {
        match self {
            Self::Function(function) => function.clone(),
            Self::Into => quote!(Into::into),
            Self::Same | Self::Around(_) => {
                let value = self.on(quote!(value));
                quote!(|value| #value)
            }
        }
    }
}

/// Whether an expression costs nothing, so that it need not wait until it is wanted.
pub(super) fn is_literal(expression: &TokenStream) -> bool {
    !expression.clone().into_iter().any(|token| matches!(token, TokenTree::Group(_)))
}

/// Whether an expression is what the type has for `Default`, as far as that is made by a call.
pub(super) fn is_natural(expression: &TokenStream) -> bool {
    let text = expression.to_string().replace(' ', "");
    ["Vec::new()", "::std::collections::BTreeMap::new()", "String::from(\"\")"].contains(&text.as_str())
}

impl Derivation<'_> {
    /// How values of one shape become values of another, in the text of a module; `None` where the types cannot say.
    pub(super) fn shape(&mut self, from: &Shape, into: &Shape, module: &[String]) -> Option<How> {
        let how = self.ty(from, into, module)?;
        match (from.nullable, into.nullable) {
            (false, false) => Some(how),
            (true, true) => Some(how.in_option()),
            (false, true) => Some(how.some()),
            (true, false) => None,
        }
    }

    fn ty(&mut self, from: &Shape, into: &Shape, module: &[String]) -> Option<How> {
        Some(match (&from.ty, &into.ty) {
            (one, other) if one == other => How::Same,
            (Type::Boxed(one), other) => {
                let unboxed = Type::Named(*one);
                // Parentheses are for what is called on it.
                match self.bare(&unboxed, other, module)? {
                    How::Same => How::Around(Box::new(|place| quote!(*#place))),
                    How::Function(function) => How::Around(Box::new(move |place| quote!(#function(*#place)))),
                    how => How::Around(Box::new(move |place| how.on(quote!((*#place))))),
                }
            }
            (one, Type::Boxed(other)) => {
                self.bare(one, &Type::Named(*other), module)?.then(|value| quote!(Box::new(#value)))
            }
            (Type::Named(one), _) if self.wrapped(*one).is_some() && !self.is_wrapper(&into.ty) => {
                let inner = self.wrapped(*one)?;
                let how = self.shape(&inner, &Shape::of(into.ty.clone()), module)?;
                How::Around(Box::new(move |place| how.on(quote!(#place.0))))
            }
            (_, Type::Named(other)) if self.wrapped(*other).is_some() && !self.is_wrapper(&from.ty) => {
                let inner = self.wrapped(*other)?;
                let path = Types::new(self.source, module).path(*other);
                let from = Shape { nullable: false, ..from.clone() };
                match self.shape(&from, &inner, module)? {
                    How::Same => How::Function(path),
                    how => how.then(move |value| quote!(#path(#value))),
                }
            }
            (Type::Named(one), Type::Named(other)) => {
                self.convert(*one, *other)?;
                How::Into
            }
            (Type::Named(one), Type::Text) => match &self.source.program.definitions[*one].body {
                Body::Text(_) | Body::Enum(_) => How::Into,
                _ => return None,
            },
            (Type::Text, Type::Named(other)) => self.named_text(from, *other, module)?,
            (Type::Uuid, Type::Text) if from.checks.is_empty() => {
                How::Around(Box::new(|place| quote!(#place.to_string())))
            }
            (_, Type::Bytes(encoding)) => {
                let of = self.source.runtime.item(encoding.type_path());
                match self.bare(&from.ty, &Type::Text, module)? {
                    // It takes whatever becomes a text.
                    How::Same | How::Into => How::Function(quote!(#of::from_text)),
                    how => how.then(move |text| quote!(#of::from_text(#text))),
                }
            }
            (Type::DateTime | Type::Date | Type::Bytes(_), Type::Text) => {
                How::Around(Box::new(|place| quote!(#place.to_string())))
            }
            (Type::Integer(one), Type::Integer(other)) if widens(*one, *other) => How::Into,
            (Type::Integer(_), Type::Number) => How::Into,
            (Type::List(one), Type::List(other)) => match self.shape(one, other, module)? {
                How::Same => How::Same,
                how => {
                    let function = how.function();
                    How::Around(Box::new(move |place| quote!(#place.into_iter().map(#function).collect())))
                }
            },
            (Type::Map(one), Type::Map(other)) => match self.shape(one, other, module)? {
                How::Same => How::Same,
                how => {
                    let value = how.on(quote!(value));
                    How::Around(Box::new(
                        move |place| quote!(#place.into_iter().map(|(name, value)| (name, #value)).collect()),
                    ))
                }
            },
            (Type::Tuple(one), Type::Tuple(other)) if one.len() == other.len() => self.tuple(one, other, module)?,
            _ => return None,
        })
    }

    fn bare(&mut self, from: &Type, into: &Type, module: &[String]) -> Option<How> {
        self.ty(&Shape::of(from.clone()), &Shape::of(into.clone()), module)
    }

    fn tuple(&mut self, from: &[Shape], into: &[Shape], module: &[String]) -> Option<How> {
        let pairs = from.iter().zip(into);
        let all = pairs.map(|(one, other)| self.shape(one, other, module)).collect::<Option<Vec<_>>>()?;
        if all.iter().all(|how| matches!(how, How::Same)) {
            return Some(How::Same);
        }
        let names: Vec<_> = (0..all.len()).map(|at| format_ident!("item{}", at)).collect();
        let values: Vec<_> = all.iter().zip(&names).map(|(how, name)| how.on(quote!(#name))).collect();
        Some(How::Around(Box::new(move |place| {
            quote!({
                let (#(#names,)*) = #place;
                (#(#values,)*)
            })
        })))
    }

    /// A text becomes a type of text where every such text is legal. Only the module of the type can take it unchecked.
    fn named_text(&self, from: &Shape, into: Id, module: &[String]) -> Option<How> {
        let definition = &self.source.program.definitions[into];
        let is_text = matches!(definition.body, Body::Text(_)) && definition.module == module;
        if !is_text || !values::contains(self.source.program, into, from) {
            return None;
        }
        Some(How::Function(Types::new(self.source, module).path(into)))
    }

    fn wrapped(&self, id: Id) -> Option<Shape> {
        match &self.source.program.definitions[id].body {
            Body::Wrapper(shape) => Some(shape.clone()),
            _ => None,
        }
    }

    fn is_wrapper(&self, ty: &Type) -> bool {
        matches!(ty, Type::Named(id) if self.wrapped(*id).is_some())
    }
}

fn widens(from: Integer, into: Integer) -> bool {
    use Integer::{I32, I64, U8, U16, U32, U64};
    matches!(
        (from, into),
        (U8, U16 | U32 | U64 | I32 | I64) | (U16, U32 | U64 | I32 | I64) | (U32, U64 | I64) | (I32, I64)
    )
}
