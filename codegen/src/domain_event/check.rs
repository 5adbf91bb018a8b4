//! Compares the fields of a struct with the properties of a schema: names, presence, evident types.

mod evident;
#[cfg(test)]
mod tests;
mod wanted;

use syn::ext::IdentExt;
use syn::{Ident, ItemStruct, Type};

use crate::emit::field_ident;
use crate::shape::{Body, Field as Property, Program, Struct, Unknown};

use super::errors::Errors;
use super::nearest::nearest;
use super::serde_attributes::{Container, SerdeField, rule_for};

use evident::Evident;
use wanted::{inner_mismatch, mismatch, wanted};

/// The schema that a struct is compared with.
pub(super) struct Against<'a> {
    pub(super) program: &'a Program,
    /// The type that the generator would write.
    pub(super) body: &'a Body,
    /// The schema's file, for messages.
    pub(super) file: &'a str,
}

/// A field of the struct with the name it has in JSON.
pub(super) struct StructField<'a> {
    pub(super) ident: &'a Ident,
    /// The property that it is written as.
    pub(super) property: String,
    ty: &'a Type,
    attributes: SerdeField,
}

impl StructField<'_> {
    /// Whether it is written as its type is, and always there.
    pub(super) fn is_plain(&self) -> bool {
        let SerdeField { flatten, writes_otherwise, conditional, skip_serializing, .. } = &self.attributes;
        !(*flatten || *writes_otherwise || *conditional || *skip_serializing)
    }
}

/// The fields of a struct that are properties; none where another type stands for it in JSON.
pub(super) fn fields<'a>(item: &'a ItemStruct, container: &Container) -> Vec<StructField<'a>> {
    if container.stands_in {
        return Vec::new();
    }
    let with_names = item.fields.iter().filter_map(|field| Some((field.ident.as_ref()?, field)));
    let fields = with_names.map(|(ident, field)| {
        let attributes = SerdeField::of(&field.attrs);
        let property = attributes.written_as(&ident.unraw().to_string(), container);
        StructField { ident, property, ty: &field.ty, attributes }
    });
    fields.filter(|field| !field.attributes.is_skipped()).collect()
}

/// Adds an error for every way in which the struct evidently disagrees with the schema.
pub(super) fn check(item: &ItemStruct, against: &Against<'_>, errors: &mut Errors) {
    let container = Container::of(&item.attrs);
    if container.stands_in {
        return;
    }
    let structure = match against.body {
        Body::Struct(structure) => structure,
        Body::Text(_) | Body::Enum(_) => {
            errors.at(&item.ident, format!("the payload of {} is a string, which no struct is", against.file));
            return;
        }
        // A map, a union or anything at all: the generated test checks it.
        Body::Union(_) | Body::Wrapper(_) | Body::Open => return,
    };
    let checker = StructChecker { against, structure, container: &container, fields: fields(item, &container) };
    checker.names(&item.ident, errors);
    checker.unknown_properties(&item.ident, errors);
    checker.defaults(&item.ident, errors);
    for (field, property) in checker.pairs() {
        checker.pair(field, property, errors);
    }
}

struct StructChecker<'a> {
    against: &'a Against<'a>,
    structure: &'a Struct,
    container: &'a Container,
    fields: Vec<StructField<'a>>,
}

