//! `impl Event` and `impl Reply` for the payloads, and the schemas they are checked against.

use std::collections::BTreeMap;

use heck::ToShoutySnakeCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::bundle::bundle;
use crate::load::Loaded;
use crate::model::{Event, Token, Version};
use crate::parallel;
use crate::shape::words::snake;
use crate::shape::{Id, Program};

use super::event_impl::{Check, EventImpl, Older, event_impl};
use super::layout::line;
use super::subjects::Subjects;
use super::types::{Types, field_ident};
use super::{Emitter, fields, raw_text};

/// The private module that holds every schema text. It is long, and nothing in it needs formatting.
pub(super) fn schemas(loaded: &Loaded) -> String {
    let versions = loaded.catalogue.events.iter().flat_map(|event| event.versions.iter().map(move |one| (event, one)));
    let files: Vec<(String, &String)> = versions
        .flat_map(|(event, version)| {
            let own = (schema_name(event, version, false), &version.file);
            let reply = version.reply.as_ref().map(|reply| (schema_name(event, version, true), reply));
            std::iter::once(own).chain(reply)
        })
        .collect();
    let constants = parallel::map(&files, |(name, file)| {
        let text = raw_text(&bundle(loaded, file).to_string());
        line(1, &format!("pub(super) const {name}: &str = {text};"))
    });
    let doc = "/// The schemas of all payloads, each with everything that it refers to.";
    format!("{doc}\nmod schemas {{\n{}}}\n", constants.concat())
}

fn schema_name(event: &Event, version: &Version, is_reply: bool) -> String {
    let steps: Vec<String> = event.event_type.split('.').map(|step| snake(step).to_shouty_snake_case()).collect();
    let reply = if is_reply { "_REPLY" } else { "" };
    format!("{}_{}_V{}{reply}", event.kind.as_str().to_uppercase(), steps.join("__"), version.number)
}

/// What makes a definition a payload.
pub(super) enum Payload<'a> {
    /// The version of an event at an index.
    Event(&'a Event, usize),
    /// The reply to a version.
    Reply(&'a Event, &'a Version),
}

/// The payloads of a catalogue by their definitions.
pub(super) fn payloads<'a>(loaded: &'a Loaded, program: &Program) -> BTreeMap<Id, Payload<'a>> {
    let mut payloads = BTreeMap::new();
    for event in &loaded.catalogue.events {
        for (index, version) in event.versions.iter().enumerate() {
            if let Some(id) = program.root_of(&version.file) {
                payloads.insert(id, Payload::Event(event, index));
            }
            if let Some(id) = version.reply.as_ref().and_then(|reply| program.root_of(reply)) {
                payloads.insert(id, Payload::Reply(event, version));
            }
        }
    }
    payloads
}

impl Emitter<'_> {
    /// What makes a definition an event or a reply; nothing for all others.
    pub(super) fn payload(&self, id: Id, subjects: &Subjects) -> TokenStream {
        match self.payloads.get(&id) {
            Some(Payload::Event(event, index)) => self.event(id, event, *index, subjects),
            Some(Payload::Reply(event, version)) => self.reply(id, event, version),
            None => TokenStream::new(),
        }
    }

    fn schema_path(&self, id: Id, event: &Event, version: &Version, is_reply: bool) -> TokenStream {
        let up = std::iter::repeat_n(quote!(super::), self.program.definitions[id].module.len());
        let name = format_ident!("{}", schema_name(event, version, is_reply));
        quote!(#(#up)* schemas::#name)
    }

    fn check(&self, id: Id) -> Check {
        if !self.program.gaps(id).is_empty() {
            return Check::Validator;
        }
        match (self.checked[id], self.program.spells_integers(id)) {
            (false, false) => Check::Type,
            (true, false) => Check::TypeAndChecks,
            (false, true) => Check::Draft4Type,
            (true, true) => Check::Draft4TypeAndChecks,
        }
    }

    fn event(&self, id: Id, event: &Event, index: usize, subjects: &Subjects) -> TokenStream {
        let version = &event.versions[index];
        let definition = &self.program.definitions[id];
        let older = index.checked_sub(1).and_then(|before| {
            let older = self.program.root_of(&event.versions[before].file)?;
            Some(Older {
                path: Types::new(self.source(), &definition.module).path(older),
                versions: event.versions[..index].iter().map(|version| version.number).collect(),
                derived: self.upcasts.is_derived(id),
            })
        });
        let template = version.template.as_ref().map(|template| {
            let properties = template.tokens.iter().filter_map(|token| match token {
                Token::Property(property) => fields::field_of(self.program, id, property),
                Token::Literal(_) => None,
            });
            let fields = properties.map(|field| {
                let name = field_ident(&field.name);
                quote!(#name)
            });
            (template, fields.collect())
        });
        let key = version.key.as_ref();
        event_impl(
            self.runtime,
            &EventImpl {
                name: &format_ident!("{}", definition.name),
                kind: event.kind,
                event_type: &event.event_type,
                version: version.number,
                subject: subjects.expression(event, &version.subject(event), definition.module.len()),
                template,
                schema: self.schema_path(id, event, version, false),
                key: key.and_then(|key| Some((key.as_str(), fields::key_field(self.program, id, key)?))),
                check: self.check(id),
                older,
            },
        )
    }

    fn reply(&self, id: Id, event: &Event, version: &Version) -> TokenStream {
        let name = format_ident!("{}", self.program.definitions[id].name);
        let schema = self.schema_path(id, event, version, true);
        let event_type = format!("{}.reply", event.event_type);
        let number = proc_macro2::Literal::u32_unsuffixed(version.number);
        let check = self.check(id);
        let judge = check.word();
        let (reply, complete) = (self.runtime.item("Reply"), self.runtime.internal("reply_payload"));
        quote! {
            impl #reply for #name {
                const SCHEMA: &'static str = #schema;

                #complete!(#name, #judge, #event_type, #number);
            }
        }
    }
}
