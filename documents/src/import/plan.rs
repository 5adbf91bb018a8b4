//! What the catalogue is to hold: each message as a version of an event or request, and who sends and receives it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::messages::{Messages, Use, messages, text};
use super::names::{free, token, tokens, version};
use super::notes::{DRAFT, Notes};
use super::schemas::Schemas;
use super::source::{Place, Source};

/// A catalogue to be written.
pub(super) struct Plan {
    /// The first token of all subjects.
    pub(super) root: String,
    pub(super) files: BTreeMap<String, Planned>,
    pub(super) shared: Option<Value>,
    pub(super) services: BTreeMap<String, Service>,
    /// `x-eventsmith` of a document that we wrote.
    pub(super) own: Option<Value>,
}

/// A schema file.
pub(super) struct Planned {
    pub(super) kind: String,
    pub(super) event_type: String,
    /// Whether it says what a request is answered with.
    pub(super) is_answer: bool,
    /// How it is written, if that is said.
    pub(super) wire: Option<String>,
    /// Where the message stands in the document.
    pub(super) place: Place,
    pub(super) schema: Value,
}

/// What crosses the border of a service, by type.
#[derive(Default)]
pub(super) struct Service {
    pub(super) sends: BTreeSet<String>,
    pub(super) receives: BTreeSet<String>,
}

/// What a message is to the catalogue.
struct Naming {
    kind: String,
    event_type: String,
    number: u32,
    /// Its file, if we wrote the document.
    file: Option<String>,
}

/// What the making of a plan needs all the time.
struct Making<'a, 'r> {
    source: &'a mut Source<'r>,
    schemas: &'a mut Schemas,
    notes: &'a mut Notes,
    taken: BTreeSet<String>,
}

impl Plan {
    pub(super) fn of(
        source: &mut Source<'_>,
        root: &Place,
        is_v2: bool,
        schemas: &mut Schemas,
        notes: &mut Notes,
    ) -> Result<Self, String> {
        let title = text(source, &root.below("info"), "title")?.unwrap_or_default();
        let service = Some(token(&title)).filter(|name| !name.is_empty()).unwrap_or_else(|| "api".to_owned());
        let own = Some(source.value(&root.below("x-eventsmith"))?).filter(Value::is_object);
        let messages = messages(source, root, is_v2, &service, notes)?;
        let subjects = root_of(source, &messages, own.is_some())?.unwrap_or_else(|| service.clone());
        let mut plan = Self { root: subjects, files: BTreeMap::new(), shared: None, services: BTreeMap::new(), own };
        let mut making = Making { source, schemas, notes, taken: BTreeSet::new() };
        let answers: BTreeSet<&Place> = messages.values().filter_map(|used| used.replies.as_ref()).flatten().collect();
        for (place, used) in &messages {
            let is_answer_alone = answers.contains(place) && used.replies.is_none();
            if !is_answer_alone || making.extension(place)?.is_some() {
                plan.add(&mut making, place, used, &messages)?;
            }
        }
        plan.documents(&mut making, root)?;
        Ok(plan)
    }

    /// How many versions of events and requests there are.
    pub(super) fn versions(&self) -> usize {
        self.files.values().filter(|planned| !planned.is_answer).count()
    }

