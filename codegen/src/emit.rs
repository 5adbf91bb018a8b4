//! From types to Rust text. Pure functions: the same catalogue gives the same text.

mod aggregates;
mod builder;
mod catalogue;
mod checks;
mod conditions;
mod constants;
mod default;
mod derives;
mod docs;
pub(crate) mod event_impl;
mod exports;
pub(crate) mod fields;
pub(crate) mod front_page;
mod habits;
mod imports;
mod json_schemas;
mod layout;
mod literal;
mod numbers;
mod pattern;
mod payload;
mod rules;
mod runtime;
mod source;
mod subjects;
mod types;
mod upcast;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::diagnostic::Diagnostic;
use crate::load::Loaded;
use crate::model::{Event, Token, Version, VersionPart};
use crate::parallel;
use crate::shape::{Body, Id, Program};

use builder::Builders;
use default::Defaults;
use event_impl::{Answer, Check, EventImpl, Older, ReplyImpl, bucket_of, event_impl, field_text, reply_impl};
use imports::Imports;
use layout::line;
pub(crate) use literal::raw_string;
use payload::Payload;
pub use runtime::Runtime;
use source::Source;
use subjects::Subjects;
pub(crate) use types::field_ident;
use types::{Checked, Exports, Facts, Types};
use upcast::Upcasts;

/// The Rust text of a catalogue that is free of errors, from its types.
///
/// # Errors
/// Text that is not Rust, which is a mistake of this crate.
pub(crate) fn text(loaded: &Loaded, program: &Program, runtime: &Runtime) -> Result<String, Box<Diagnostic>> {
    let written = Emitter::new(loaded, Source { program, runtime }, Form::OneFile).text();
    written.map(|text| text.text).map_err(|error| Box::new(internal(&error)))
}

/// The Rust text of a catalogue for a build script: a file that takes in one for each module.
///
/// The compiler checks anew whatever stands below a line that an edit adds or takes away. So an edit of one group leaves the files of
/// all others as they were.
///
/// # Errors
/// Text that is not Rust, which is a mistake of this crate.
pub(crate) fn files(loaded: &Loaded, program: &Program, runtime: &Runtime) -> Result<Text, Box<Diagnostic>> {
    let written = Emitter::new(loaded, Source { program, runtime }, Form::FileOfEachModule).text();
    written.map_err(|error| Box::new(internal(&error)))
}

/// The text of a catalogue.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// What a crate takes in.
    pub(crate) text: String,
    /// What that takes in, by the path from where it lies.
    pub(crate) files: BTreeMap<String, String>,
}

/// The folder of the files that the text takes in.
pub(crate) const FOLDER: &str = "events";

/// Where the contents of modules stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    OneFile,
    FileOfEachModule,
}

impl Form {
    /// How many modules deep the contents of one are written.
    fn depth(self, path: &[String]) -> usize {
        match self {
            Self::OneFile => path.len(),
            Self::FileOfEachModule => 0,
        }
    }
}

/// Text that does not parse is a mistake of this crate, not of the catalogue; it must be reported all the same.
fn internal(error: &syn::Error) -> Diagnostic {
    let message = format!("the generated text is not Rust: {error}");
    Diagnostic::error("internal", crate::manifest::FILE_NAME, message, "this is a bug in eventsmith; please report it")
}

/// The check that the runtime is of a version that this generator writes for.
fn generated_by(runtime: &Runtime) -> String {
    format!("{}!({:?});\n", runtime.internal_text("generated_by"), env!("CARGO_PKG_VERSION"))
}

/// What a module holds.
#[derive(Default)]
struct Contents {
    /// Definitions that belong there.
    own: Vec<Id>,
    /// Definitions of other modules that are re-exported there.
    exports: Exports,
}

struct Emitter<'a> {
    loaded: &'a Loaded,
    program: &'a Program,
    runtime: &'a Runtime,
    form: Form,
    /// Which definitions have something to check beyond their types.
    checked: Vec<bool>,
    /// Which definitions implement `Ord`.
    ordered: Vec<bool>,
    /// Definitions of payloads that types and checks decide without the validator.
    fast: BTreeSet<Id>,
    /// Which definitions have defaults.
    defaults: Defaults,
    /// What makes a definition a payload.
    payloads: BTreeMap<Id, Payload<'a>>,
    /// How payloads, and structs with optional properties, are built.
    builders: Builders<'a>,
    /// How older versions become newer ones.
    upcasts: Upcasts,
}

impl<'a> Emitter<'a> {
    fn new(loaded: &'a Loaded, source: Source<'a>, form: Form) -> Self {
        let Source { program, runtime } = source;
        let roots = program.roots.values().copied();
        let fast = roots.filter(|root| program.gaps(*root).is_empty()).flat_map(|root| program.reachable(root));
        let fast: BTreeSet<Id> = fast.collect();
        let payloads = payload::payloads(loaded, program);
        Self {
            loaded,
            program,
            runtime,
            form,
            checked: checks::checked(source),
            ordered: derives::ordered(program, |id| !fast.contains(&id)),
            defaults: Defaults::new(source),
            builders: Builders::new(program),
            fast,
            payloads,
            upcasts: Upcasts::new(loaded, source),
        }
    }

