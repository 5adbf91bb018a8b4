//! What writes `impl Event`, `impl Request`, `impl Reply` and `impl State`, for generated types and for `#[domain_event]`.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use crate::load::Loaded;
use crate::manifest::Wire;
use crate::model::{Event, Idempotent, Kind, Template, Token, Usage, Version, VersionPart};

use super::literal::duration;
use super::runtime::Runtime;

/// What `impl Event`, `impl Request` and `impl State` need to know about a type.
#[derive(Debug)]
pub(crate) struct EventImpl<'a> {
    /// The type.
    pub name: &'a Ident,
    /// What the event is for.
    pub kind: Kind,
    /// The event's type.
    pub event_type: &'a str,
    /// The version.
    pub version: u32,
    /// An expression for the subject, of type `&'static str`.
    pub subject: TokenStream,
    /// The bucket of a document.
    pub bucket: Option<&'a str>,
    /// The subject template, with an expression of type `Option<String>` for each property.
    pub template: Option<(&'a Template, Vec<TokenStream>)>,
    /// An expression for the schema's text, of type `&'static str`.
    pub schema: TokenStream,
    /// The ordering key: its pointer, and an expression of type `Option<String>` for its value.
    pub key: Option<(&'a str, TokenStream)>,
    /// The aggregate that it is an event of.
    pub aggregate: Option<&'a str>,
    /// How it is written.
    pub wire: Wire,
    /// Whether the answer to a command is kept.
    pub idempotent: Option<Idempotent>,
    /// How a payload is checked.
    pub check: Check,
    /// What a request is answered with; events and documents are not.
    pub answer: Option<Answer>,
    /// The type of the version before, the versions that it decodes, and how its values become ours.
    pub older: Option<Older>,
}

/// How a payload is checked against its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// The type alone says it all.
    Type,
    /// The type and its method `is_valid` say it all.
    TypeAndChecks,
    /// The validator must see it.
    Validator,
    /// The type alone says it all, but for draft 4's notion of an integer.
    Draft4Type,
    /// The type and its method `is_valid` say it all, but for draft 4's notion of an integer.
    Draft4TypeAndChecks,
}

impl Check {
    /// The argument that says so to the macros of the runtime.
    pub(super) fn macro_argument(self) -> TokenStream {
        match self {
            Self::Type => quote!(type),
            Self::TypeAndChecks => quote!(is_valid),
            Self::Validator => quote!(validator),
            Self::Draft4Type => quote!(draft_4_type),
            Self::Draft4TypeAndChecks => quote!(draft_4_is_valid),
        }
    }
}

/// The types that a request is answered with; where the catalogue says nothing, that of the runtime which says so.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The type of the reply.
    pub reply: Option<TokenStream>,
    /// The type of the refusal.
    pub error: Option<TokenStream>,
}

impl Answer {
    fn types(&self, runtime: &Runtime) -> TokenStream {
        let reply = self.reply.clone().unwrap_or_else(|| runtime.item("NoReply"));
        let error = self.error.clone().unwrap_or_else(|| runtime.item("NoRefusal"));
        quote! {
            type Reply = #reply;
            type Error = #error;
        }
    }
}

/// The version before.
#[derive(Debug)]
pub(crate) struct Older {
    /// Its type.
    pub path: TokenStream,
    /// The versions that it decodes.
    pub versions: Vec<u32>,
    /// Whether `From` is derived; else `Upcast` is asked for.
    pub derived: bool,
}