    fn add(&mut self, making: &mut Making<'_, '_>, place: &Place, used: &Use, all: &Messages) -> Result<(), String> {
        let Some(naming) = making.naming(place, used, self.own.is_some())? else { return Ok(()) };
        let Naming { kind, event_type, number, file } = naming;
        let path = file.unwrap_or_else(|| format!("{kind}/{}.v{number}.json", event_type.replace('.', "/")));
        let is_answer = path.ends_with(".reply.json") || path.ends_with(".error.json");
        let own = making.extension(place)?;
        let wire = own.as_ref().and_then(|own| own.get("wire")).and_then(Value::as_str).map(ToOwned::to_owned);
        let is_ours = own.is_some();
        // In binary mode the body is the payload.
        let is_enveloped = is_ours && !is_answer && wire.as_deref() != Some("cloudevents");
        let Some(payload) = making.payload(place, is_enveloped)? else { return Ok(()) };
        let Some(mut schema) = making.schema(place, &payload, &path, is_enveloped)? else { return Ok(()) };
        if !is_answer {
            let event = making.x_event(place, used, &schema, (&self.root, is_ours), all)?;
            if let (Some(event), Value::Object(members)) = (event, &mut schema) {
                members.insert("x-event".to_owned(), event);
            }
            for (services, sends) in [(&used.senders, true), (&used.receivers, false)] {
                for service in services {
                    let service = self.services.entry(service.clone()).or_default();
                    let types = if sends { &mut service.sends } else { &mut service.receives };
                    types.insert(event_type.clone());
                }
            }
        }
        let planned = |schema, is_answer| Planned {
            kind: kind.clone(),
            event_type: event_type.clone(),
            is_answer,
            wire: wire.clone(),
            place: place.clone(),
            schema,
        };
        if !is_ours {
            self.answers(making, used, &path, planned)?;
        }
        self.files.insert(path, planned(schema, is_answer));
        Ok(())
    }

    /// The first reply of a request of others; a catalogue has one for each version.
    fn answers(
        &mut self,
        making: &mut Making<'_, '_>,
        used: &Use,
        path: &str,
        planned: impl Fn(Value, bool) -> Planned,
    ) -> Result<(), String> {
        let Some((first, others)) = used.replies.as_deref().and_then(<[Place]>::split_first) else { return Ok(()) };
        for other in others {
            making.notes.add(other, "is left out: a request has one reply, and a refusal as its error");
        }
        let path = path.replace(".json", ".reply.json");
        if let Some(payload) = making.payload(first, false)?
            && let Some(schema) = making.schema(first, &payload, &path, false)?
        {
            self.files.insert(path, planned(schema, true));
        }
        Ok(())
    }

    /// Documents of buckets, and states of sagas, which are no messages: documents that we wrote name them.
    fn documents(&mut self, making: &mut Making<'_, '_>, root: &Place) -> Result<(), String> {
        let Some(own) = &self.own else { return Ok(()) };
        let members = |name: &str| own.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let mut states: BTreeSet<String> = BTreeSet::new();
        states.extend(members("buckets").values().filter_map(|bucket| Some(bucket.get("state")?.as_str()?.to_owned())));
        for stream in members("streams").values() {
            let sagas = stream.get("sagas").and_then(Value::as_object);
            states.extend(sagas.into_iter().flat_map(Map::values).filter_map(|state| Some(state.as_str()?.to_owned())));
        }
        for schema in making.source.children(&root.below("components").below("schemas"))? {
            let name = schema.name();
            let (stem, number) = version(&name);
            if !states.contains(stem) || format!("{stem}.v{number}") != name {
                continue;
            }
            let path = format!("state/{}.v{number}.json", stem.replace('.', "/"));
            let converted = making.schemas.root(making.source, &schema, &path, making.notes)?;
            let planned = Planned {
                kind: "state".to_owned(),
                event_type: stem.to_owned(),
                is_answer: false,
                wire: None,
                place: schema,
                schema: drafted(converted),
            };
            self.files.insert(path, planned);
        }
        Ok(())
    }
}

/// A schema that says which draft it is of.
fn drafted(schema: Value) -> Value {
    let mut members = Map::new();
    members.insert("$schema".to_owned(), json!(DRAFT));
    match schema {
        Value::Object(own) => members.extend(own),
        Value::Bool(false) => drop(members.insert("not".to_owned(), json!({}))),
        _ => {}
    }
    Value::Object(members)
}

/// The root of all subjects: what those of our own documents begin with; else the first token, if all addresses share it.
fn root_of(source: &mut Source<'_>, messages: &Messages, is_own: bool) -> Result<Option<String>, String> {
    let mut first: Option<String> = None;
    for (place, used) in messages {
        let kind = text(source, &place.below("x-eventsmith"), "kind")?;
        for address in used.channels.keys() {
            let root = match (&kind, is_own) {
                (Some(kind), true) => address.split_once(&format!(".{kind}.")).map(|(root, _)| root),
                (None, true) => continue,
                (_, false) => address.split_once('.').map(|(root, _)| root),
            };
            let root = root.filter(|root| root.split('.').all(|token| !token.is_empty() && is_subject_token(token)));
            match (root, &first) {
                (None, _) => return Ok(None),
                (Some(root), Some(first)) if root != first => return Ok(None),
                (Some(root), _) => first = Some(root.to_owned()),
            }
        }
    }
    Ok(first)
}

