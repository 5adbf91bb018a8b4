//! The pages of services, streams, buckets, sagas and shared types.

use std::collections::BTreeSet;

use eventsmith_codegen::lookup;
use eventsmith_codegen::manifest::{Discard, Named, Retention, Stream, duration_text};
use eventsmith_codegen::references::Location;
use eventsmith_operations::flow::{Flow, NodeKind};
use handlebars::RenderError;
use serde_json::{Value, json};

use super::Pages;
use super::names::Page;
use crate::fields::Reader;

/// A page of this kind without anything that only some have.
fn empty(kind: &str, name: &str, description: String) -> Value {
    json!({
        "kind": kind, "name": name, "description": description, "facts": [], "picture": "", "groups": [],
        "is_type": false, "fields": [], "label": "",
    })
}

fn code(text: &str) -> Value {
    json!({"text": text, "href": null, "is_code": true})
}

fn plain(text: &str) -> Value {
    json!({"text": text, "href": null, "is_code": false})
}

fn fact(name: &str, items: Vec<Value>) -> Option<Value> {
    (!items.is_empty()).then(|| json!({"name": name, "items": items}))
}

fn group(id: &str, name: &str, items: Vec<Value>) -> Option<Value> {
    (!items.is_empty()).then(|| json!({"id": id, "name": name, "items": items}))
}

/// What a stream keeps, in words.
pub(super) fn kept(stream: &Stream) -> String {
    let mut limits = Vec::new();
    limits.extend(stream.max_age.map(|age| format!("for {}", duration_text(age))));
    limits.extend(stream.max_messages.map(|count| format!("at most {count} messages")));
    limits.extend(stream.max_bytes.map(|bytes| format!("at most {bytes} bytes")));
    let until = match stream.retention {
        Retention::Limits if limits.is_empty() => "kept for ever".to_owned(),
        Retention::Limits => format!("kept {}", limits.join(", ")),
        Retention::Interest => format!("kept until all consumers have acknowledged{}", behind(&limits)),
        Retention::WorkQueue => format!("kept until one consumer has acknowledged{}", behind(&limits)),
    };
    let full = match (limits.is_empty(), stream.discard) {
        (false, Discard::New) => "; what is beyond that is refused",
        _ => "",
    };
    format!("{until}{full}, on {} server{}", stream.replicas, if stream.replicas == 1 { "" } else { "s" })
}

fn behind(limits: &[String]) -> String {
    if limits.is_empty() { String::new() } else { format!(", {}", limits.join(", ")) }
}

