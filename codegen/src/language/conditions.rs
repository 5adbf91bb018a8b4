//! What patterns and formats say about texts, as regular expressions that automata are made of.

use crate::schema::{leading_look_aheads, rust_regex};

/// A regular expression of the `regex` crates, searched for, and whether a text must match it or must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) expression: String,
    pub(crate) holds: bool,
}

impl Condition {
    pub(crate) fn that(expression: impl Into<String>) -> Self {
        Self { expression: expression.into(), holds: true }
    }
}

/// Conditions that hold together for exactly the texts that a pattern matches; `None` where it cannot be taken apart.
///
/// A look-ahead behind `^` and a look-behind before `$` are conditions of their own: `^(?!x)[a-z]+$` matches what `^[a-z]+$`
/// matches and `^x` does not.
pub(crate) fn conditions(pattern: &str) -> Option<Vec<Condition>> {
    if let Some(lengths) = of_lengths(pattern) {
        return Some(vec![Condition::that(lengths)]);
    }
    let translated = rust_regex(pattern)?;
    if regex_syntax::parse(&translated).is_ok() {
        return Some(vec![Condition::that(translated)]);
    }
    if let Some(parts) = leading_look_aheads(pattern) {
        return Some(parts.into_iter().map(Condition::that).collect());
    }
    // The engine for look-around reads what is left as the `regex` crates do, with classes of Unicode.
    let mut rest = pattern.strip_prefix('^').filter(|rest| !has_set_operation(rest) && !has_alternatives(rest))?;
    let mut found = Vec::new();
    while let Some((after, holds)) = looking(rest, "(?=", "(?!") {
        let end = group_end(after)?;
        found.push(Condition { expression: format!("^(?:{})", &after[..end]), holds });
        rest = unrepeated(&after[end + 1..])?;
    }
    let mut tail = String::new();
    if let Some(body) = rest.strip_suffix('$').filter(|body| !is_escaped(body)) {
        tail.push('$');
        rest = body;
        while let Some((start, inner, holds)) = last_look_behind(rest) {
            found.push(Condition { expression: format!("(?:{inner})$"), holds });
            rest = &rest[..start];
        }
    }
    found.push(Condition::that(format!("^(?:{rest}){tail}")));
    found.iter().all(|condition| regex_syntax::parse(&condition.expression).is_ok()).then_some(found)
}

/// The pattern of texts of some lengths, `^[^]{1,8}$`, which no user writes: the engine does not know `[^]`, any character.
fn of_lengths(pattern: &str) -> Option<String> {
    let range = pattern.strip_prefix("^[^]{")?.strip_suffix("}$")?;
    let (least, most) = range.split_once(',')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(least) && (most.is_empty() || is_number(most))).then(|| format!("^(?s:.){{{range}}}$"))
}

/// What follows one of two openings of groups, and whether it was the first of them.
fn looking<'a>(text: &'a str, positive: &str, negative: &str) -> Option<(&'a str, bool)> {
    text.strip_prefix(positive).map(|after| (after, true)).or_else(|| Some((text.strip_prefix(negative)?, false)))
}

/// A group of the last characters that looks behind: where it begins, what it holds, whether that must be there.
fn last_look_behind(text: &str) -> Option<(usize, &str, bool)> {
    let starts = text.match_indices("(?<").map(|(at, _)| at);
    starts.filter(|at| !is_escaped(&text[..*at])).find_map(|at| {
        let (after, holds) = looking(&text[at..], "(?<=", "(?<!")?;
        let end = group_end(after)?;
        (end + 1 == after.len()).then(|| (at, &after[..end], holds))
    })
}

/// The rest behind a group, unless it repeats the group.
fn unrepeated(rest: &str) -> Option<&str> {
    (!rest.starts_with(['*', '+', '?', '{'])).then_some(rest)
}