fn is_subject_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

impl Making<'_, '_> {
    /// What we wrote about a message.
    fn extension(&mut self, place: &Place) -> Result<Option<Value>, String> {
        Ok(Some(self.source.value(&place.below("x-eventsmith"))?).filter(Value::is_object))
    }

    fn naming(&mut self, place: &Place, used: &Use, is_own: bool) -> Result<Option<Naming>, String> {
        if let Some(own) = self.extension(place)? {
            let text = |name: &str| own.get(name).and_then(Value::as_str);
            let number = own.get("version").and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
            if let (Some(event_type), Some(kind), Some(file), Some(number)) =
                (text("type"), text("kind"), text("file"), number)
            {
                let is_path = file.strip_suffix(".json").is_some_and(|path| {
                    path.split('/').all(|step| step.split('.').all(is_subject_token)) && path.starts_with(kind)
                });
                if is_path {
                    let (event_type, kind) = (event_type.to_owned(), kind.to_owned());
                    return Ok(Some(Naming { kind, event_type, number, file: Some(file.to_owned()) }));
                }
            }
        } else if is_own {
            // The replies that all our requests share.
            return Ok(None);
        }
        let kind = if used.replies.is_some() { "command" } else { "domain" };
        let mut names: Vec<String> = text(self.source, place, "name")?.into_iter().collect();
        names.extend(used.names.iter().filter(|name| name.parse::<u32>().is_err()).cloned());
        names.extend(used.channels.keys().cloned());
        names.push(place.name());
        let named = names.iter().map(|name| version(name)).map(|(stem, number)| (tokens(stem), number));
        let Some((tokens, number)) = named.into_iter().find(|(tokens, _)| !tokens.is_empty()) else {
            self.notes.add(place, "is left out: nothing in its names can be the name of an event");
            return Ok(None);
        };
        let wanted = format!("{}.v{number}", tokens.join("."));
        let free = free(&wanted, &mut self.taken);
        let event_type = match free == wanted {
            true => tokens.join("."),
            // Another message has the name.
            false => format!("{}_{}", tokens.join("."), free.rsplit('_').next().unwrap_or_default()),
        };
        Ok(Some(Naming { kind: kind.to_owned(), event_type, number, file: None }))
    }

    /// Where the schema of the payload stands; nothing if it is none that a catalogue can have.
    fn payload(&mut self, place: &Place, is_enveloped: bool) -> Result<Option<Place>, String> {
        let mut payload = place.below("payload");
        let mut format = text(self.source, place, "schemaFormat")?;
        if self.source.at(&payload)?.is_none() {
            self.notes.add(place, "has no payload; everything is accepted");
            return Ok(Some(payload));
        }
        payload = match self.source.follow(&payload) {
            Ok(payload) => payload,
            Err(reason) => {
                self.notes.add(&payload, &format!("{reason}; everything is accepted"));
                return Ok(Some(payload));
            }
        };
        if let Some(other) = text(self.source, &payload, "schemaFormat")? {
            format = Some(other);
            payload = payload.below("schema");
        }
        if let Some(format) = format.filter(|format| !is_json_schema(format)) {
            self.notes
                .add(place, &format!("is left out: its schema is {format:?}, and JSON Schema is what can be taken"));
            return Ok(None);
        }
        Ok(Some(if is_enveloped { payload.below("properties").below("data") } else { payload }))
    }