impl Pages<'_> {
    fn listed_types(&self, names: &[Named]) -> Vec<Value> {
        names.iter().map(|name| self.listed_event(name.get_ref())).collect()
    }

    pub(super) fn services(&self) -> Result<(), RenderError> {
        for (name, service) in &self.loaded.catalogue.manifest.services {
            let name = name.get_ref();
            let mut data = empty("a service", name, self.html(&service.description, "eventsmith.toml"));
            if let Some(flow) = Flow::of_service(self.landscape, &self.seen.flow, name) {
                let focus = flow.nodes.iter().position(|node| node.kind == NodeKind::Focus);
                data["picture"] = self.around(&flow, focus.unwrap_or_default())?.into();
            }
            let runs: Vec<Value> = service
                .runs
                .iter()
                .map(|runs| {
                    let saga = runs.get_ref().split('@').next().unwrap_or_default();
                    self.linked(&Page::Saga(saga.to_owned()), runs.get_ref())
                })
                .collect();
            let settings = &service.consumer;
            let mut how = Vec::new();
            how.extend(settings.ack_wait.map(|time| plain(&format!("redelivered after {}", duration_text(time)))));
            how.extend(settings.max_ack_pending.map(|count| plain(&format!("at most {count} events in hand"))));
            how.extend(settings.ordered.then(|| plain("in order, by one instance at a time")));
            let lag = self.seen.lag(name, &[]).iter().map(|line| plain(line)).collect();
            data["facts"] =
                [fact("Runs", runs), fact("Consumes", how), fact("Lag", lag)].into_iter().flatten().collect();
            data["groups"] = [
                group("publishes", "Publishes", self.listed_types(&service.publishes)),
                group("consumes", "Consumes", self.listed_types(&service.consumes)),
                group("answers", "Answers", self.listed_types(&service.handles)),
                group("asks", "Asks", self.listed_types(&service.asks)),
            ]
            .into_iter()
            .flatten()
            .collect();
            self.page(&Page::Service(name.clone()), (name, "service"), &service.description, "other", &data)?;
        }
        Ok(())
    }

    pub(super) fn streams(&self) -> Result<(), RenderError> {
        let catalogue = &self.loaded.catalogue;
        for (name, stream) in &catalogue.manifest.streams {
            let name = name.get_ref();
            let events = catalogue
                .events
                .iter()
                .filter(|event| lookup::streams(catalogue, event).iter().any(|(of, _)| of == name));
            let events: Vec<Value> = events.map(|event| self.listed_event(&event.event_type)).collect();
            let sagas =
                stream.sagas.keys().map(|saga| self.linked(&Page::Saga(saga.get_ref().clone()), saga.get_ref()));
            let mut data = empty("a stream", name, self.html(&stream.description, "eventsmith.toml"));
            data["facts"] = [
                fact("Captures", stream.subjects.iter().map(|subject| code(subject.get_ref())).collect()),
                fact("Messages are", vec![plain(&kept(stream))]),
                fact(
                    "What is published twice is dropped",
                    stream
                        .duplicate_window
                        .map(|time| plain(&format!("within {}", duration_text(time))))
                        .into_iter()
                        .collect(),
                ),
                fact("Sagas", sagas.collect()),
            ]
            .into_iter()
            .flatten()
            .collect();
            if let Value::Array(facts) = &mut data["facts"] {
                facts.extend(
                    self.seen
                        .of_stream(name)
                        .into_iter()
                        .filter_map(|(what, lines)| fact(&what, lines.iter().map(|line| plain(line)).collect())),
                );
            }
            data["groups"] = group("events", "Its events", events).into_iter().collect();
            self.page(&Page::Stream(name.clone()), (name, "stream"), &stream.description, "other", &data)?;
        }
        Ok(())
    }

    pub(super) fn buckets(&self) -> Result<(), RenderError> {
        for (name, bucket) in &self.loaded.catalogue.manifest.buckets {
            let name = name.get_ref();
            let state = bucket.state.get_ref();
            let mut data = empty("a bucket", name, self.html(&bucket.description, "eventsmith.toml"));
            data["facts"] = [
                fact("Documents", vec![self.linked(&Page::Event(state.clone()), state)]),
                fact("Values of a key", vec![plain(&bucket.history.to_string())]),
                fact("Dropped after", bucket.ttl.map(|time| plain(&duration_text(time))).into_iter().collect()),
                fact("Servers", vec![plain(&bucket.replicas.to_string())]),
            ]
            .into_iter()
            .flatten()
            .collect();
            self.page(&Page::Bucket(name.clone()), (name, "bucket"), &bucket.description, "other", &data)?;
        }
        Ok(())
    }

    pub(super) fn sagas(&self) -> Result<(), RenderError> {
        let manifest = &self.loaded.catalogue.manifest;
        for (stream, name, state) in manifest.sagas() {
            let name = name.get_ref();
            let description = self.loaded.catalogue.event(state.get_ref()).map_or("", |event| self.description(event));
            let mut data = empty("a saga", name, self.html(description, "eventsmith.toml"));
            if let Some(flow) = Flow::of_saga(self.landscape, &self.seen.flow, name) {
                data["picture"] = self.around(&flow, 0)?.into();
            }
            let is_run_by = |runs: &[Named]| runs.iter().any(|runs| runs.get_ref().split('@').next() == Some(name));
            let runners = manifest
                .services
                .iter()
                .filter(|(_, service)| is_run_by(&service.runs))
                .map(|(service, _)| self.linked(&Page::Service(service.get_ref().clone()), service.get_ref()));
            data["facts"] = [
                fact("State", vec![self.linked(&Page::Event(state.get_ref().clone()), state.get_ref())]),
                fact("Lies in", vec![self.linked(&Page::Stream(stream.get_ref().clone()), stream.get_ref())]),
                fact("Run by", runners.collect()),
            ]
            .into_iter()
            .flatten()
            .collect();
            self.page(&Page::Saga(name.clone()), (name, "saga"), description, "other", &data)?;
        }
        Ok(())
    }

    /// After all others, which say what they use.
    pub(super) fn types(&self) -> Result<(), RenderError> {
        let mut pages: Vec<(&Location, Value, &str)> = Vec::new();
        for location in &self.shared {
            let description = self.text(&location.file, &location.pointer, "description");
            let name = Reader::name(location);
            let mut data = empty("a shared type", &name, self.html(description, &location.file));
            let whole = self.reader.whole(location);
            let page = Page::Type(location.clone());
            let mut anchors = BTreeSet::from(
                ["main", "search", "query", "found", "count", "theme", "tip", "users"].map(str::to_owned),
            );
            let fields = self.table(location, &page, (&name, "field", "field."), &mut anchors);
            data["facts"] = [
                fact("It is", vec![plain(&whole.kind)]),
                fact("Values", whole.values.iter().map(|value| code(value)).collect()),
                fact("Rules", whole.constraints.iter().map(|rule| plain(rule)).collect()),
                fact("Examples", whole.examples.iter().map(|example| code(example)).collect()),
                fact("File", vec![code(&format!("{}#{}", location.file, location.pointer))]),
            ]
            .into_iter()
            .flatten()
            .collect();
            data["is_type"] = fields.as_array().is_some_and(|fields| !fields.is_empty()).into();
            data["fields"] = fields;
            data["label"] = format!("Fields of {name}").into();
            pages.push((location, data, description));
        }
        for (location, mut data, description) in pages {
            let users = self.users.borrow().get(location).cloned().unwrap_or_default();
            let listed = users.iter().map(|page| match page {
                Page::Event(name) => self.listed_event(name),
                Page::Type(of) => self.listed(page, &Reader::name(of), self.text(&of.file, &of.pointer, "description")),
                _ => Value::Null,
            });
            data["groups"] =
                group("users", "Used by", listed.filter(|value| !value.is_null()).collect()).into_iter().collect();
            self.page(&Page::Type(location.clone()), (&Reader::name(location), "type"), description, "other", &data)?;
        }
        Ok(())
    }
}
