//! What is written stays in proportion to what was read, whatever a schema multiplies, and everything comes to an end.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::catalogue;
use eventsmith_codegen::containment::{Compatibility, Prepared, decide};
use eventsmith_codegen::lint::lint;
use eventsmith_codegen::{generate, load};
use serde_json::{Map, Value, json};

/// The bytes of a schema, and of the code for it. Lint looks at it, too.
fn sizes(schema: &Value) -> (usize, usize) {
    let text = schema.to_string();
    let loaded = load(catalogue(&[("domain/rule/created.v1.json", &text)]).path());
    lint(&loaded);
    let code = generate(&loaded);
    (text.len(), code.unwrap_or_else(|findings| panic!("{findings:?}")).len())
}

/// Code grows at most half as fast again as its schema does, and no code is a large multiple of it.
fn grows_evenly(name: &str, schema: fn(usize) -> Value, n: usize) {
    let (one, two) = (sizes(&schema(n)), sizes(&schema(2 * n)));
    const SMALL: usize = 100_000;

    assert!(2 * two.1 * one.0 <= 3 * two.0 * one.1.max(SMALL), "{name}: {one:?}, then {two:?}");
    assert!(one.1 <= 32 * one.0 + 4 * SMALL, "{name}: {one:?}");
}

/// A name, and schemas of any size.
type Family = (&'static str, fn(usize) -> Value);

fn reference(name: &str, index: usize) -> Value {
    json!({"$ref": format!("#/$defs/{name}{index}")})
}

/// An object with a property `a` that is the first of some definitions.
fn with_definitions(last: usize, definition: impl Fn(usize) -> Value) -> Value {
    let definitions: Map<String, Value> = (0..=last).map(|at| (format!("d{at}"), definition(at))).collect();
    json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions})
}

fn object(name: &str) -> Value {
    json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]})
}

fn independent_unions(n: usize) -> Value {
    let tagged = |at: usize, kind: &str| {
        let (tag, own) = (format!("k{at}"), format!("{kind}{at}"));
        json!({"type": "object", "properties": {&tag: {"const": kind}, own: {"type": "string"}}, "required": [tag]})
    };
    let all: Vec<Value> = (0..n).map(|at| json!({"oneOf": [tagged(at, "a"), tagged(at, "b")]})).collect();
    json!({"type": "object", "properties": {"a": {"allOf": all}}})
}

fn doubled_conjunctions(n: usize) -> Value {
    with_definitions(n, |at| match at {
        at if at < n => json!({"allOf": [reference("d", at + 1), reference("d", at + 1)]}),
        _ => object("z"),
    })
}

fn six_equal_alternatives(n: usize) -> Value {
    with_definitions(n, |at| match at {
        at if at < n => json!({"anyOf": vec![reference("d", at + 1); 6]}),
        _ => object("z"),
    })
}

fn six_alternatives(n: usize) -> Value {
    with_definitions(n, |at| {
        let alternative = |own: usize| {
            let name = format!("q{own}");
            json!({"type": "object", "properties": {&name: reference("d", at + 1)}, "required": [name]})
        };
        if at < n { json!({"anyOf": (0..6).map(alternative).collect::<Vec<_>>()}) } else { object("z") }
    })
}

fn closed_alternatives(n: usize) -> Value {
    with_definitions(n, |at| match at {
        at if at < n => {
            json!({"anyOf": [reference("d", at + 1), reference("d", at + 1)], "unevaluatedProperties": false})
        }
        _ => object("z"),
    })
}

/// Two circles of definitions that meet in a conjunction: each pair of them is a type.
fn circles_that_meet(n: usize) -> Value {
    let circle = |name: &str, length: usize, step: usize| {
        let of = |at: usize| {
            json!({"type": "object", "properties": {
                "l": reference(name, (at + 1) % length), "r": reference(name, (at + step) % length)
            }})
        };
        (0..length).map(|at| (format!("{name}{at}"), of(at))).collect::<Map<String, Value>>()
    };
    let mut definitions = circle("d", 10 * n, 7);
    definitions.extend(circle("e", 10 * n + 1, 5));
    let both = json!({"allOf": [reference("d", 0), reference("e", 0)]});
    json!({"type": "object", "properties": {"a": both}, "$defs": definitions})
}

