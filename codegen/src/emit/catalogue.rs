//! The catalogue as data: events, streams, buckets, services.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use toml::Spanned;

use crate::load::Loaded;
use crate::manifest::{Bucket, Consumer, Deliver, Discard, Retention, Storage, Stream};
use crate::model::{Kind, Usage, Version, VersionPart};

use super::layout::line;
use super::literal::duration;
use super::runtime::Runtime;
use super::source::Source;
use super::types::Types;

/// `CATALOGUE`, `STREAMS`, `BUCKETS` and `SERVICES`.
pub(super) fn constants(loaded: &Loaded, source: Source<'_>) -> TokenStream {
    let Source { program, runtime } = source;
    let types = Types::new(source, &[]);
    let event = runtime.catalogue("EventDescriptor");
    let (stream_type, service_type) = (runtime.catalogue("StreamDescriptor"), runtime.catalogue("ServiceDescriptor"));
    let bucket_type = runtime.catalogue("BucketDescriptor");
    let path = |file: &str| program.root_of(file).map(|id| types.path(id));
    let descriptors = loaded.catalogue.versions().filter_map(|(of, version)| {
        let payload = path(&version.file)?;
        let of = format_ident!("{}", descriptor_of(of.kind));
        let answers = VersionPart::ANSWERS.into_iter().filter_map(|part| {
            let (setter, answer) = (format_ident!("with_{}", part.as_str()), path(version.part(part)?)?);
            Some(quote!(.#setter::<#answer>()))
        });
        Some(quote!(#event::#of::<#payload>() #(#answers)*,))
    });
    let streams = loaded
        .catalogue
        .manifest
        .streams
        .iter()
        .map(|(name, body)| stream(runtime, name.get_ref(), body, loaded.catalogue.holds_aggregates(body)));
    let buckets = loaded.catalogue.manifest.buckets.iter().map(|(name, body)| bucket(runtime, name.get_ref(), body));
    let services = loaded.catalogue.manifest.services.iter().map(|(name, service)| {
        let name = name.get_ref();
        let roles = [
            ("publishes", &service.publishes),
            ("consumes", &service.consumes),
            ("handles", &service.handles),
            ("asks", &service.asks),
            ("runs", &service.runs),
        ];
        let roles = roles.map(|(setter, types)| with(setter, (!types.is_empty()).then(|| texts(types))));
        let consumer = consumer(runtime, &service.consumer);
        quote! {
            #service_type::new(#name) #(#roles)* #consumer,
        }
    });
    quote! {
        /// Every version of every event, request and document.
        #[allow(dead_code, clippy::allow_attributes, reason = "not everybody needs it")]
        pub const CATALOGUE: &[#event] = &[#(#descriptors)*];

        /// The streams that the catalogue declares.
        #[allow(dead_code, clippy::allow_attributes, reason = "not everybody needs it")]
        pub const STREAMS: &[#stream_type] = &[#(#streams)*];

        /// The key-value buckets that the catalogue declares.
        #[allow(dead_code, clippy::allow_attributes, reason = "not everybody needs it")]
        pub const BUCKETS: &[#bucket_type] = &[#(#buckets)*];

        /// The services that the catalogue declares.
        #[allow(dead_code, clippy::allow_attributes, reason = "not everybody needs it")]
        pub const SERVICES: &[#service_type] = &[#(#services)*];
    }
}

/// How a payload of a kind is described.
fn descriptor_of(kind: Kind) -> &'static str {
    match kind.usage() {
        Usage::Event => "of",
        Usage::Request => "of_request",
        Usage::Document => "of_state",
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
    let events =
        loaded.catalogue.events.iter().filter(|event| event.versions.iter().flat_map(Version::files).any(has_examples));
    let newest = events.filter_map(|event| Some((event.kind, program.root_of(&event.versions.last()?.file)?)));
    let lines: Vec<String> = newest
        .map(|(kind, id)| line(1, &format!("{} {},", descriptor_of(kind), types.path(id).to_string().replace(' ', ""))))
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let stored = runtime.internal_text("stored_payloads");
    format!("\n{stored}! {{\n    CATALOGUE;\n{}}}\n", lines.concat())
}

/// A stream: its name and subjects, and whatever is not the default.
fn stream(runtime: &Runtime, name: &str, stream: &Stream, holds_aggregates: bool) -> TokenStream {
    let descriptor = runtime.catalogue("StreamDescriptor");
    let variant = |enumeration: &str, name: &str| variant(runtime, enumeration, name);
    let retention = match stream.retention {
        Retention::Limits => None,
        Retention::Interest => Some(variant("Retention", "Interest")),
        Retention::WorkQueue => Some(variant("Retention", "WorkQueue")),
    };
    let description = &stream.description;
    let setters = [
        ("description", (!description.is_empty()).then(|| quote!(#description))),
        ("storage", storage(runtime, stream.storage)),
        ("retention", retention),
        ("max_age", stream.max_age.map(duration)),
        ("max_bytes", stream.max_bytes.map(|bytes| number(Literal::u64_unsuffixed(bytes)))),
        ("max_messages", stream.max_messages.map(|count| number(Literal::u64_unsuffixed(count)))),
        ("replicas", (stream.replicas != 1).then(|| number(Literal::u8_unsuffixed(stream.replicas)))),
        ("duplicate_window", stream.duplicate_window.map(duration)),
        ("discard", (stream.discard == Discard::New).then(|| variant("Discard", "New"))),
        ("atomic", stream.atomic.then(|| quote!(true))),
        ("bulk", stream.bulk.then(|| quote!(true))),
        ("aggregates", holds_aggregates.then(|| quote!(true))),
        ("sagas", (!stream.sagas.is_empty()).then(|| texts(stream.sagas.keys()))),
    ]
    .map(|(setter, value)| with(setter, value));
    let subjects = texts(&stream.subjects);
    quote!(#descriptor::new(#name, #subjects) #(#setters)*,)
}

/// A bucket: its name and what it holds, and whatever is not the default.
fn bucket(runtime: &Runtime, name: &str, bucket: &Bucket) -> TokenStream {
    let descriptor = runtime.catalogue("BucketDescriptor");
    let (description, state) = (&bucket.description, bucket.state.get_ref());
    let setters = [
        ("description", (!description.is_empty()).then(|| quote!(#description))),
        ("storage", storage(runtime, bucket.storage)),
        ("history", (bucket.history != 1).then(|| number(Literal::u8_unsuffixed(bucket.history)))),
        ("ttl", bucket.ttl.map(duration)),
        ("marker_ttl", bucket.marker_ttl.map(duration)),
        ("max_bytes", bucket.max_bytes.map(|bytes| number(Literal::u64_unsuffixed(bytes)))),
        ("max_value_bytes", bucket.max_value_bytes.map(|bytes| number(Literal::u32_unsuffixed(bytes)))),
        ("replicas", (bucket.replicas != 1).then(|| number(Literal::u8_unsuffixed(bucket.replicas)))),
    ]
    .map(|(setter, value)| with(setter, value));
    quote!(#descriptor::new(#name, #state) #(#setters)*,)
}

/// Where messages or documents are kept, if not on disk.
fn storage(runtime: &Runtime, storage: Storage) -> Option<TokenStream> {
    match storage {
        Storage::File => None,
        Storage::Memory => Some(variant(runtime, "Storage", "Memory")),
    }
}

/// A variant of an enum of the runtime.
fn variant(runtime: &Runtime, enumeration: &str, variant: &str) -> TokenStream {
    let (path, variant) = (runtime.catalogue(enumeration), format_ident!("{variant}"));
    quote!(#path::#variant)
}

/// What is said of a service's consumers, if anything is.
fn consumer(runtime: &Runtime, consumer: &Consumer) -> TokenStream {
    let (descriptor, from) = (runtime.catalogue("ConsumerDescriptor"), runtime.catalogue("DeliverFrom"));
    let setters = [
        ("ack_wait", consumer.ack_wait.map(duration)),
        ("max_ack_pending", consumer.max_ack_pending.map(|max| number(Literal::u32_unsuffixed(max)))),
        ("max_deliver", consumer.max_deliver.map(|max| number(Literal::u32_unsuffixed(max)))),
        ("deliver", (consumer.deliver == Deliver::New).then(|| quote!(#from::New))),
        ("ordered", consumer.ordered.then(|| quote!(true))),
    ]
    .map(|(setter, value)| with(setter, value));
    if setters.iter().all(TokenStream::is_empty) {
        return TokenStream::new();
    }
    quote!(.consumer(#descriptor::DEFAULT #(#setters)*))
}

/// The call of a setter, if there is something to set.
fn with(setter: &str, value: Option<TokenStream>) -> TokenStream {
    let setter = format_ident!("{setter}");
    value.map(|value| quote!(.#setter(#value))).unwrap_or_default()
}

fn texts<'a>(values: impl IntoIterator<Item = &'a Spanned<String>>) -> TokenStream {
    let values = values.into_iter().map(Spanned::get_ref);
    quote!(&[#(#values),*])
}

fn number(literal: Literal) -> TokenStream {
    quote!(#literal)
}