    fn source(&self) -> Source<'a> {
        Source { program: self.program, runtime: self.runtime }
    }
}

/// A module with what stands in it.
#[derive(Default)]
struct Module {
    items: String,
    modules: BTreeMap<String, Module>,
}

impl Module {
    fn at(&mut self, path: &[String]) -> &mut Self {
        path.iter().fold(self, |module, step| module.modules.entry(step.clone()).or_default())
    }

    fn write(&self, path: &mut Vec<String>, form: Form, into: &mut Text) {
        if form == Form::OneFile || self.items.is_empty() || path.is_empty() {
            into.text.push_str(&self.items);
        } else {
            let file = format!("{FOLDER}/{}.rs", path.join("."));
            into.text.push_str(&line(path.len(), &format!("::std::include!({file:?});")));
            into.files.insert(file, self.items.clone());
        }
        for (index, (name, module)) in self.modules.iter().enumerate() {
            if index > 0 || !self.items.is_empty() {
                into.text.push('\n');
            }
            let depth = path.len();
            into.text.push_str(&line(depth, &format!("/// {}", module_doc(name, &path.join("."), module))));
            if path.is_empty() {
                into.text.push_str(layout::allowed_text());
            }
            into.text.push_str(&line(depth, &format!("pub mod {} {{", field_ident(name))));
            path.push(name.clone());
            module.write(path, form, into);
            path.pop();
            into.text.push_str(&line(depth, "}"));
        }
    }
}

fn module_doc(name: &str, parent: &str, module: &Module) -> String {
    // A group may be called like a version; but in a version there are no other modules.
    match version_of(name).filter(|_| !module.modules.keys().any(|name| version_of(name).is_some())) {
        Some(number) if parent.is_empty() => format!("Version {number} of the events without a group."),
        Some(number) => format!("Version {number} of the `{parent}` events."),
        None if parent.is_empty() => format!("The types of `{name}`, in their newest versions."),
        None => format!("The types of `{parent}.{name}`, in their newest versions."),
    }
}

fn version_of(module: &str) -> Option<u32> {
    module.strip_prefix('v')?.parse().ok()
}