/// Definitions that each add one property to the next: all of them together have the square of that.
fn inherited_properties(n: usize) -> Value {
    let last = 20 * n;
    let mut schema = with_definitions(last, |at| {
        let own = json!({"properties": {format!("x{at}"): {"type": "string"}}});
        if at < last { json!({"type": "object", "allOf": [reference("d", at + 1), own]}) } else { object("z") }
    });
    let all: Map<String, Value> = (0..last).map(|at| (format!("p{at}"), reference("d", at))).collect();
    schema["properties"] = Value::Object(all);
    schema
}

fn required_alternatives(n: usize) -> Value {
    let names = || (0..5 * n).map(|at| format!("p{at}"));
    let properties: Map<String, Value> = names().map(|name| (name, json!({"type": "string"}))).collect();
    let one: Vec<Value> = names().map(|name| json!({"required": [name]})).collect();
    json!({"type": "object", "properties": properties, "oneOf": one})
}

fn nested_conditions(n: usize) -> Value {
    let nested = (0..n).fold(json!({}), |inner, at| {
        let condition = json!({"if": {"properties": {"k": {"const": format!("v{at}")}}}, "then": {"required": ["k"]}});
        json!({"if": condition, "then": {"required": ["k"]}, "else": inner})
    });
    json!({"type": "object", "properties": {"k": {"type": "string"}}, "allOf": [nested]})
}

fn overlapping_patterns(n: usize) -> Value {
    let properties: Map<String, Value> = (0..5 * n).map(|at| (format!("ab{at}"), json!({"type": "string"}))).collect();
    let patterns: Map<String, Value> =
        (0..5 * n).map(|at| (format!("^a.*{at}"), json!({"type": "string", "maxLength": at + 1}))).collect();
    json!({"type": "object", "properties": properties, "patternProperties": patterns})
}

fn nested_negations(n: usize) -> Value {
    with_definitions(n, |at| match at {
        at if at < n => json!({"not": {"anyOf": [reference("d", at + 1), reference("d", at + 1)]}}),
        _ => json!({"type": "string"}),
    })
}

fn refined_pairs(n: usize) -> Value {
    with_definitions(n, |at| {
        let refined = |least: usize| json!({"$ref": format!("#/$defs/d{}", at + 1), "minProperties": least});
        match at {
            at if at < n => json!({"type": "object", "properties": {"l": refined(1), "r": refined(2)}}),
            _ => object("z"),
        }
    })
}

fn long_descriptions_of_alternatives(n: usize) -> Value {
    let doc = "A sentence about it. ".repeat(100 * n);
    let union = |name: &str| {
        let of = |kind: &str| {
            let own = format!("{kind}{name}");
            json!({"type": "object", "description": doc, "properties": {&own: {"type": "string"}}, "required": [own]})
        };
        json!({"oneOf": [of("a"), of("b")]})
    };
    let unions = ["x", "y", "z", "u", "v"].map(union);
    json!({"type": "object", "properties": {"a": {"allOf": unions}}})
}

