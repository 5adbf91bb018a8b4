//! The keyword `x-event` at the root of a schema file: ordering key, subject template, and the aggregate that the event is of.

use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::lookup;
use crate::model::{Document, Kind, Template, Token, Usage, is_token};
use crate::pointer;

const RULE: &str = "bad-x-event";
const KEYWORD: &str = "/x-event";
const MEMBERS: [&str; 3] = [KEY, SUBJECT, AGGREGATE];
const KEY: &str = "key";
const SUBJECT: &str = "subject";
const AGGREGATE: &str = "aggregate";
const SHAPE: &str = "write \"x-event\": {\"key\": \"/rule_id\", \"subject\": \"rules.domain.rule.created.{rule_id}\"}";
const SHAPE_OF_AGGREGATE: &str = "write \"x-event\": {\"key\": \"/rule_id\", \"aggregate\": \"rule\"}";

/// What a schema file says of its event.
#[derive(Debug, Default)]
pub(super) struct EventOptions {
    /// JSON pointer of the ordering key.
    pub(super) key: Option<String>,
    /// The subject template.
    pub(super) template: Option<Template>,
    /// The name of the aggregate.
    pub(super) aggregate: Option<String>,
}

/// The options of a schema file, whose path stands for a subject. A document of a bucket has none.
pub(super) fn read(document: &Document, kind: Kind, subject: &str, diagnostics: &mut Vec<Diagnostic>) -> EventOptions {
    let Some(options) = document.schema.get("x-event") else { return EventOptions::default() };
    if kind.is_document() {
        let message = format!("{} has no subject, and no key in its schema", kind.described());
        let help = "remove x-event: a document lies under the key that it is put under, bucket.put(key, &document)";
        diagnostics.push(document.error(RULE, KEYWORD, message, help));
        return EventOptions::default();
    }
    let Value::Object(options) = options else {
        diagnostics.push(document.error(RULE, KEYWORD, "x-event is not an object", SHAPE));
        return EventOptions::default();
    };
    for name in options.keys().filter(|name| !MEMBERS.contains(&name.as_str())) {
        let message = format!("x-event has no member {name:?}");
        let help = lookup::did_you_mean(&lookup::nearest(name, MEMBERS.into_iter()));
        diagnostics.push(document.error(RULE, &at(name), message, help.unwrap_or_else(|| SHAPE.to_owned())));
    }
    let key = text(document, options, KEY, diagnostics).filter(|key| {
        let legal = key.starts_with('/');
        if !legal {
            let message = format!("the key {key:?} is not a JSON pointer to a property");
            diagnostics.push(document.error(RULE, &at(KEY), message, SHAPE));
        }
        legal
    });
    let template = text(document, options, SUBJECT, diagnostics);
    let template = template.and_then(|subject| parse_template(document, &subject, diagnostics));
    let mut found = EventOptions { key, template, aggregate: None };
    if let Some(name) = text(document, options, AGGREGATE, diagnostics)
        && is_aggregate(document, kind, &name, diagnostics)
        && is_addressed(document, options, &mut found, subject, diagnostics)
    {
        found.aggregate = Some(name);
    }
    found
}

/// Whether an event of this kind may be of an aggregate, and one may have that name.
fn is_aggregate(document: &Document, kind: Kind, name: &str, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let (message, help) = if kind.usage() != Usage::Event {
        let message = format!("{} is of no aggregate: nothing is stored of it", kind.described());
        (message, "remove \"aggregate\": an aggregate is made of the events that tell what became of it")
    } else if !is_token(name) {
        let message = format!("{name:?} is no name of an aggregate");
        (message, "a name is one or more of A-Z a-z 0-9 _ -: \"aggregate\": \"rule\"")
    } else {
        return true;
    };
    diagnostics.push(document.error(RULE, &at(AGGREGATE), message, help));
    false
}

/// Whether the subject of an aggregate's event ends in the aggregate's id, which is its key. Without a template of its own it is
/// the subject of the path and the id behind it.
fn is_addressed(
    document: &Document,
    options: &Map<String, Value>,
    found: &mut EventOptions,
    subject: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let mut report = |place: &str, message: String, help: &str| {
        diagnostics.push(document.error(RULE, place, message, help));
        false
    };
    let Some(key) = &found.key else {
        // One that is no pointer has been reported.
        return !options.contains_key(KEY)
            && report(
                &at(AGGREGATE),
                "an aggregate's event has the aggregate's id as its key".to_owned(),
                SHAPE_OF_AGGREGATE,
            );
    };
    let id = match pointer::steps(key).as_deref() {
        Some([id]) => id.clone(),
        _ => {
            let message = format!("the key {key} of an aggregate's event leads into a property");
            return report(
                &at(KEY),
                message,
                "the id of an aggregate is a property at the root of the payload: /rule_id",
            );
        }
    };
    let Some(template) = &found.template else {
        let path = subject.split('.').map(|token| Token::Literal(token.to_owned()));
        // A template that is none has been reported.
        let is_given = options.contains_key(SUBJECT);
        found.template = (!is_given).then(|| Template { tokens: path.chain([Token::Property(id)]).collect() });
        return !is_given;
    };
    let is_property = |token: &&Token| matches!(token, Token::Property(_));
    match template.tokens.last() {
        Some(Token::Property(last)) if *last == id => {}
        _ => {
            let message = format!("the subject of an aggregate's event does not end in its id, {{{id}}}");
            let help = format!("end it with .{{{id}}}, or remove \"subject\": then it is that of the path and the id");
            return report(&at(SUBJECT), message, &help);
        }
    }
    if template.tokens.iter().filter(is_property).count() > 1 {
        let message = "the subject of an aggregate's event has other properties than the id".to_owned();
        return report(&at(SUBJECT), message, "keep the id alone: whoever loads an aggregate knows nothing else of it");
    }
    true
}

fn at(member: &str) -> String {
    pointer::join(KEYWORD, member)
}

fn text(
    document: &Document,
    options: &Map<String, Value>,
    name: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    match options.get(name)? {
        Value::String(text) => Some(text.clone()),
        other => {
            diagnostics.push(document.error(RULE, &at(name), format!("{other} is not a string"), SHAPE));
            None
        }
    }
}

fn parse_template(document: &Document, subject: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Template> {
    let mut tokens = Vec::new();
    for token in subject.split('.') {
        let property = token.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match property {
            Some(name) if !name.is_empty() && !name.contains(['{', '}']) => {
                tokens.push(Token::Property(name.to_owned()));
            }
            None if is_token(token) => tokens.push(Token::Literal(token.to_owned())),
            _ => {
                let message = format!("{token:?} is not a legal token of a subject template");
                let help = "a token is one or more of A-Z a-z 0-9 _ -, or one property in braces: {rule_id}";
                diagnostics.push(document.error(RULE, &at(SUBJECT), message, help));
                return None;
            }
        }
    }
    Some(Template { tokens })
}