impl Emitter<'_> {
    fn facts(&self, types: &Types<'_>, id: Id) -> Facts {
        let (mut text, mut alternatives) = Default::default();
        match &self.program.definitions[id].body {
            Body::Text(checks) => text = conditions::text_conditions(self.runtime, checks),
            Body::Union(union) => alternatives = habits::alternatives(types, id, union, &self.upcasts),
            _ => {}
        }
        Facts {
            checked: self.checked(id),
            is_ordered: self.ordered[id],
            has_derived_default: self.defaults.is_derived(self.program, id),
            alternatives,
            text,
        }
    }

    fn checked(&self, id: Id) -> Checked {
        match (self.fast.contains(&id), self.checked[id]) {
            (false, _) => Checked::Gap,
            (true, true) => Checked::Method,
            (true, false) => Checked::Nothing,
        }
    }

    fn text(&self) -> Result<Text, syn::Error> {
        let (subjects, subjects_module) = Subjects::new(self.loaded, self.source());
        let mut contents: BTreeMap<Vec<String>, Contents> = BTreeMap::new();
        for (id, definition) in self.program.definitions.iter().enumerate() {
            contents.entry(definition.module.clone()).or_default().own.push(id);
        }
        for (module, exports) in exports::exports(self.loaded, self.program, &self.builders) {
            contents.entry(module).or_default().exports = exports;
        }
        let contents: Vec<(Vec<String>, Contents)> = contents.into_iter().collect();
        let mut root = Module::default();
        for (path, text) in self.modules(&contents, &subjects) {
            root.at(path).items = text?;
        }
        // With their whole paths: beside them stands what the crate that takes in the text imports and defines.
        let constants = catalogue::constants(self.loaded, self.source());
        let aggregates = aggregates::module(self.loaded, self.source());
        let head = layout::format(quote!(#constants #subjects_module #aggregates), 0)?;
        let text = format!("{}{}\n{head}\n", layout::HEADER, generated_by(self.runtime));
        let mut written = Text { text, files: BTreeMap::new() };
        root.write(&mut Vec::new(), self.form, &mut written);
        written.text.push('\n');
        written.text.push_str(&payload::schemas(self.loaded));
        written.text.push_str(&catalogue::stored_payloads(self.loaded, self.source()));
        written.text.push_str(&json_schemas::text(self.loaded, self.program, self.runtime));
        Ok(written)
    }

    /// The text of every module.
    ///
    /// The types of a module are written a few at a time: what has been written takes far less memory than what it is written
    /// from, and all processors have something to do even where everything stands in one module.
    fn modules<'c>(
        &self,
        contents: &'c [(Vec<String>, Contents)],
        subjects: &Subjects,
    ) -> Vec<(&'c Vec<String>, Result<String, syn::Error>)> {
        const AT_ONCE: usize = 16;
        let types: Vec<Types<'_>> = contents.iter().map(|(path, contents)| self.types_of(path, contents)).collect();
        let parts: Vec<(usize, &[Id])> = contents
            .iter()
            .enumerate()
            .flat_map(|(module, (_, contents))| contents.own.chunks(AT_ONCE).map(move |ids| (module, ids)))
            .collect();
        let written = parallel::map(&parts, |(module, ids)| {
            let mut imports = Imports::new(self.runtime);
            let items = imports.shorten(self.items(&types[*module], ids, subjects));
            (imports, layout::format_part(items, self.form.depth(&contents[*module].0)))
        });
        let mut written = parts.iter().map(|(module, _)| *module).zip(written).peekable();
        let text = |(module, (path, contents)): (usize, &'c (Vec<String>, Contents))| {
            let mut imports = Imports::new(self.runtime);
            let head = imports.shorten(self.head(&types[module], contents));
            let mut items = String::new();
            while let Some((_, (of_part, text))) = written.next_if(|(of, _)| *of == module) {
                imports.extend(of_part);
                match text {
                    Ok(text) => items.push_str(&text),
                    Err(error) => return (path, Err(error)),
                }
            }
            let uses = imports.uses();
            let head = layout::format_part(quote!(#uses #head), self.form.depth(path));
            (path, head.map(|head| layout::part_items(&(head + &items))))
        };
        contents.iter().enumerate().map(text).collect()
    }

    /// The types of a module, with the names that stand for others there.
    fn types_of<'c>(&'c self, path: &'c [String], contents: &Contents) -> Types<'c> {
        let Contents { own, exports } = contents;
        let built = own.iter().chain(exports.keys()).filter_map(|id| self.builders.required_name(*id));
        let required = built.map(|name| name.to_string()).collect();
        Types::importing(self.source(), path, own, exports, &required)
    }

    /// What stands before the types of a module.
    fn head(&self, types: &Types<'_>, contents: &Contents) -> TokenStream {
        let mut items = types.imports(&contents.exports);
        items.extend(exports::uses(types, &self.builders, &contents.exports));
        items
    }

    /// Some types of a module, with what is implemented for them.
    fn items(&self, types: &Types<'_>, ids: &[Id], subjects: &Subjects) -> TokenStream {
        let mut items = TokenStream::new();
        for id in ids.iter().copied() {
            items.extend(types.declaration(id, self.facts(types, id)));
            items.extend(habits::habits(types, id, &self.upcasts));
            items.extend(constants::constants(&self.program.definitions[id], self.loaded));
            items.extend(self.builders.builder(types, id));
            items.extend(self.defaults.implementation(self.source(), id));
            if self.fast.contains(&id) {
                items.extend(checks::is_valid(self.source(), id, &self.checked));
            }
            items.extend(self.payload(id, subjects));
            items.extend(self.upcasts.beside(id));
        }
        items
    }
}

impl Emitter<'_> {
    /// What makes a definition an event, a request, an answer or a document; nothing for all others.
    fn payload(&self, id: Id, subjects: &Subjects) -> TokenStream {
        match self.payloads.get(&id) {
            Some(Payload::Event(event, index)) => self.event(id, event, *index, subjects),
            Some(Payload::Answer(event, version, part)) => self.reply(id, event, version, *part),
            None => TokenStream::new(),
        }
    }

    fn schema_path(&self, id: Id, event: &Event, version: &Version, part: VersionPart) -> TokenStream {
        let up = std::iter::repeat_n(quote!(super::), self.program.definitions[id].module.len());
        let name = format_ident!("{}", payload::schema_name(event, version, part));
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
                field_text(self.runtime, &quote!(#name))
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
                bucket: bucket_of(self.loaded, event),
                template,
                schema: self.schema_path(id, event, version, VersionPart::Itself),
                key: key.and_then(|key| {
                    let field = fields::key_field(self.program, id, key)?;
                    Some((key.as_str(), field_text(self.runtime, &field)))
                }),
                aggregate: version.aggregate.as_deref(),
                wire: self.loaded.catalogue.wire_of(event),
                idempotent: version.idempotent,
                check: self.check(id),
                answer: event.kind.is_request().then(|| self.answer(id, version)),
                older,
            },
        )
    }

    /// The types that a request is answered with.
    fn answer(&self, id: Id, version: &Version) -> Answer {
        let types = Types::new(self.source(), &self.program.definitions[id].module);
        let path = |part| Some(types.path(self.program.root_of(version.part(part)?)?));
        Answer { reply: path(VersionPart::Reply), error: path(VersionPart::Error) }
    }

    fn reply(&self, id: Id, event: &Event, version: &Version, part: VersionPart) -> TokenStream {
        let name = &format_ident!("{}", self.program.definitions[id].name);
        let (schema, check) = (self.schema_path(id, event, version, part), self.check(id));
        reply_impl(self.runtime, &ReplyImpl { name, of: (event, version, part), schema, check })
    }
}
