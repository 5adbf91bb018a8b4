//! Texts of a format that are short or long: where a schema limits the length, the limit decides what is written.

/// Texts that are perhaps of a format and have about a length, the nearest first. The caller must check both.
pub(in crate::sample) fn of_length(format: &str, length: usize) -> Vec<String> {
    let long = |start: &str, fill: &str, end: &str| {
        let missing = length.saturating_sub(start.chars().count() + end.chars().count());
        format!("{start}{}{end}", fill.chars().cycle().take(missing).collect::<String>())
    };
    match format {
        "email" | "idn-email" => emails(length),
        "hostname" | "idn-hostname" => vec![host_name(length)],
        "uri" | "iri" => vec![long("https://example.org/", "a", ""), long("a:", "a", "")],
        "uri-reference" | "iri-reference" => vec![long("/", "a", ""), long("", "a", "")],
        "uri-template" => vec![long("/items/", "a", "/{id}"), long("", "a", "")],
        "json-pointer" => vec![long("/", "a", ""), long("", "a", "")],
        "relative-json-pointer" => vec![long("1/", "a", ""), long("1", "1", "")],
        "regex" => vec![long("^", "a", "$"), long("", "a", "")],
        "date-time" => {
            vec![long("2020-01-11T11:22:33.", "1", "Z"), long("2020-01-11T11:22:33", "", "+01:00")]
        }
        "time" => vec![long("11:22:33.", "1", "Z"), long("11:22:33", "", "+01:00")],
        "duration" => vec![long("P", "1", "D"), long("P1Y2M3DT4H5M", "6", "S")],
        "ipv4" => [(7, "1.1.1.1"), (15, "192.168.100.100")].map(|(_, text)| text.to_owned()).to_vec(),
        "ipv6" => addresses(length),
        _ => Vec::new(),
    }
}

/// RFC 5321: at most 64 octets before the sign, 255 behind it; RFC 1035: labels of at most 63.
fn emails(length: usize) -> Vec<String> {
    let local = |most: usize| "a".repeat(length.saturating_sub(4).clamp(1, most));
    let with = |local: String| {
        let domain = host_name(length.saturating_sub(local.len() + 1).max(1));
        format!("{local}@{domain}")
    };
    let name = length.saturating_sub("A <a@b.example>".len() - 1);
    vec![with(local(64)), with(local(16)), with("a".to_owned()), format!("{} <a@b.example>", "A".repeat(name))]
}

/// Labels of at most 63 letters, the last one not too short where there is room.
fn host_name(length: usize) -> String {
    let mut name = String::new();
    let mut left = length;
    while left > 0 {
        let label = match left {
            0..=63 => left,
            // No empty label is left over, and none of one letter.
            64..=66 => 60,
            _ => 63,
        };
        name.push_str(&"a".repeat(label));
        left -= label;
        if left > 0 {
            name.push('.');
            left -= 1;
        }
    }
    name
}

fn addresses(length: usize) -> Vec<String> {
    let full = "2001:1db8:1111:2222:3333:4444:5555:6666";
    let mut found = vec!["::".to_owned(), "::1".to_owned()];
    let mut short = String::new();
    for (index, group) in full.split(':').enumerate() {
        for digits in 1..=group.len() {
            let start = format!("{short}{}", &group[..digits]);
            match index {
                0..=4 => found.extend([format!("{start}::"), format!("{start}::1")]),
                5 => {
                    found.extend([format!("{start}::"), format!("{start}::1")]);
                    let ends = ["1.1.1.1", "10.1.1.1", "10.10.1.1", "10.10.10.1", "10.10.10.10"];
                    found.extend(ends.map(|end| format!("{start}:{end}")));
                    let ends = ["100.10.10.10", "100.100.10.10", "100.100.100.10", "100.100.100.100"];
                    found.extend(ends.map(|end| format!("{start}:{end}")));
                }
                6 => found.push(format!("{start}:6")),
                _ => found.push(start),
            }
        }
        short.push_str(group);
        short.push(':');
    }
    found.sort_by_key(|text| text.len().abs_diff(length));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Validator;

    #[test]
    fn every_length_that_a_format_allows_is_made() {
        for (format, least, most) in [
            ("email", 3, 319),
            ("idn-email", 3, 319),
            ("hostname", 1, 253),
            ("idn-hostname", 1, 253),
            ("uri", 2, 3_000),
            ("iri", 2, 3_000),
            ("uri-reference", 0, 3_000),
            ("iri-reference", 0, 3_000),
            ("uri-template", 0, 3_000),
            ("json-pointer", 0, 3_000),
            ("relative-json-pointer", 1, 3_000),
            ("regex", 0, 3_000),
            ("date-time", 22, 3_000),
            ("time", 11, 3_000),
            ("duration", 3, 3_000),
            ("ipv6", 2, 45),
        ] {
            let validator = Validator::new(&json!({"format": format})).unwrap();
            for length in (least..=most).filter(|length| *length < 340 || length % 97 == 0) {
                let made = of_length(format, length);
                let is_right = |text: &String| text.chars().count() == length && validator.is_valid(&json!(text));
                assert!(made.iter().any(is_right), "{format} of {length}: {made:?}");
            }
        }
    }
}