fn many_properties(n: usize) -> Value {
    let properties: Map<String, Value> = (0..50 * n).map(|at| (format!("p{at}"), json!({"type": "integer"}))).collect();
    let required: Vec<String> = (0..50 * n).map(|at| format!("p{at}")).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn many_values(n: usize) -> Value {
    let values: Vec<String> = (0..500 * n).map(|at| format!("v{at}")).collect();
    json!({"type": "object", "properties": {"a": {"enum": values}}})
}

fn names_that_collide(n: usize) -> Value {
    let properties: Map<String, Value> =
        (0..50 * n).map(|at| (format!("a{}b", "_".repeat(at)), json!({"type": "integer"}))).collect();
    json!({"type": "object", "properties": properties})
}

fn several_at_once(n: usize) -> Value {
    let (properties, union) = (many_properties(n), six_alternatives(0));
    json!({"type": "object", "properties": {"a": {"allOf": [properties, union["$defs"]["d0"]]}}})
}

#[test]
fn code_grows_as_its_schema_does() {
    let families: [Family; 17] = [
        ("independent unions", independent_unions),
        ("doubled conjunctions", doubled_conjunctions),
        ("six equal alternatives", six_equal_alternatives),
        ("six alternatives", six_alternatives),
        ("closed alternatives", closed_alternatives),
        ("circles that meet", circles_that_meet),
        ("inherited properties", inherited_properties),
        ("required alternatives", required_alternatives),
        ("nested conditions", nested_conditions),
        ("overlapping patterns", overlapping_patterns),
        ("nested negations", nested_negations),
        ("refined pairs", refined_pairs),
        ("long descriptions", long_descriptions_of_alternatives),
        ("many properties", many_properties),
        ("many values", many_values),
        ("names that collide", names_that_collide),
        ("several at once", several_at_once),
    ];
    for (name, schema) in families {
        grows_evenly(name, schema, 5);
    }
}

/// Objects that each hold two of the next.
fn doubled(last: usize, required: &[&str], inner: &Value) -> Value {
    with_definitions(last, |at| match at {
        at if at < last => {
            let next = reference("d", at + 1);
            json!({"type": "object", "required": required, "properties": {"a": next, "b": next}})
        }
        _ => inner.clone(),
    })
}

#[test]
fn defaults_are_looked_for_once_in_each_type() {
    let inner = json!({"type": "object", "required": ["x"], "properties": {"x": {"type": "integer", "default": 1}}});
    let schema = doubled(60, &["a", "b"], &inner).to_string();

    let code = generate(&load(catalogue(&[("domain/rule/created.v1.json", &schema)]).path())).unwrap();

    // Every type but the root, whose property may be absent.
    assert_eq!(code.matches("Default,").count() + code.matches("impl Default for").count(), 61);
}

#[test]
fn types_that_hold_two_of_each_other_go_to_the_heap_before_they_are_large() {
    let inner = json!({"type": "object", "properties": {"x": {"type": "string"}}});
    let code = |last: usize| {
        let schema = doubled(last, &[], &inner).to_string();
        generate(&load(catalogue(&[("domain/rule/created.v1.json", &schema)]).path())).unwrap()
    };

    assert!(!code(5).contains("Box<"));
    // 24 bytes that double seven times are some 4 KiB; then it begins again.
    assert!((2..60).contains(&code(60).matches("Option<Box<").count()), "{}", code(60).matches("Option<Box<").count());
}

#[test]
fn defaults_of_nested_alternatives_come_to_an_end() {
    let alternative =
        |own: &str| json!({"type": "object", "properties": {"below": {"$ref": "#/$defs/n"}, own: {"type": "string"}}});
    let deep = (0..60).fold(json!({"a": 5, "b": 5}), |below, _| json!({ "below": below }));
    let alternatives = json!([alternative("a"), alternative("b")]);

    for union in ["anyOf", "oneOf"] {
        sizes(&json!({
            "type": "object",
            "properties": {"x": {"$ref": "#/$defs/n", "default": deep}},
            "$defs": {"n": {union: alternatives}}
        }));
    }
}

/// An object with a property `a`.
fn with_a(schema: Value) -> Value {
    json!({"type": "object", "properties": {"a": schema}, "required": ["a"]})
}

fn compared(old: &Value, new: &Value) -> Compatibility {
    decide(&Prepared::new(old), &Prepared::new(new))
}

#[test]
fn comparing_schemas_that_multiply_comes_to_an_end() {
    let twice = |name: &str| json!([{"$ref": name}, {"$ref": name}]);
    let doubled = |keyword: &str, most: usize| {
        with_definitions(25, |at| match at {
            at if at < 25 => json!({keyword: twice(&format!("#/$defs/d{}", at + 1))}),
            _ => json!({"type": "object", "properties": {"z": {"type": "string", "maxLength": most}}}),
        })
    };
    let values =
        |first: usize| with_a(json!({"enum": (first..first + 5_000).map(|at| format!("v{at}")).collect::<Vec<_>>()}));
    let unions = |last: &str| {
        let one = |at: usize| json!({"anyOf": (0..3).map(|own| json!({"required": [format!("{last}{at}_{own}")]})).collect::<Vec<_>>()});
        with_a(json!({"type": "object", "allOf": (0..12).map(one).collect::<Vec<_>>()}))
    };
    let large = |most: usize| with_a(json!({"type": "object", "maxProperties": most}));

    assert!(matches!(compared(&doubled("allOf", 9), &doubled("allOf", 8)), Compatibility::Undecided(_)));
    assert!(matches!(compared(&values(0), &values(1)), Compatibility::Breaking(_)));
    assert!(matches!(compared(&values(1), &values(1)), Compatibility::Identical));
    assert!(matches!(compared(&large(1_000_001), &large(1_000_000)), Compatibility::Undecided(_)));
    let numbers = |first: i32| with_a(json!({"enum": (first..first + 5_000).collect::<Vec<_>>()}));
    let list =
        |unique: bool| with_a(json!({"type": "array", "minItems": 1_000_000_000_000_u64, "uniqueItems": unique}));
    assert!(matches!(compared(&numbers(0), &numbers(1)), Compatibility::Breaking(_)));
    assert!(matches!(compared(&list(false), &list(true)), Compatibility::Undecided(_)));
    // Whatever is found out, it comes to an end.
    compared(&unions("a"), &unions("b"));
}

/// The alternative of a number, with a limit.
type Branch = fn(usize, usize) -> Value;

#[test]
fn comparing_many_alternatives_comes_to_an_end() {
    let tagged = |at: usize, most: usize| {
        let own = format!("o{at}");
        let properties = json!({"k": {"const": at}, own: {"type": "string", "maxLength": most}});
        json!({"type": "object", "properties": properties, "required": ["k"]})
    };
    let ranges = |at: usize, most: usize| json!({"type": "integer", "minimum": 10 * at, "maximum": 10 * at + most});
    let unions: [(&str, usize, Branch); 4] =
        [("oneOf", 60, tagged), ("anyOf", 30, tagged), ("anyOf", 300, ranges), ("oneOf", 30, ranges)];

    for (keyword, count, of) in unions {
        let union = |most: usize| with_a(json!({keyword: (0..count).map(|at| of(at, most)).collect::<Vec<_>>()}));
        // Each accepts more than the one before it: nothing else could be proved.
        let found = compared(&union(5), &union(4));
        assert!(!matches!(found, Compatibility::Compatible | Compatibility::Identical), "{keyword} {count}: {found:?}");
    }
}

#[test]
fn comparing_many_patterns_and_conditions_comes_to_an_end() {
    let patterns = |more: usize| {
        let of = |at: usize| (format!("^a.*{at}"), json!({"type": "string", "maxLength": 9 + at + more}));
        json!({"type": "object", "patternProperties": (0..30).map(of).collect::<Map<_, _>>()})
    };
    let conditions = |most: usize| {
        let of = |at: usize| {
            let (one, other) = (format!("p{at}"), format!("q{at}"));
            json!({"if": {"required": [one]}, "then": {"required": [other]}, "else": {"maxProperties": most}})
        };
        with_a(json!({"type": "object", "allOf": (0..20).map(of).collect::<Vec<_>>()}))
    };

    for (one, other) in [(patterns(1), patterns(0)), (conditions(9), conditions(8))] {
        let found = compared(&one, &other);
        assert!(!matches!(found, Compatibility::Compatible | Compatibility::Identical), "{found:?}");
    }
}

#[test]
fn names_are_not_held_against_patterns_without_end() {
    let properties: Map<String, Value> = (0..1_100).map(|at| (format!("a{at}"), json!({"type": "string"}))).collect();
    let patterns: Map<String, Value> = (0..1_000).map(|at| (format!("^b.*{at}"), json!({"type": "string"}))).collect();

    let schema = json!({"type": "object", "properties": properties, "patternProperties": patterns}).to_string();
    let code = generate(&load(catalogue(&[("domain/rule/created.v1.json", &schema)]).path())).unwrap();

    // An object that keeps everything, and the validator: no field for each name.
    assert!(!code.contains("pub a1099"), "{}", code.len());
}
