//! One text of every format of JSON Schema.

mod lengths;

use crate::sample::choices::Choices;

pub(super) use lengths::of_length;

/// The shapes; every `#` is a digit from 1 to 9.
const SHAPES: &[(&str, &str)] = &[
    ("date", "202#-0#-1#"),
    ("date-time", "202#-0#-1#T1#:2#:3#Z"),
    ("duration", "P#D"),
    ("email", "user#@example.org"),
    ("hostname", "host#.example.org"),
    ("idn-email", "user#@example.org"),
    ("idn-hostname", "host#.example.org"),
    ("ipv4", "192.0.2.#"),
    ("ipv6", "2001:db8::#"),
    ("iri", "https://example.org/#"),
    ("iri-reference", "/#"),
    ("json-pointer", "/a/#"),
    ("regex", "^a{#}$"),
    ("relative-json-pointer", "#/a"),
    ("time", "1#:2#:3#Z"),
    ("uri", "https://example.org/#"),
    ("uri-reference", "/#"),
    ("uri-template", "/items/{id#}"),
    ("uuid", "0197f3a2-7d2c-7#5e-8a4#-2f0b6a1c9d1#"),
];

/// A text of a format; `None` for formats that JSON Schema does not know, which assert nothing.
pub(super) fn sample(format: &str, choices: &mut Choices) -> Option<String> {
    let (_, shape) = SHAPES.iter().find(|(name, _)| *name == format)?;
    let fill = |c| if c == '#' { char::from(b"123456789"[choices.pick(9)]) } else { c };
    Some(shape.chars().map(fill).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Validator;

    #[test]
    fn every_text_is_of_its_format() {
        for (format, _) in SHAPES {
            let validator = Validator::new(&json!({"format": format})).unwrap();
            for seed in 0..50 {
                let text = sample(format, &mut Choices::seeded(seed)).unwrap();
                assert!(validator.faults(&json!(text)).is_empty(), "{format}: {text}");
            }
        }
    }
}
