//! What serde's attributes say about names, presence and types. Mistakes in them are serde's to report.

use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Path, Token};

/// The attributes of a struct.
#[derive(Debug, Default)]
pub(super) struct Container {
    /// `rename_all` for writing and for reading.
    rename_all: (Option<String>, Option<String>),
    /// Absent fields have a default.
    pub(super) default: bool,
    /// Undeclared properties are refused when reading.
    pub(super) deny_unknown_fields: bool,
    /// No `None` is written: `#[skip_serializing_none]` of serde_with.
    pub(super) skips_none: bool,
    /// The name of a property that serde adds.
    pub(super) tag: Option<String>,
    /// Another type stands for this one in JSON, or attributes depend on the configuration of the build, so that the fields say nothing.
    pub(super) stands_in: bool,
}

/// The attributes of a field.
#[derive(Debug, Default)]
pub(super) struct SerdeField {
    rename: (Option<String>, Option<String>),
    aliases: Vec<String>,
    /// Absent, it has a default.
    pub(super) default: bool,
    /// Never written.
    pub(super) skip_serializing: bool,
    /// Never read.
    pub(super) skip_deserializing: bool,
    /// Not always written.
    pub(super) skip_serializing_if: bool,
    /// Its own members stand in the payload instead of it.
    pub(super) flatten: bool,
    /// Read by a function of its own.
    pub(super) reads_otherwise: bool,
    /// Written by a function of its own.
    pub(super) writes_otherwise: bool,
    /// There or different depending on the configuration of the build.
    pub(super) conditional: bool,
}

impl Container {
    pub(super) fn of(attributes: &[Attribute]) -> Self {
        let mut container = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("serde") {
                // What cannot be parsed is reported by serde's derive, at the same place.
                let _ = attribute.parse_nested_meta(|meta| container.take(&meta));
            }
            container.skips_none |= is_called(attribute, "skip_serializing_none");
            container.stands_in |= is_under_a_condition(attribute, |path| path.is_ident("serde"));
        }
        container
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        match name(meta).as_str() {
            "rename_all" => self.rename_all = both_ways(meta)?,
            "default" => {
                self.default = true;
                skip_value(meta)?;
            }
            "deny_unknown_fields" => self.deny_unknown_fields = true,
            "tag" => self.tag = text(meta)?,
            "from" | "try_from" | "into" | "remote" | "transparent" => {
                self.stands_in = true;
                skip_value(meta)?;
            }
            _ => skip_value(meta)?,
        }
        Ok(())
    }
}

impl SerdeField {
    pub(super) fn of(attributes: &[Attribute]) -> Self {
        let mut field = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("serde") {
                let _ = attribute.parse_nested_meta(|meta| field.take(&meta));
            }
            // serde_with makes of it what reads and writes the field.
            let otherwise = is_called(attribute, "serde_as");
            (field.reads_otherwise, field.writes_otherwise) =
                (field.reads_otherwise || otherwise, field.writes_otherwise || otherwise);
            // What schemars is told in tests only changes no field.
            field.conditional |=
                attribute.path().is_ident("cfg") || is_under_a_condition(attribute, |path| !path.is_ident("schemars"));
        }
        field
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        match name(meta).as_str() {
            "rename" => {
                self.rename = both_ways(meta)?;
                return Ok(());
            }
            "alias" => {
                self.aliases.extend(text(meta)?);
                return Ok(());
            }
            "default" => self.default = true,
            "skip" => (self.skip_serializing, self.skip_deserializing) = (true, true),
            "skip_serializing" => self.skip_serializing = true,
            "skip_deserializing" => self.skip_deserializing = true,
            "skip_serializing_if" => self.skip_serializing_if = true,
            "flatten" => self.flatten = true,
            "with" => (self.reads_otherwise, self.writes_otherwise) = (true, true),
            "deserialize_with" => self.reads_otherwise = true,
            "serialize_with" => self.writes_otherwise = true,
            _ => {}
        }
        skip_value(meta)
    }

    /// Whether the field is no property at all.
    pub(super) fn is_skipped(&self) -> bool {
        self.skip_serializing && self.skip_deserializing
    }

    /// The property that the field is written as.
    pub(super) fn written_as(&self, ident: &str, container: &Container) -> String {
        self.rename.0.clone().unwrap_or_else(|| renamed(ident, container.rename_all.0.as_deref()))
    }

    /// The properties that the field is read from.
    pub(super) fn read_from(&self, ident: &str, container: &Container) -> Vec<String> {
        let own = self.rename.1.clone().unwrap_or_else(|| renamed(ident, container.rename_all.1.as_deref()));
        std::iter::once(own).chain(self.aliases.iter().cloned()).collect()
    }
}

