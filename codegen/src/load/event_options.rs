//! The keyword `x-event` at the root of a schema file: ordering key and subject template.

use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::model::{Document, Kind, Template, Token, is_token};
use crate::pointer;

const RULE: &str = "bad-x-event";
const SHAPE: &str = "write \"x-event\": {\"key\": \"/rule_id\", \"subject\": \"rules.domain.rule.created.{rule_id}\"}";

/// The key and the template of a schema file. A document of a bucket has neither.
pub(super) fn read(
    document: &Document,
    kind: Kind,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Option<String>, Option<Template>) {
    let Some(options) = document.schema.get("x-event") else { return (None, None) };
    if kind.is_document() {
        let message = format!("{} has no subject, and no key in its schema", kind.described());
        let help = "remove x-event: a document lies under the key that it is put under, bucket.put(key, &document)";
        diagnostics.push(document.error(RULE, "/x-event", message, help));
        return (None, None);
    }
    let Value::Object(options) = options else {
        diagnostics.push(document.error(RULE, "/x-event", "x-event is not an object", SHAPE));
        return (None, None);
    };
    for name in options.keys().filter(|name| !["key", "subject"].contains(&name.as_str())) {
        let at = pointer::join("/x-event", name);
        diagnostics.push(document.error(RULE, &at, format!("x-event has no member {name:?}"), SHAPE));
    }
    let key = text(document, options, "key", diagnostics);
    let key = key.filter(|key| {
        let legal = key.starts_with('/');
        if !legal {
            let message = format!("the key {key:?} is not a JSON pointer to a property");
            diagnostics.push(document.error(RULE, "/x-event/key", message, SHAPE));
        }
        legal
    });
    let subject = text(document, options, "subject", diagnostics);
    (key, subject.and_then(|subject| template(document, &subject, diagnostics)))
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
            let at = pointer::join("/x-event", name);
            diagnostics.push(document.error(RULE, &at, format!("{other} is not a string"), SHAPE));
            None
        }
    }
}

fn template(document: &Document, subject: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Template> {
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
                diagnostics.push(document.error(RULE, "/x-event/subject", message, help));
                return None;
            }
        }
    }
    Some(Template { tokens })
}
