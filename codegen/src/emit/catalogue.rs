//! The catalogue as data: events, streams, services.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use toml::Spanned;

use crate::load::Loaded;
use crate::manifest::{Consumer, Deliver, Discard, Retention, Storage, Stream};

use super::Source;
use super::layout::line;
use super::runtime::Runtime;
use super::types::Types;

/// `CATALOGUE`, `STREAMS` and `SERVICES`.
pub(super) fn constants(loaded: &Loaded, source: Source<'_>) -> TokenStream {
    let Source { program, runtime } = source;
    let types = Types::new(source, &[]);
    let event = runtime.item("EventDescriptor");
    let (stream_type, service_type) = (runtime.item("StreamDescriptor"), runtime.item("ServiceDescriptor"));
    let path = |file: &str| program.root_of(file).map(|id| types.path(id));
    let versions = loaded.catalogue.events.iter().flat_map(|event| &event.versions);
    let descriptors = versions.filter_map(|version| {
        let payload = path(&version.file)?;
        let reply = version.reply.as_ref().and_then(|reply| path(reply));
        let reply = reply.map(|reply| quote!(.with_reply::<#reply>()));
        Some(quote!(#event::of::<#payload>() #reply,))
    });
    let streams = loaded.catalogue.manifest.streams.iter().map(|(name, body)| stream(runtime, name.get_ref(), body));
    let services = loaded.catalogue.manifest.services.iter().map(|(name, service)| {
        let name = name.get_ref();
        let publishes = texts(&service.publishes);
        let consumes = texts(&service.consumes);
        let handles = texts(&service.handles);
        let consumer = consumer(runtime, &service.consumer);
        quote! {
            #service_type {
                name: #name, publishes: #publishes, consumes: #consumes, handles: #handles, consumer: #consumer,
            },
        }
    });
    quote! {
        /// Every version of every event.
        pub const CATALOGUE: &[#event] = &[#(#descriptors)*];

        /// The streams that the catalogue declares.
        pub const STREAMS: &[#stream_type] = &[#(#streams)*];

        /// The services that the catalogue declares.
        pub const SERVICES: &[#service_type] = &[#(#services)*];
    }
}

/// The test that what is stored can be read: one line for each event that has examples.
pub(super) fn stored_payloads(loaded: &Loaded, source: Source<'_>) -> String {
    let Source { program, runtime } = source;
    let types = Types::new(source, &[]);
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
    let stored = runtime.internal_text("stored_payloads");
    format!("\n{stored}! {{\n    CATALOGUE;\n{}}}\n", lines.concat())
}

fn stream(runtime: &Runtime, name: &str, stream: &Stream) -> TokenStream {
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
    let descriptor = runtime.item("StreamDescriptor");
    let (storage_type, retention_type) = (runtime.item("Storage"), runtime.item("Retention"));
    let discard_type = runtime.item("Discard");
    quote! {
        #descriptor {
            name: #name,
            description: #description,
            subjects: #subjects,
            storage: #storage_type::#storage,
            retention: #retention_type::#retention,
            max_age: #max_age,
            max_bytes: #max_bytes,
            max_messages: #max_messages,
            replicas: #replicas,
            duplicate_window: #duplicate_window,
            discard: #discard_type::#discard,
            atomic: #atomic,
        },
    }
}

/// What is said of a service's consumers, beside the default for the rest.
fn consumer(runtime: &Runtime, consumer: &Consumer) -> TokenStream {
    let (descriptor, from) = (runtime.item("ConsumerDescriptor"), runtime.item("DeliverFrom"));
    let ack_wait = consumer.ack_wait.map(duration).map(|wait| quote!(ack_wait: #wait,));
    let max_ack_pending =
        consumer.max_ack_pending.map(Literal::u32_unsuffixed).map(|max| quote!(max_ack_pending: #max,));
    let max_deliver = consumer.max_deliver.map(Literal::u32_unsuffixed).map(|max| quote!(max_deliver: #max,));
    let deliver = (consumer.deliver == Deliver::New).then(|| quote!(deliver: #from::New,));
    let ordered = consumer.ordered.then(|| quote!(ordered: true,));
    let said = quote!(#ack_wait #max_ack_pending #max_deliver #deliver #ordered);
    if said.is_empty() {
        return quote!(#descriptor::DEFAULT);
    }
    quote!(#descriptor { #said ..#descriptor::DEFAULT })
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