    fn schema(
        &mut self,
        place: &Place,
        payload: &Place,
        path: &str,
        is_enveloped: bool,
    ) -> Result<Option<Value>, String> {
        let schema = match self.source.at(payload)?.is_some() {
            true => match self.schemas.root(self.source, payload, path, self.notes) {
                Ok(schema) => schema,
                Err(reason) => {
                    self.notes.add(place, &format!("is left out: {reason}"));
                    return Ok(None);
                }
            },
            false => Value::Bool(true),
        };
        let mut schema = drafted(schema);
        let Value::Object(members) = &mut schema else { return Ok(Some(schema)) };
        for (keyword, names) in [("description", ["description", "summary"]), ("title", ["title", "title"])] {
            for name in names {
                if let (false, Some(text)) = (members.contains_key(keyword), text(self.source, place, name)?) {
                    members.insert(keyword.to_owned(), json!(text));
                }
            }
        }
        let mut examples = Vec::new();
        for example in self.source.children(&place.below("examples"))? {
            let payload = example.below("payload");
            let payload = if is_enveloped { payload.below("data") } else { payload };
            examples.extend(self.source.at(&payload)?.cloned());
        }
        if !examples.is_empty() && !members.contains_key("examples") {
            members.insert("examples".to_owned(), Value::Array(examples));
        }
        let headers = place.below("headers");
        if !is_enveloped && self.source.at(&headers)?.is_some() && self.extension(place)?.is_none() {
            self.notes.add(&headers, "is left out: the envelope and its `metadata` hold what surrounds a payload");
        }
        Ok(Some(schema))
    }

    /// The key, the aggregate and the subject of an event, where that is not its path.
    fn x_event(
        &mut self,
        place: &Place,
        used: &Use,
        schema: &Value,
        (root, is_ours): (&str, bool),
        all: &Messages,
    ) -> Result<Option<Value>, String> {
        let mut event = Map::new();
        if let Some(own) = self.extension(place)? {
            for name in ["key", "aggregate"] {
                event.extend(own.get(name).map(|value| (name.to_owned(), value.clone())));
            }
        }
        let mut channels = used.channels.iter();
        if let (Some((address, parameters)), true) = (channels.next(), used.replies.is_none() || is_ours) {
            let is_alone = all.values().filter(|other| other.channels.contains_key(address)).count() == 1;
            if let (true, Some(subject)) =
                (is_ours || is_alone, self.subject(address, parameters, schema, root, is_ours)?)
            {
                event.insert("subject".to_owned(), json!(subject));
            } else if !is_ours {
                self.notes.add(place, &format!("was sent to {address:?}, and has the subject of its path now"));
            }
            for (other, _) in channels {
                self.notes.add(place, &format!("is sent to {other:?}, too, and an event has one subject"));
            }
        }
        Ok((!event.is_empty()).then_some(Value::Object(event)))
    }

    /// The template of a subject, for an address with parameters that begins with the root.
    fn subject(
        &mut self,
        address: &str,
        parameters: &Place,
        schema: &Value,
        root: &str,
        is_ours: bool,
    ) -> Result<Option<String>, String> {
        let is_below = address.strip_prefix(root).is_some_and(|rest| rest.starts_with('.'));
        if !is_below || is_ours && !address.contains('{') {
            return Ok(None);
        }
        let mut tokens = Vec::new();
        for token in address.split('.') {
            let Some(name) = token.strip_prefix('{').and_then(|token| token.strip_suffix('}')) else {
                if !is_subject_token(token) {
                    return Ok(None);
                }
                tokens.push(token.to_owned());
                continue;
            };
            let location = text(self.source, &parameters.below(name), "location")?;
            let pointer = location.as_deref().and_then(|text| text.strip_prefix("$message.payload#/"));
            let Some(pointer) =
                pointer.map(|pointer| pointer.strip_prefix("data/").filter(|_| is_ours).unwrap_or(pointer))
            else {
                return Ok(None);
            };
            let property = pointer.replace("~1", "/").replace("~0", "~");
            let required = schema.get("required").and_then(Value::as_array);
            let is_required = required.is_some_and(|names| names.iter().any(|name| *name == property));
            if !is_ours && !is_required {
                return Ok(None);
            }
            tokens.push(format!("{{{property}}}"));
        }
        Ok(Some(tokens.join(".")))
    }
}

fn is_json_schema(format: &str) -> bool {
    let format = format.to_ascii_lowercase();
    format.contains("vnd.aai.asyncapi") || format.contains("application/schema+")
}
