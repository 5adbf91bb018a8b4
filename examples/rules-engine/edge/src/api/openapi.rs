//! The API as an OpenAPI document, from the same schemas that check what is asked.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use eventsmith::catalogue::EventDescriptor;
use eventsmith::{Kind, Value};
use serde_json::{Map, json};

use super::headers::{CORRELATION, IDEMPOTENCY_KEY, TIMEOUT};
use super::problem;
use super::route::{newest, path};

/// The OpenAPI 3.1 document of the commands and queries of a catalogue.
///
/// ```
/// let document = rules_engine_edge::api::openapi(rules_events::CATALOGUE);
///
/// assert_eq!(document["openapi"], "3.1.0");
/// assert_eq!(document["paths"]["/commands/rule/activate"]["post"]["operationId"], "rule.activate");
/// ```
pub fn openapi(catalogue: &'static [EventDescriptor]) -> Value {
    let mut schemas = Schemas::default();
    schemas.found.insert("Problem".to_owned(), problem::schema());
    let paths: Map<String, Value> =
        newest(catalogue).map(|described| (path(described), item(described, &mut schemas))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Rules engine",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The commands and queries of the rules engine."
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas.found,
        }
    })
}

/// The operations of one route.
fn item(described: &EventDescriptor, schemas: &mut Schemas) -> Value {
    let request: Value = serde_json::from_str(described.schema).unwrap_or_default();
    let payload = schemas.add(described.event_type, &request);
    let mut common = operation(described, &request, schemas);
    let parameters = headers(described);
    let mut item = Map::new();
    if described.kind == Kind::Query
        && let Some(mut asked) = parameters_of(&request, &schemas.names(&request))
    {
        asked.extend(parameters.iter().cloned());
        let mut get = common.clone();
        get.insert("operationId".to_owned(), format!("{}.get", described.event_type).into());
        get.insert("parameters".to_owned(), asked.into());
        item.insert("get".to_owned(), get.into());
    }
    common.insert("parameters".to_owned(), parameters.into());
    common.insert(
        "requestBody".to_owned(),
        json!({"required": true, "content": {"application/json": {"schema": payload}}}),
    );
    item.insert("post".to_owned(), common.into());
    item.into()
}

