//! What to do about a manifest that cannot be read, from the words of the error.

use crate::lookup;

/// The only key that must be there, and the way to write it.
pub(super) const ROOT: &str = "an eventsmith.toml needs at least one line: root = \"rules\"";

/// The message without the part of it that is help, and the help that fits it.
pub(super) fn split(error: &toml::de::Error) -> (String, String) {
    let message = error.message().trim();
    let name = |prefix: &str| message.strip_prefix(prefix)?.split('`').next();
    if let Some(name) = name("unknown field `").or_else(|| name("unknown variant `")) {
        let (what, rest) = message.split_once(", expected").unwrap_or((message, ""));
        let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        let what = what.replace("unknown field", "there is no key").replace("unknown variant", "there is no value");
        return (what, meant(name, &known));
    }
    if let Some(name) = name("missing field `") {
        let help = if name == "root" { ROOT.to_owned() } else { format!("add a line: {name} = ..") };
        return (format!("the key `{name}` is missing"), help);
    }
    if message.contains("expected struct Switch") {
        let help = "write level and reason: unbounded-string = { level = \"off\", reason = \"why\" }";
        return ("the switch of a rule is a table".to_owned(), help.to_owned());
    }
    if let Some((found, expected)) =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    {
        let (expected, help) = if expected.starts_with("struct ") || expected == "a map" {
            (
                "a table",
                "write a section, [name], with its keys on lines of their own, or { key = value } behind the name",
            )
        } else {
            (expected, "texts, durations and sizes stand in quotes; numbers, true and false do not; lists in brackets")
        };
        return (format!("expected {expected}, found {found}"), help.to_owned());
    }
    let help = if let Some((what, help)) = message.split_once("; ") {
        return (what.to_owned(), help.to_owned());
    } else {
        "mend the syntax of TOML: one `key = value` to a line, sections as [streams.NAME] and [services.NAME]"
    };
    (message.to_owned(), help.to_owned())
}

fn meant(name: &str, known: &[&str]) -> String {
    let near: Vec<String> =
        lookup::nearest(&name.to_lowercase(), known.iter().copied()).iter().map(|name| format!("`{name}`")).collect();
    lookup::did_you_mean(&near).unwrap_or_else(|| match known {
        [] => "remove it".to_owned(),
        known => format!("there are {}", known.join(", ")),
    })
}
