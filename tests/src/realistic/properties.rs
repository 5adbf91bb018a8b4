//! The properties that events are made of: the table of what companies write, and how often.

use serde_json::{Map, Value, json};

use super::draw::Draw;

/// A property: its name and its schema.
pub(super) type Property = (String, Value);

/// A property that an event may have.
pub(super) struct Kind {
    name: &'static str,
    schema: fn(&mut Draw) -> Value,
}

/// What every event draws its properties from.
pub(super) const KINDS: &[Kind] = &[
    Kind { name: "tenant_id", schema: |_| common("TenantId") },
    Kind { name: "customer_id", schema: |_| common("CustomerId") },
    Kind { name: "correlation_id", schema: |_| uuid("Ties the events of one business process together.") },
    Kind { name: "request_id", schema: |_| uuid("The request that led to this.") },
    Kind { name: "status", schema: status },
    Kind { name: "channel", schema: channel },
    Kind { name: "priority", schema: |_| json!({"type": "integer", "minimum": 1, "maximum": 5}) },
    Kind { name: "revision", schema: |_| json!({"type": "integer", "minimum": 1}) },
    Kind { name: "quantity", schema: |_| json!({"description": "How many pieces.", "type": "integer", "minimum": 0}) },
    Kind { name: "score", schema: |_| json!({"type": "number", "minimum": 0, "maximum": 1}) },
    Kind { name: "weight_kg", schema: |_| json!({"type": "number", "exclusiveMinimum": 0}) },
    Kind { name: "exchange_rate", schema: |_| json!({"type": "string", "pattern": "^[0-9]+\\.[0-9]{1,6}$"}) },
    Kind {
        name: "is_test",
        schema: |_| json!({"description": "Whether nobody means it.", "type": "boolean", "default": false}),
    },
    Kind { name: "is_urgent", schema: |_| json!({"type": "boolean"}) },
    Kind { name: "total", schema: |_| described("What it costs, taxes included.", "Money") },
    Kind { name: "discount", schema: |_| common("Money") },
    Kind { name: "payment_method", schema: |_| common("PaymentMethod") },
    Kind { name: "billing_address", schema: |_| described("Where the bill goes.", "Address") },
    Kind { name: "delivery_address", schema: |_| common("Address") },
    Kind { name: "email", schema: |_| common("EmailAddress") },
    Kind { name: "phone", schema: |_| common("PhoneNumber") },
    Kind { name: "country", schema: |_| common("CountryCode") },
    Kind { name: "category", schema: |_| common("Category") },
    Kind { name: "validity", schema: |_| common("Period") },
    Kind {
        name: "reason",
        schema: |_| json!({"description": "Why, in plain words.", "type": "string", "minLength": 1, "maxLength": 500}),
    },
    Kind { name: "note", schema: |_| json!({"type": ["string", "null"], "maxLength": 2000}) },
    Kind { name: "approved_by", schema: |_| json!({"anyOf": [reference("Actor"), {"type": "null"}]}) },
    Kind { name: "reference_number", schema: |_| json!({"type": "string", "pattern": "^[A-Z]{2}-[0-9]{6,10}$"}) },
    Kind { name: "effective_on", schema: |_| json!({"type": "string", "format": "date"}) },
    Kind { name: "due_at", schema: |_| json!({"type": "string", "format": "date-time"}) },
    Kind {
        name: "expires_at",
        schema: |_| json!({"description": "Null if it never does.", "type": ["string", "null"], "format": "date-time"}),
    },
    Kind { name: "document_url", schema: |_| json!({"type": "string", "format": "uri"}) },
    Kind { name: "client_ip", schema: |_| json!({"type": "string", "format": "ipv4"}) },
    Kind { name: "tags", schema: tags },
    Kind {
        name: "attachment_ids",
        schema: |_| json!({"type": "array", "items": {"type": "string", "format": "uuid"}}),
    },
    Kind {
        name: "labels",
        schema: |_| json!({"description": "Free labels.", "type": "object", "additionalProperties": {"type": "string", "maxLength": 200}}),
    },
    Kind {
        name: "limits",
        schema: |_| json!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}, "maxProperties": 50}),
    },
    Kind { name: "attributes", schema: |_| json!({"description": "Whatever the source knows.", "type": "object"}) },
    Kind { name: "lines", schema: lines },
    Kind { name: "history", schema: history },
    Kind { name: "dimensions", schema: dimensions },
    Kind { name: "contact", schema: contact },
    Kind { name: "change", schema: change },
];

impl Kind {
    pub(super) fn property(&self, draw: &mut Draw) -> Property {
        (self.name.to_owned(), (self.schema)(draw))
    }
}