/// Whether an attribute has a name, by whatever path.
fn is_called(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == name)
}

/// Whether an attribute brings others under a condition, of which one is of a kind.
fn is_under_a_condition(attribute: &Attribute, is_meant: impl Fn(&Path) -> bool) -> bool {
    if !attribute.path().is_ident("cfg_attr") {
        return false;
    }
    let parts = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    parts.map_or(true, |parts| {
        parts.iter().skip(1).any(|part| is_meant(part.path()) || part.path().is_ident("cfg_attr"))
    })
}

fn name(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

/// The text of `name = "text"`; nothing for `name = expression`.
fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<String>> {
    match meta.value()?.parse::<Expr>()? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(Some(text.value())),
        _ => Ok(None),
    }
}

/// `name = "text"`, or `name(serialize = "text", deserialize = "text")`.
fn both_ways(meta: &ParseNestedMeta<'_>) -> syn::Result<(Option<String>, Option<String>)> {
    if meta.input.peek(Token![=]) {
        let text = text(meta)?;
        return Ok((text.clone(), text));
    }
    let mut both = (None, None);
    meta.parse_nested_meta(|way| {
        let text: LitStr = way.value()?.parse()?;
        if way.path.is_ident("serialize") {
            both.0 = Some(text.value());
        } else {
            both.1 = Some(text.value());
        }
        Ok(())
    })?;
    Ok(both)
}

fn skip_value(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in meta.input);
        content.parse::<proc_macro2::TokenStream>()?;
    }
    Ok(())
}

/// A field's name by one of serde's rules (serde_derive, `RenameRule::apply_to_field`).
fn renamed(ident: &str, rule: Option<&str>) -> String {
    let pascal = || {
        let words = ident.split('_').map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
        });
        words.collect::<String>()
    };
    match rule {
        Some("UPPERCASE" | "SCREAMING_SNAKE_CASE") => ident.to_ascii_uppercase(),
        Some("PascalCase") => pascal(),
        Some("camelCase") => {
            let pascal = pascal();
            let mut letters = pascal.chars();
            letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
        }
        Some("kebab-case") => ident.replace('_', "-"),
        Some("SCREAMING-KEBAB-CASE") => ident.to_ascii_uppercase().replace('_', "-"),
        _ => ident.to_owned(),
    }
}

/// The rule, if any, that makes a field's name the name of a property.
pub(super) fn rule_for(ident: &str, property: &str) -> Option<&'static str> {
    const RULES: &[&str] = &["camelCase", "PascalCase", "kebab-case", "SCREAMING_SNAKE_CASE", "SCREAMING-KEBAB-CASE"];
    RULES.iter().find(|rule| renamed(ident, Some(rule)) == property).copied()
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn names(container: &[Attribute], field: &[Attribute], ident: &str) -> (String, Vec<String>) {
        let (container, field) = (Container::of(container), SerdeField::of(field));
        (field.written_as(ident, &container), field.read_from(ident, &container))
    }

    #[test]
    fn a_field_is_named_by_its_struct_unless_it_says_otherwise() {
        let camel: Attribute = parse_quote!(#[serde(bound(serialize = "T: X"), rename_all = "camelCase")]);

        assert_eq!(names(std::slice::from_ref(&camel), &[], "rule_id").0, "ruleId");
        assert_eq!(names(&[camel], &[parse_quote!(#[serde(default = "f", rename = "id")])], "rule_id").0, "id");
    }

    #[test]
    fn reading_and_writing_may_differ() {
        let field: Attribute = parse_quote!(#[serde(rename(serialize = "a", deserialize = "b"), alias = "c")]);

        assert_eq!(names(&[], &[field], "x"), ("a".to_owned(), vec!["b".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn every_rule_of_serde_is_known() {
        let rules = ["UPPERCASE", "PascalCase", "camelCase", "kebab-case", "SCREAMING-KEBAB-CASE", "snake_case"];

        let names = rules.map(|rule| renamed("rule_id", Some(rule)));

        assert_eq!(names, ["RULE_ID", "RuleId", "ruleId", "rule-id", "RULE-ID", "rule_id"]);
    }
}