/// What an operation is, without what it is asked by.
fn operation(described: &EventDescriptor, request: &Value, schemas: &mut Schemas) -> Map<String, Value> {
    let reply = match described.reply {
        Some(reply) => {
            let schema: Value = serde_json::from_str(reply.schema).unwrap_or_default();
            schemas.add(&format!("{}.reply", described.event_type), &schema)
        }
        None => json!({"type": "object"}),
    };
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    let refused = match described.error {
        Some(error) => {
            let schema: Value = serde_json::from_str(error.schema).unwrap_or_default();
            let refusal = schemas.add(&format!("{}.error", described.event_type), &schema);
            json!({"allOf": [problem, {"type": "object", "required": ["refusal"], "properties": {"refusal": refusal}}]})
        }
        None => problem.clone(),
    };
    let answer = |description: &str, media: &str, schema: &Value| json!({"description": description, "content": {media: {"schema": schema}}});
    let mut responses = Map::new();
    responses.insert("200".to_owned(), answer("It is done; the reply.", "application/json", &reply));
    const PROBLEM: &str = "application/problem+json";
    for (status, description) in [
        (StatusCode::BAD_REQUEST, "The payload violates its schema, or a header is not understood."),
        (StatusCode::UNAUTHORIZED, "The token is missing or unknown."),
        (StatusCode::NOT_FOUND, "The service does not know this request."),
        (StatusCode::REQUEST_TIMEOUT, "No reply came in time; it may be done."),
        (StatusCode::TOO_MANY_REQUESTS, "Too many requests at once; Retry-After says when to come again."),
        (StatusCode::INTERNAL_SERVER_ERROR, "The service failed."),
        (StatusCode::SERVICE_UNAVAILABLE, "The service is not available; Retry-After may say when to come again."),
    ] {
        responses.insert(status.as_str().to_owned(), answer(description, PROBLEM, &problem));
    }
    responses.insert("409".to_owned(), answer("The service refuses the request.", PROBLEM, &refused));
    responses.insert("default".to_owned(), answer("Any other problem.", PROBLEM, &problem));
    let description = request.get("description").cloned().unwrap_or_default();
    let tag = described.event_type.split('.').next().unwrap_or_default();
    let entries = [
        ("operationId", json!(described.event_type)),
        ("summary", request.get("title").cloned().unwrap_or_else(|| json!(described.event_type))),
        ("description", description),
        ("tags", json!([tag])),
        ("responses", responses.into()),
    ];
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The headers that an operation takes.
fn headers(described: &EventDescriptor) -> Vec<Value> {
    let header = |name: &str, description: String, schema: Value| json!({"name": name, "in": "header", "required": false, "description": description, "schema": schema});
    let mut headers = vec![
        header(
            TIMEOUT,
            "How long the reply is waited for, in milliseconds; no service begins what nobody waits for.".to_owned(),
            json!({"type": "integer", "minimum": 1}),
        ),
        header(
            CORRELATION,
            "What all messages of one business process have in common.".to_owned(),
            json!({"type": "string", "minLength": 1, "maxLength": 255}),
        ),
    ];
    if let Some(idempotent) = described.idempotent {
        let seconds = idempotent.window.as_secs();
        headers.push(header(
            IDEMPOTENCY_KEY,
            format!("The command is done once under a key, and answered the same for {seconds} s."),
            json!({"type": "string", "minLength": 1, "maxLength": 255}),
        ));
    }
    headers
}

/// The properties of a query as parameters; nothing where its schema is no plain object of scalars and arrays.
fn parameters_of(request: &Value, names: &BTreeMap<String, String>) -> Option<Vec<Value>> {
    let properties = request.get("properties")?.as_object()?;
    let required = request.get("required").and_then(Value::as_array);
    let parameter = |(name, schema): (&String, &Value)| {
        let is_required = required.is_some_and(|required| required.iter().any(|wanted| wanted == name));
        let description = schema.get("description").cloned().unwrap_or_default();
        let schema = referring(schema, names, "");
        json!({"name": name, "in": "query", "required": is_required, "description": description, "schema": schema})
    };
    Some(properties.iter().map(parameter).collect())
}

/// The schemas of the document, by name.
#[derive(Default)]
struct Schemas {
    found: BTreeMap<String, Value>,
    /// The definitions as the catalogue has them, to tell which are the same.
    raw: BTreeMap<String, Value>,
}

impl Schemas {
    /// Adds a schema with its definitions, and returns a reference to it.
    fn add(&mut self, name: &str, schema: &Value) -> Value {
        let names = self.names(schema);
        for (defined, content) in definitions(schema) {
            let name = names.get(defined).cloned().unwrap_or_else(|| defined.clone());
            self.raw.insert(name.clone(), content.clone());
            self.found.insert(name.clone(), referring(content, &names, &name));
        }
        let mut body = schema.clone();
        if let Some(body) = body.as_object_mut() {
            body.remove("$schema");
            body.remove("$defs");
        }
        self.found.insert(name.to_owned(), referring(&body, &names, name));
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    /// Under which names the definitions of a schema stand here. Those of one file stand under names of their own where one of them differs
    /// from what another file calls the same.
    fn names(&self, schema: &Value) -> BTreeMap<String, String> {
        let differs = definitions(schema).any(|(name, content)| self.raw.get(name).is_some_and(|raw| raw != content));
        let title = schema.get("title").and_then(Value::as_str).unwrap_or("Schema");
        let named = |name: &String| if differs { format!("{title}.{name}") } else { name.clone() };
        definitions(schema).map(|(name, _)| (name.clone(), named(name))).collect()
    }
}

fn definitions(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("$defs").and_then(Value::as_object).into_iter().flatten()
}

/// The same schema with references into the document. `own` is its name there.
fn referring(schema: &Value, names: &BTreeMap<String, String>, own: &str) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(|item| referring(item, names, own)).collect(),
        Value::Object(members) => {
            let member = |(keyword, value): (&String, &Value)| {
                let value = match (keyword.as_str(), value) {
                    ("$ref", Value::String(reference)) => target(reference, names, own).into(),
                    ("const" | "default" | "enum" | "examples", _) => value.clone(),
                    _ => referring(value, names, own),
                };
                (keyword.clone(), value)
            };
            Value::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

/// Where a reference within a schema leads in the document.
fn target(reference: &str, names: &BTreeMap<String, String>, own: &str) -> String {
    let Some(pointer) = reference.strip_prefix('#') else { return reference.to_owned() };
    match pointer.strip_prefix("/$defs/") {
        Some(rest) => {
            let (name, rest) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            format!("#/components/schemas/{}{rest}", names.get(name).map_or(name, String::as_str))
        }
        None => format!("#/components/schemas/{own}{pointer}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reference of a value.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(reference) if name == "$ref" => found.push(reference.clone()),
                        other => references(other, found),
                    }
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_request_is_there_and_every_reference_leads_somewhere() {
        let document = openapi(rules_events::CATALOGUE);
        let mut found = Vec::new();
        references(&document, &mut found);

        assert!(found.len() > 100);
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        for described in newest(rules_events::CATALOGUE) {
            assert!(document["paths"][path(described)]["post"].is_object(), "{}", described.event_type);
        }
    }

    #[test]
    fn definitions_that_differ_stand_under_names_of_their_own() {
        let mut schemas = Schemas::default();
        let one = json!({"title": "One", "$ref": "#/$defs/Id", "$defs": {"Id": {"type": "string"}}});
        let other = json!({"title": "Other", "$ref": "#/$defs/Id", "$defs": {"Id": {"type": "integer"}}});

        schemas.add("one", &one);
        schemas.add("other", &other);
        schemas.add("again", &one);

        assert_eq!(schemas.found["one"]["$ref"], "#/components/schemas/Id");
        assert_eq!(schemas.found["other"]["$ref"], "#/components/schemas/Other.Id");
        assert_eq!(schemas.found["again"]["$ref"], "#/components/schemas/Id");
        assert_eq!(schemas.found["Other.Id"], json!({"type": "integer"}));
    }
}
