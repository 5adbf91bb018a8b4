//! A type for each aggregate, which is one of its events: an enum, completed by a macro of the runtime.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::load::Loaded;
use crate::model::{Aggregate, Event};
use crate::shape::homes::AGGREGATES_MODULE;
use crate::shape::identifiers::{type_name, unique};

use super::docs::lines;
use super::layout::allowed;
use super::source::Source;
use super::types::{Types, field_ident};

/// The module of all aggregates; nothing where there are none.
pub(super) fn module(loaded: &Loaded, source: Source<'_>) -> TokenStream {
    let aggregates = loaded.catalogue.aggregates();
    if aggregates.is_empty() {
        return TokenStream::new();
    }
    let path = [AGGREGATES_MODULE.to_owned()];
    let types = Types::new(source, &path);
    let items = aggregates.iter().map(|aggregate| events_of(aggregate, source, &types));
    let (module, allowed) = (field_ident(AGGREGATES_MODULE), allowed());
    quote! {
        /// The events of each aggregate as one type.
        #allowed
        pub mod #module { #(#items)* }
    }
}

/// The enum of an aggregate's events, in their newest versions.
fn events_of(aggregate: &Aggregate<'_>, source: Source<'_>, types: &Types<'_>) -> TokenStream {
    let Source { program, runtime } = source;
    let path = |file: &str| program.root_of(file).map(|id| types.path(id));
    // No variant can have this name.
    let mut taken = HashSet::from(["Self".to_owned()]);
    let (mut docs, mut variants, mut payloads) = (Vec::new(), Vec::new(), Vec::new());
    for event in &aggregate.events {
        let Some(payload) = event.versions.last().and_then(|newest| path(&newest.file)) else { continue };
        docs.push(lines(&format!("`{}`", event.event_type)));
        variants.push(format_ident!("{}", variant(aggregate, event, &mut taken)));
        payloads.push(payload);
    }
    let versions = aggregate.events.iter().flat_map(|event| &event.versions).filter_map(|version| path(&version.file));
    let (name, subject) = (aggregate.name, aggregate.subject());
    let ident = format_ident!("{}Event", type_name(name));
    let doc = lines(&format!("An event of the aggregate `{name}`."));
    let complete = runtime.internal("aggregate_events");
    quote! {
        #doc
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum #ident { #(#docs #variants(#payloads),)* }
        #complete! {
            #ident, #name, #subject, [#(#versions),*];
            #(#variants(#payloads),)*
        }
    }
}

/// The name of an event among those of its aggregate: the last token of its type. Of several with the same one, the event of the group
/// that is called like the aggregate has it, whatever other groups add; the others have all of their types.
fn variant(aggregate: &Aggregate<'_>, event: &Event, taken: &mut HashSet<String>) -> String {
    let short = |event: &Event| type_name(event.event_type.rsplit('.').next().unwrap_or(&event.event_type));
    let is_at_home = |event: &Event| event.event_type.rsplit('.').nth(1) == Some(aggregate.name);
    let own = short(event);
    let rivals: Vec<&&Event> = aggregate.events.iter().filter(|other| short(other) == own).collect();
    let at_home = rivals.iter().filter(|other| is_at_home(other)).count();
    let has_short = rivals.len() == 1 || at_home == 1 && is_at_home(event);
    let name = if has_short { own } else { type_name(&event.event_type) };
    let name = unique(&name, |name| taken.contains(name));
    taken.insert(name.clone());
    name
}