/// Whether what follows a text is escaped by its last character.
fn is_escaped(text: &str) -> bool {
    text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The index of the parenthesis that closes a group whose body starts at the beginning.
fn group_end(body: &str) -> Option<usize> {
    outside(body, |c, depth| c == ')' && depth == 0)
}

fn has_alternatives(pattern: &str) -> bool {
    outside(pattern, |c, depth| c == '|' && depth == 0).is_some()
}

/// Whether a class holds what the `regex` crates take for an operation with sets, or for a class in it.
fn has_set_operation(pattern: &str) -> bool {
    let (mut in_class, mut last) = (false, ' ');
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                characters.next();
            }
            '[' if !in_class => in_class = true,
            '[' => return true,
            ']' => in_class = false,
            '&' | '-' | '~' if in_class && c == last => return true,
            _ => {}
        }
        last = c;
    }
    false
}

/// The index of the first character outside of classes that is asked for, by the depth of groups before it.
fn outside(pattern: &str, mut is_it: impl FnMut(char, usize) -> bool) -> Option<usize> {
    let (mut depth, mut in_class) = (0_usize, false);
    let mut characters = pattern.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => {
                characters.next();
            }
            '[' if !in_class => in_class = true,
            ']' if in_class => in_class = false,
            _ if in_class => {}
            _ if is_it(c, depth) => return Some(at),
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// A format as a regular expression: one that matches every text of it, and one that matches nothing else.
struct FormatLanguage {
    name: &'static str,
    wide: &'static str,
    narrow: Option<&'static str>,
}

macro_rules! date {
    () => {
        "[0-9]{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    };
}

macro_rules! leap_day {
    () => {
        "[0-9]{4}-02-29"
    };
}

macro_rules! time {
    () => {
        concat!(
            "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?",
            "(?:[zZ]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
        )
    };
}

macro_rules! leap_second {
    () => {
        "[0-9:]{6}60(?:\\.[0-9]+)?(?:[zZ]|[+-][0-9:]{5})"
    };
}

macro_rules! octet {
    () => {
        "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    };
}

/// RFC 9562, RFC 3339, RFC 5321, RFC 3986, RFC 4291, RFC 6901, as validators read them.
const FORMATS: &[FormatLanguage] = &[
    FormatLanguage { name: "uuid", wide: UUID, narrow: Some(UUID) },
    FormatLanguage {
        name: "date",
        wide: concat!("^(?:", date!(), "|", leap_day!(), ")$"),
        narrow: Some(concat!("^", date!(), "$")),
    },
    FormatLanguage {
        name: "time",
        wide: concat!("^(?:", time!(), "|", leap_second!(), ")$"),
        narrow: Some(concat!("^", time!(), "$")),
    },
    FormatLanguage {
        name: "date-time",
        wide: concat!("^(?:", date!(), "|", leap_day!(), ")[tT](?:", time!(), "|", leap_second!(), ")$"),
        narrow: Some(concat!("^", date!(), "[tT]", time!(), "$")),
    },
    FormatLanguage { name: "ipv4", wide: IPV4, narrow: Some(IPV4) },
    FormatLanguage {
        name: "ipv6",
        wide: "^[0-9a-fA-F:.]{2,45}$",
        narrow: Some("^(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}$"),
    },
    FormatLanguage { name: "hostname", wide: "^[0-9A-Za-z.-]{1,253}$", narrow: Some(HOST_NAME) },
    FormatLanguage {
        name: "email",
        wide: "^(?s:.)+@(?s:.)+$",
        narrow: Some("^[0-9A-Za-z_]{1,64}@[0-9A-Za-z]{1,63}(?:\\.[0-9A-Za-z]{1,63}){0,2}$"),
    },
    FormatLanguage { name: "uri", wide: "^[A-Za-z][A-Za-z0-9+.-]*:[!-~]*$", narrow: Some(URI) },
    FormatLanguage { name: "iri", wide: "^[A-Za-z][A-Za-z0-9+.-]*:", narrow: Some(URI) },
    FormatLanguage { name: "uri-reference", wide: "^[!-~]*$", narrow: Some(URI_REFERENCE) },
    FormatLanguage { name: "iri-reference", wide: "", narrow: Some(URI_REFERENCE) },
    FormatLanguage { name: "duration", wide: "^P[0-9YMWDTHS]{2,}$", narrow: Some("^P(?:[0-9]+[YMWD]|T[0-9]+[HMS])$") },
    FormatLanguage { name: "json-pointer", wide: JSON_POINTER, narrow: Some(JSON_POINTER) },
];

const UUID: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
const IPV4: &str = concat!("^", octet!(), "\\.", octet!(), "\\.", octet!(), "\\.", octet!(), "$");
const HOST_NAME: &str = "^[0-9A-Za-z]{1,63}(?:\\.[0-9A-Za-z]{1,63}){0,2}$";
const JSON_POINTER: &str = "^(?:/(?:[^/~]|~[01])*)*$";
const URI: &str = "^[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9._~-]*(?:/[A-Za-z0-9._~/-]*)?\
                   (?:\\?[A-Za-z0-9._~/?=&-]*)?(?:#[A-Za-z0-9._~/?-]*)?$";
const URI_REFERENCE: &str = "^(?:/[A-Za-z0-9._~-]+)*$";

/// What every text of a format matches.
pub(crate) fn wider_than_format(format: &str) -> Option<Condition> {
    FORMATS.iter().find(|known| known.name == format).map(|known| Condition::that(known.wide))
}

/// What only texts of a format match.
pub(crate) fn within_format(format: &str) -> Option<Condition> {
    let known = FORMATS.iter().find(|known| known.name == format)?;
    known.narrow.map(Condition::that)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample::Instances;
    use crate::schema::Validator;

    #[test]
    fn formats_lie_between_their_expressions() {
        for known in FORMATS {
            let format = Validator::new(&json!({"format": known.name})).unwrap();
            let matches = |pattern: &str, text: &str| regex_automata::meta::Regex::new(pattern).unwrap().is_match(text);
            let of_format = json!({"type": "string", "format": known.name});
            for text in texts(&of_format) {
                if format.is_valid(&json!(text)) {
                    assert!(matches(known.wide, &text), "{}: {text:?}", known.name);
                }
            }
            let Some(narrow) = known.narrow else { continue };
            for text in texts(&json!({"type": "string", "pattern": narrow})) {
                if matches(narrow, &text) {
                    assert!(format.is_valid(&json!(text)), "{}: {text:?}", known.name);
                }
            }
        }
    }

    fn texts(schema: &serde_json::Value) -> Vec<String> {
        let instances = Instances::new(schema, 7).unwrap().take(600);
        instances.filter_map(|instance| instance.as_str().map(str::to_owned)).collect()
    }

    #[test]
    fn look_around_at_the_ends_is_taken_apart() {
        let parts = |pattern: &str| {
            let found = conditions(pattern)?;
            Some(found.into_iter().map(|one| (one.expression, one.holds)).collect::<Vec<_>>())
        };
        let part = |expression: &str, holds: bool| (expression.to_owned(), holds);

        assert_eq!(parts("^(?!x)[a-z]+$"), Some(vec![part("^(?:x)", false), part("^(?:[a-z]+)$", true)]));
        assert_eq!(
            parts(r"^(?=.)\d+$"),
            Some(vec![part(r"^(?:[^\n\r\x{2028}\x{2029}])", true), part("^(?:[0-9]+$)", true)])
        );
        assert_eq!(
            parts("^(?=.*[0-9])(?!a(b)).+(?<!-)$"),
            Some(vec![
                part("^(?:.*[0-9])", true),
                part("^(?:a(b))", false),
                part("(?:-)$", false),
                part("^(?:.+)$", true)
            ])
        );
        assert_eq!(parts("^[^]{2,}$"), Some(vec![part("^(?s:.){2,}$", true)]));
        for pattern in ["^[^]]+$", "^[^]{2,}]$", "a(?=b)c", "^a(?=b)c$", "^(?=a)*b$", "^(?=a)b|c$", "^(?=(a))\\1$"] {
            assert_eq!(parts(pattern), None, "{pattern}");
        }
    }
}