impl StructChecker<'_> {
    /// The fields that are declared properties.
    fn pairs(&self) -> impl Iterator<Item = (&StructField<'_>, &Property)> {
        let named = self.fields.iter().filter(|field| !field.attributes.flatten && !field.attributes.conditional);
        named.filter_map(|field| Some((field, self.property(&field.property)?)))
    }

    fn property(&self, name: &str) -> Option<&Property> {
        self.structure.fields.iter().find(|property| property.property == name)
    }

    /// The declared properties that no field stands for.
    fn missing(&self) -> Vec<&Property> {
        let has_field = |name: &str| {
            self.container.tag.as_deref() == Some(name) || self.fields.iter().any(|field| field.property == name)
        };
        self.structure.fields.iter().filter(|property| !has_field(&property.property)).collect()
    }

    /// Properties without a field, and fields without a property.
    fn names(&self, name: &Ident, errors: &mut Errors) {
        let file = self.against.file;
        let mut missing = self.missing();
        for field in self.fields.iter().filter(|field| !field.attributes.flatten && !field.attributes.conditional) {
            let written = &field.property;
            if self.property(written).is_some() {
                continue;
            }
            let meant = nearest(written, missing.iter().map(|property| property.property.as_str())).first().copied();
            let ident = field.ident.unraw().to_string();
            let way_out = match meant {
                Some(meant) => match rule_for(&ident, meant) {
                    Some(rule) => format!(
                        "did you mean `{meant}`? write #[serde(rename_all = {rule:?})] on the struct, \
                         or #[serde(rename = {meant:?})] here"
                    ),
                    None => format!("did you mean `{meant}`?"),
                },
                None => {
                    "remove the field, or write #[serde(skip)], or declare the property in a new version".to_owned()
                }
            };
            errors.at(field.ident, format!("{file} has no property `{written}`; {way_out}"));
            // One mistake, one message: the property that was meant is not missing as well.
            missing.retain(|property| Some(property.property.as_str()) != meant);
        }
        if self.fields.iter().any(|field| field.attributes.flatten && !is_map(field.ty)) {
            // The members of another type may match; only the generated test can decide.
            return;
        }
        for property in missing {
            let field = self.declaration(property);
            errors.at(name, format!("the property `{}` of {file} has no field; add {field}", property.property));
        }
    }

    /// What to write for a property.
    fn declaration(&self, property: &Property) -> String {
        let (wanted, nullable) = wanted(self.against.program, &property.shape);
        let mut ty = wanted.rust(self.against.program);
        let is_nullable = nullable && !matches!(wanted, wanted::Wanted::Any | wanted::Wanted::Null);
        let is_maybe = is_nullable && !property.required;
        if is_maybe {
            ty = format!("eventsmith::Maybe<{ty}>");
        } else if is_nullable || !property.required {
            ty = format!("Option<{ty}>");
        }
        let rename = if property.name == property.property {
            String::new()
        } else {
            format!("#[serde(rename = {:?})] ", property.property)
        };
        let skip = match (property.required, is_maybe) {
            (true, _) => String::new(),
            (false, true) => format!("{OF_MAYBE} "),
            (false, false) => "#[serde(skip_serializing_if = \"Option::is_none\")] ".to_owned(),
        };
        format!("`{rename}{skip}{}: {ty}`", field_ident(&property.name))
    }

    fn unknown_properties(&self, name: &Ident, errors: &mut Errors) {
        if self.container.deny_unknown_fields && self.structure.unknown != Unknown::Forbidden {
            let file = self.against.file;
            let message = format!(
                "{file} accepts undeclared properties, and so must the struct; remove #[serde(deny_unknown_fields)]"
            );
            errors.at(name, message);
        }
    }

    /// A default of the whole struct is one of every field.
    fn defaults(&self, name: &Ident, errors: &mut Errors) {
        let required = self.pairs().find(|(_, property)| property.required);
        if let Some((_, property)) = required.filter(|_| self.container.default) {
            let (file, property) = (self.against.file, &property.property);
            let message = format!(
                "{file} requires `{property}`, which #[serde(default)] on the struct makes optional; write it on the fields that \
                 may be absent"
            );
            errors.at(name, message);
        }
    }

    fn pair(&self, field: &StructField<'_>, property: &Property, errors: &mut Errors) {
        let before = format!("the property `{}` of {}", property.property, self.against.file);
        let attributes = &field.attributes;
        if !attributes.skip_deserializing
            && !attributes.read_from(&field.ident.unraw().to_string(), self.container).contains(&property.property)
        {
            errors.at(field.ident, format!("{before} is written, but read under another name; give both the same one"));
        }
        let ty = self.presence(field, property, &before, errors);
        let evident = !attributes.reads_otherwise && !attributes.writes_otherwise;
        let compared = ty.filter(|_| evident).and_then(|ty| match Evident::of(field.ty) {
            Evident::Maybe(inner) => inner_mismatch(self.against.program, inner, &property.shape.not_null()),
            _ => mismatch(self.against.program, ty, &property.shape),
        });
        if let Some(mismatch) = compared {
            errors.at(mismatch.at, format!("{before} {}", mismatch.why));
        }
    }

    /// Checks that what may be absent may be absent, and returns the type that is left to compare.
    fn presence<'f>(
        &self,
        field: &'f StructField<'_>,
        property: &Property,
        before: &str,
        errors: &mut Errors,
    ) -> Option<&'f Type> {
        let attributes = &field.attributes;
        let (wanted, nullable) = wanted(self.against.program, &property.shape);
        let rust = wanted.rust(self.against.program);
        let has_default = attributes.default || self.container.default;
        let option = match Evident::of(field.ty) {
            Evident::Option(inner) => Some(inner),
            _ => None,
        };
        let skips_none = attributes.skip_serializing_if || self.container.skips_none && option.is_some();
        if property.required {
            if let Evident::Maybe(_) = Evident::of(field.ty) {
                let wanted = if nullable { format!("Option<{rust}>") } else { rust };
                errors.at(field.ty, format!("{before} is required, so that it is never absent; write `{wanted}`"));
                return None;
            }
            if option.is_some() && !nullable {
                errors.at(
                    field.ty,
                    format!("{before} is required and never null; write `{}`", inner_text(option, &rust)),
                );
                return None;
            }
            if attributes.skip_serializing || skips_none {
                errors
                    .at(field.ident, format!("{before} is required; it must not be skipped when the event is written"));
            } else if attributes.default {
                errors.at(
                    field.ident,
                    format!("{before} is required; remove #[serde(default)], which makes it optional"),
                );
            }
            return Some(field.ty);
        }
        if let Evident::Maybe(_) = Evident::of(field.ty) {
            let tells_apart = has_default && (attributes.skip_serializing_if || attributes.skip_serializing);
            if !nullable {
                errors.at(field.ty, format!("{before} may be absent, but not null; write `Option<{rust}>`"));
                return None;
            } else if !tells_apart {
                errors.at(field.ident, format!("{before} may be absent, which serde must be told; add {OF_MAYBE}"));
            }
            return Some(field.ty);
        }
        let Some(inner) = option else {
            // What is skipped under a condition may be an `Option` by another name.
            let may_be_alias = skips_none && matches!(Evident::of(field.ty), Evident::Unknown);
            if !has_default && !attributes.skip_deserializing && !may_be_alias {
                let message = format!("{before} is optional; write `Option<{}>`", wanted::text(field.ty));
                errors.at(field.ty, format!("{message} with #[serde(skip_serializing_if = \"Option::is_none\")]"));
            }
            return Some(field.ty);
        };
        if attributes.reads_otherwise && !has_default {
            let message =
                format!("{before} is optional, but a field that is read by a function of its own must be there");
            errors.at(field.ident, format!("{message}; add #[serde(default)]"));
        }
        let writes_null = !skips_none && !attributes.skip_serializing && !attributes.writes_otherwise;
        if writes_null && !nullable {
            let message = format!("{before} may be absent, but not null, and a `None` is written as null");
            errors.at(field.ident, format!("{message}; add #[serde(skip_serializing_if = \"Option::is_none\")]"));
        }
        let is_any = matches!(wanted, wanted::Wanted::Any | wanted::Wanted::Null);
        // To serde null and absence are the same None. The test decides where it is not evident that null is accepted.
        if nullable && !is_any && !attributes.reads_otherwise && !attributes.skip_deserializing {
            let message =
                format!("{before} may be absent and may be null, which is the same to `{}`", wanted::text(field.ty));
            errors.at(field.ty, format!("{message}; write `eventsmith::Maybe<{rust}>` with {OF_MAYBE}"));
            return None;
        }
        // Where any value is accepted, null may be within the type.
        let may_be_plain = nullable && !matches!(Evident::of(inner), Evident::Option(_));
        Some(if may_be_plain { field.ty } else { inner })
    }
}

/// What serde is told of a `Maybe`.
const OF_MAYBE: &str = "#[serde(default, skip_serializing_if = \"eventsmith::Maybe::is_absent\")]";

fn inner_text(option: Option<&Type>, fallback: &str) -> String {
    option.map_or_else(|| fallback.to_owned(), wanted::text)
}

fn is_map(ty: &Type) -> bool {
    match Evident::of(ty) {
        Evident::Map(_) => true,
        Evident::Option(inner) => is_map(inner),
        _ => false,
    }
}