/// An object with these properties, of which so many in a hundred are required.
pub(super) fn object(draw: &mut Draw, properties: Vec<Property>, required: usize) -> Map<String, Value> {
    let required: Vec<String> =
        properties.iter().filter(|_| draw.percent(required)).map(|(name, _)| name.clone()).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("properties".to_owned(), properties.into_iter().collect());
    schema
}

/// A reference to a type that all teams share.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("../../common.json#/$defs/{name}")})
}

fn common(name: &str) -> Value {
    reference(name)
}

fn described(description: &str, name: &str) -> Value {
    json!({"$ref": format!("../../common.json#/$defs/{name}"), "description": description})
}

fn uuid(description: &str) -> Value {
    json!({"description": description, "type": "string", "format": "uuid"})
}

fn status(draw: &mut Draw) -> Value {
    const ALL: &[&str] = &["draft", "open", "in_review", "approved", "rejected", "on_hold", "closed", "cancelled"];
    let count = 3 + draw.below(5);
    json!({"description": "The status from now on.", "type": "string", "enum": draw.some(ALL, count)})
}

fn channel(draw: &mut Draw) -> Value {
    const ALL: &[&str] = &["WEB", "APP", "PHONE", "STORE", "PARTNER"];
    let count = 2 + draw.below(4);
    json!({"enum": draw.some(ALL, count)})
}

fn tags(draw: &mut Draw) -> Value {
    let most = 5 + draw.below(20);
    json!({"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 40}, "uniqueItems": true, "maxItems": most})
}

fn lines(draw: &mut Draw) -> Value {
    let properties = named(vec![
        ("sku", json!({"description": "The article.", "type": "string", "pattern": "^[A-Z0-9-]{4,20}$"})),
        ("quantity", json!({"type": "integer", "minimum": 1, "maximum": 9999})),
        ("unit_price", common("Money")),
        ("tax_rate", json!({"type": "number", "minimum": 0, "maximum": 1})),
        ("description", json!({"type": "string", "maxLength": 300})),
    ]);
    let most = 50 + draw.below(200);
    json!({"description": "What it consists of.", "type": "array", "minItems": 1, "maxItems": most, "items": object(draw, properties, 70)})
}

fn history(draw: &mut Draw) -> Value {
    let step = status(draw);
    let properties = named(vec![
        ("at", json!({"type": "string", "format": "date-time"})),
        ("status", step),
        ("by", common("Actor")),
        ("comment", json!({"type": ["string", "null"], "maxLength": 500})),
    ]);
    json!({"type": "array", "maxItems": 100, "items": object(draw, properties, 60)})
}

fn dimensions(draw: &mut Draw) -> Value {
    let length = || json!({"type": "integer", "minimum": 1, "maximum": 100_000});
    let properties = named(vec![("length_mm", length()), ("width_mm", length()), ("height_mm", length())]);
    let mut schema = object(draw, properties, 90);
    schema.insert("additionalProperties".to_owned(), json!(false));
    Value::Object(schema)
}

fn contact(draw: &mut Draw) -> Value {
    let properties = named(vec![
        ("name", json!({"type": "string", "minLength": 1, "maxLength": 120})),
        ("email", common("EmailAddress")),
        ("phone", common("PhoneNumber")),
        ("language", json!({"type": "string", "pattern": "^[a-z]{2}(-[A-Z]{2})?$"})),
        (
            "preferences",
            json!({"type": "object", "properties": {"newsletter": {"type": "boolean"}, "sms": {"type": "boolean"}}}),
        ),
    ]);
    let mut schema = object(draw, properties, 50);
    schema.insert("description".to_owned(), json!("Whom to ask."));
    Value::Object(schema)
}

/// A union that is told apart by a constant.
fn change(draw: &mut Draw) -> Value {
    let branches = [
        json!({"type": "object", "required": ["kind", "amount"], "properties": {"kind": {"const": "price"}, "amount": common("Money")}}),
        json!({"type": "object", "required": ["kind", "until"], "properties": {
            "kind": {"const": "deadline"}, "until": {"type": "string", "format": "date-time"}}}),
        json!({"type": "object", "required": ["kind", "to"], "properties": {
            "kind": {"const": "owner"}, "to": {"type": "string", "minLength": 1}, "handover": {"type": "boolean"}}}),
    ];
    let count = 2 + draw.below(2);
    json!({"description": "What is different now.", "oneOf": branches[..count]})
}

fn named(properties: Vec<(&str, Value)>) -> Vec<Property> {
    properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}