/// Writes `impl Event`, `impl Request` for a command or query, or `impl State` for a document.
pub(crate) fn event_impl(runtime: &Runtime, event: &EventImpl<'_>) -> TokenStream {
    let EventImpl { name, event_type, subject, schema, .. } = event;
    let kind = format_ident!("{}", kind_name(event.kind));
    let version = Literal::u32_unsuffixed(event.version);
    let bucket = event.bucket.map(|bucket| quote!(const BUCKET: &'static str = #bucket;));
    let key = match &event.key {
        _ if event.kind.is_document() => TokenStream::new(),
        Some((pointer, _)) => {
            quote!(const KEY: ::std::option::Option<&'static str> = ::std::option::Option::Some(#pointer);)
        }
        None => quote!(
            const KEY: ::std::option::Option<&'static str> = ::std::option::Option::None;
        ),
    };
    let aggregate = event.aggregate.map(|aggregate| {
        quote!(const AGGREGATE: ::std::option::Option<&'static str> = ::std::option::Option::Some(#aggregate);)
    });
    let wire = match event.wire {
        Wire::Plain => None,
        Wire::CloudEvents => Some("CloudEvents"),
        Wire::CloudEventsStructured => Some("CloudEventsStructured"),
    };
    let wire = wire.map(|name| {
        let (wire, name) = (runtime.item("Wire"), format_ident!("{name}"));
        quote!(const WIRE: #wire = #wire::#name;)
    });
    let idempotent = event.idempotent.map(|idempotent| idempotent_constant(runtime, idempotent));
    let key_method = event.key.as_ref().map(|(_, value)| {
        quote! {
            fn key(&self) -> ::std::option::Option<::std::string::String> {
                #value
            }
        }
    });
    let trait_name = trait_of(event.kind);
    let template = event.template.as_ref();
    let subject_method = template.map(|(template, values)| subject_method(runtime, trait_name, template, values));
    let check = event.check.macro_argument();
    let trait_ident = format_ident!("{trait_name}");
    let (event_trait, kind_type) = (runtime.item(trait_name), runtime.item("Kind"));
    let (upcast, complete) = (runtime.item("Upcast"), runtime.internal("event_payload"));
    let older = event.older.as_ref().map(|Older { path, versions, derived }| {
        let versions = versions.iter().map(|version| Literal::u32_unsuffixed(*version));
        let convert = if *derived { quote!(Self::from) } else { quote!(#upcast::upcast) };
        quote!(, #(#versions)|* => #path, #convert)
    });
    let answer = event.answer.as_ref().map(|answer| answer.types(runtime));
    quote! {
        impl #event_trait for #name {
            #answer
            const KIND: #kind_type = #kind_type::#kind;
            const TYPE: &'static str = #event_type;
            const VERSION: u32 = #version;
            #bucket
            const SUBJECT: &'static str = #subject;
            const SCHEMA: &'static str = #schema;
            #key
            #aggregate
            #wire
            #idempotent

            #complete!(#trait_ident, #name, #check #older);
            #key_method
            #subject_method
        }
    }
}

/// How long the answer to a command is kept. Without the constant it is not.
fn idempotent_constant(runtime: &Runtime, Idempotent { window, reruns_lost }: Idempotent) -> TokenStream {
    let (idempotent, window) = (runtime.catalogue("Idempotent"), duration(window));
    let rerunning_lost = reruns_lost.then(|| quote!(.rerunning_lost()));
    quote!(const IDEMPOTENT: ::std::option::Option<#idempotent> = ::std::option::Option::Some(#idempotent::within(#window) #rerunning_lost);)
}

/// What `impl Reply` needs to know about a type.
#[derive(Debug)]
pub(crate) struct ReplyImpl<'a> {
    /// The type.
    pub name: &'a Ident,
    /// What it answers.
    pub of: (&'a Event, &'a Version, VersionPart),
    /// An expression for the schema's text, of type `&'static str`.
    pub schema: TokenStream,
    /// How a payload is checked.
    pub check: Check,
}

/// Writes `impl Reply`.
pub(crate) fn reply_impl(runtime: &Runtime, reply: &ReplyImpl<'_>) -> TokenStream {
    let ReplyImpl { name, of: (event, version, part), schema, check } = reply;
    let (described, number) = answers(event, version, *part);
    let check = check.macro_argument();
    let (reply, complete) = (runtime.item("Reply"), runtime.internal("reply_payload"));
    quote! {
        impl #reply for #name {
            const SCHEMA: &'static str = #schema;

            #complete!(#name, #check, #described, #number);
        }
    }
}

/// What `Reply::ANSWERS` says of an answer: `"rule.get.reply"` and the number of the version.
pub(crate) fn answers(event: &Event, version: &Version, part: VersionPart) -> (String, Literal) {
    (format!("{}.{}", event.event_type, part.as_str()), Literal::u32_unsuffixed(version.number))
}

/// The trait that payloads of a kind implement.
pub(crate) fn trait_of(kind: Kind) -> &'static str {
    match kind.usage() {
        Usage::Event => "Event",
        Usage::Request => "Request",
        Usage::Document => "State",
    }
}

/// The bucket of a document, empty if it lies in none; `None` for all else.
pub(crate) fn bucket_of<'a>(loaded: &'a Loaded, event: &Event) -> Option<&'a str> {
    let manifest = &loaded.catalogue.manifest;
    let bucket = manifest.bucket_of(&event.event_type).map(|(name, _)| name.get_ref().as_str());
    bucket.or_else(|| manifest.is_saga_state(&event.event_type).then_some("")).filter(|_| event.kind.is_document())
}

/// The name of a kind's variant in the runtime.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Domain => "Domain",
        Kind::Integration => "Integration",
        Kind::Command => "Command",
        Kind::Query => "Query",
        Kind::State => "State",
    }
}

/// The value of a field, as the text of a subject token or a key.
pub(crate) fn field_text(runtime: &Runtime, field: &TokenStream) -> TokenStream {
    let scalar_text = runtime.internal("scalar_text");
    quote!(#scalar_text(&self.#field))
}

fn subject_method(runtime: &Runtime, trait_name: &str, template: &Template, values: &[TokenStream]) -> TokenStream {
    let event_trait = runtime.item(trait_name);
    let (token, invalid) = (runtime.internal("SubjectToken"), runtime.item("Invalid"));
    let mut values = values.iter();
    let tokens = template.tokens.iter().map(|part| match part {
        Token::Literal(text) => quote!(#token::Literal(#text)),
        Token::Property(property) => {
            let value = values.next();
            quote!(#token::Property(#property, #value))
        }
    });
    quote! {
        fn subject(&self) -> ::std::result::Result<::std::borrow::Cow<'static, str>, #invalid> {
            <Self as #event_trait>::payload_schema().subject([#(#tokens),*])
        }
    }
}
