//! The catalogue as data: events, streams, services.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use toml::Spanned;

use crate::load::Loaded;
use crate::manifest::{Consumer, Deliver, Discard, Retention, Storage, Stream};
use crate::shape::Program;

use super::layout::line;
use super::types::Types;

/// `CATALOGUE`, `STREAMS` and `SERVICES`.
pub(super) fn constants(loaded: &Loaded, program: &Program) -> TokenStream {
    let types = Types::new(program, &[]);
    let path = |file: &str| program.root_of(file).map(|id| types.path(id));
    let versions = loaded.catalogue.events.iter().flat_map(|event| &event.versions);
    let descriptors = versions.filter_map(|version| {
        let payload = path(&version.file)?;
        let reply = version.reply.as_ref().and_then(|reply| path(reply));
        let reply = reply.map(|reply| quote!(.with_reply::<#reply>()));
        Some(quote!(::eventsmith::EventDescriptor::of::<#payload>() #reply,))
    });
    let streams = loaded.catalogue.manifest.streams.iter().map(|(name, body)| stream(name.get_ref(), body));
    let services = loaded.catalogue.manifest.services.iter().map(|(name, service)| {
        let name = name.get_ref();
        let publishes = texts(&service.publishes);
        let consumes = texts(&service.consumes);
        let handles = texts(&service.handles);
        let consumer = consumer(&service.consumer);
        quote! {
            ::eventsmith::ServiceDescriptor {
                name: #name, publishes: #publishes, consumes: #consumes, handles: #handles, consumer: #consumer,
            },
        }
    });
    quote! {
        /// Every version of every event.
        pub const CATALOGUE: &[::eventsmith::EventDescriptor] = &[#(#descriptors)*];

        /// The streams that the catalogue declares.
        pub const STREAMS: &[::eventsmith::StreamDescriptor] = &[#(#streams)*];

        /// The services that the catalogue declares.
        pub const SERVICES: &[::eventsmith::ServiceDescriptor] = &[#(#services)*];
    }
}

/// The test that what is stored can be read: one line for each event that has examples.
pub(super) fn stored_payloads(loaded: &Loaded, program: &Program) -> String {
    let types = Types::new(program, &[]);
    let has_examples = |file: &String| {
        let schema = loaded.catalogue.documents.get(file).map(|document| &document.schema);
        schema.and_then(|schema| schema.get("examples")?.as_array()).is_some_and(|examples| !examples.is_empty())
    };
    let events = loaded.catalogue.events.iter().filter(|event| {
        let files = event.versions.iter().flat_map(|version| std::iter::once(&version.file).chain(&version.reply));
        files.into_iter().any(has_examples)
    });
    let newest = events.filter_map(|event| program.root_of(&event.versions.last()?.file));
    let lines: Vec<String> =
        newest.map(|id| line(1, &format!("{},", types.path(id).to_string().replace(' ', "")))).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("\n::eventsmith::stored_payloads! {{\n    CATALOGUE;\n{}}}\n", lines.concat())
}

fn stream(name: &str, stream: &Stream) -> TokenStream {
    let description = &stream.description;
    let subjects = texts(&stream.subjects);
    let storage = format_ident!(
        "{}",
        match stream.storage {
            Storage::File => "File",
            Storage::Memory => "Memory",
        }
    );
    let retention = format_ident!(
        "{}",
        match stream.retention {
            Retention::Limits => "Limits",
            Retention::Interest => "Interest",
            Retention::WorkQueue => "WorkQueue",
        }
    );
    let max_age = option(stream.max_age.map(duration));
    let max_bytes = option(stream.max_bytes.map(|bytes| number(Literal::u64_unsuffixed(bytes))));
    let max_messages = option(stream.max_messages.map(|count| number(Literal::u64_unsuffixed(count))));
    let replicas = Literal::u8_unsuffixed(stream.replicas);
    let discard = format_ident!("{}", if stream.discard == Discard::New { "New" } else { "Old" });
    let atomic = stream.atomic;
    let duplicate_window = duration(stream.duplicate_window.unwrap_or(std::time::Duration::from_secs(120)));
    quote! {
        ::eventsmith::StreamDescriptor {
            name: #name,
            description: #description,
            subjects: #subjects,
            storage: ::eventsmith::Storage::#storage,
            retention: ::eventsmith::Retention::#retention,
            max_age: #max_age,
            max_bytes: #max_bytes,
            max_messages: #max_messages,
            replicas: #replicas,
            duplicate_window: #duplicate_window,
            discard: ::eventsmith::Discard::#discard,
            atomic: #atomic,
        },
    }
}

/// What is said of a service's consumers, beside the default for the rest.
fn consumer(consumer: &Consumer) -> TokenStream {
    let ack_wait = consumer.ack_wait.map(duration).map(|wait| quote!(ack_wait: #wait,));
    let max_ack_pending =
        consumer.max_ack_pending.map(Literal::u32_unsuffixed).map(|max| quote!(max_ack_pending: #max,));
    let max_deliver = consumer.max_deliver.map(Literal::u32_unsuffixed).map(|max| quote!(max_deliver: #max,));
    let deliver = (consumer.deliver == Deliver::New).then(|| quote!(deliver: ::eventsmith::DeliverFrom::New,));
    let ordered = consumer.ordered.then(|| quote!(ordered: true,));
    let said = quote!(#ack_wait #max_ack_pending #max_deliver #deliver #ordered);
    if said.is_empty() {
        return quote!(::eventsmith::ConsumerDescriptor::DEFAULT);
    }
    quote!(::eventsmith::ConsumerDescriptor { #said ..::eventsmith::ConsumerDescriptor::DEFAULT })
}

fn texts(values: &[Spanned<String>]) -> TokenStream {
    let values = values.iter().map(Spanned::get_ref);
    quote!(&[#(#values),*])
}

fn duration(duration: std::time::Duration) -> TokenStream {
    if duration.subsec_millis() == 0 {
        let seconds = Literal::u64_unsuffixed(duration.as_secs());
        quote!(::std::time::Duration::from_secs(#seconds))
    } else {
        let milliseconds = Literal::u128_unsuffixed(duration.as_millis());
        quote!(::std::time::Duration::from_millis(#milliseconds))
    }
}

fn number(literal: Literal) -> TokenStream {
    quote!(#literal)
}

fn option(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(|| quote!(None), |value| quote!(Some(#value)))
}
