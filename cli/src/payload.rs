//! One payload that is given on the command line: read, checked, and what is wrong with it printed.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Read as _, Write as _};

use anyhow::{Context as _, anyhow, bail};
use eventsmith_codegen::Loaded;
use eventsmith_codegen::payload::{Checker, Options};
use serde::de::IgnoredAny;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::format::visible;
use crate::output::Out;

/// The text of a payload: the argument itself where it is JSON, a file of this name, or standard input for `-`.
pub(crate) fn read(data: &str) -> anyhow::Result<String> {
    match data {
        "-" => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
            Ok(text)
        }
        data if serde_json::from_str::<IgnoredAny>(data).is_ok() || data.trim_start().starts_with(['{', '[', '"']) => {
            Ok(data.to_owned())
        }
        "" => bail!("there is no payload; write it as JSON, or name a file"),
        file => fs::read_to_string(file)
            .with_context(|| format!("{file} cannot be read; write the payload as JSON, or name a file")),
    }
}

/// Whether a payload is what a schema file describes. What is wrong with it is printed.
pub(crate) fn check(out: &mut Out, loaded: &Loaded, file: &str, text: &str) -> anyhow::Result<bool> {
    let problems = problems(loaded, file, text.as_bytes())?;
    for (pointer, message) in &problems {
        writeln!(out, "{}: {}", place(pointer), visible(message))?;
    }
    out.flush()?;
    Ok(problems.is_empty())
}

/// What is wrong with a payload by a schema file, each with its JSON pointer.
pub(crate) fn problems(loaded: &Loaded, file: &str, payload: &[u8]) -> anyhow::Result<Vec<(String, String)>> {
    let checker = Checker::new(loaded, Options { file: Some(file), mask: false });
    found(&checker, payload)
}

/// What a checker finds in a payload.
pub(crate) fn found(checker: &Checker<'_>, payload: &[u8]) -> anyhow::Result<Vec<(String, String)>> {
    let checked = checker.check_one("DATA", payload);
    let findings = checked.map_err(|error| anyhow!("a schema cannot be used: {error}"))?.findings;
    Ok(findings.into_iter().map(|found| (found.diagnostic.pointer, found.diagnostic.message)).collect())
}

/// A JSON pointer for people: the root has an empty one.
pub(crate) fn place(pointer: &str) -> Cow<'_, str> {
    if pointer.is_empty() { "(root)".into() } else { visible(pointer) }
}

/// A payload as a member of a line of JSON: as it is, with all digits of its numbers, or as a text where it is no JSON.
pub(crate) fn as_member(payload: &[u8]) -> anyhow::Result<Box<RawValue>> {
    match serde_json::from_slice::<Box<RawValue>>(payload) {
        // Within a text JSON has no line breaks, so that all that are there mean nothing.
        Ok(value) if value.get().contains(['\n', '\r']) => {
            Ok(RawValue::from_string(value.get().replace(['\n', '\r'], " "))?)
        }
        Ok(value) => Ok(value),
        Err(_) => Ok(to_raw_value(&String::from_utf8_lossy(payload))?),
    }
}

/// What is wrong with a payload, as a member of a line of JSON.
pub(crate) fn problems_as_member<'a>(problems: impl IntoIterator<Item = &'a (String, String)>) -> Vec<Value> {
    problems.into_iter().map(|(pointer, message)| json!({ "pointer": pointer, "message": message })).collect()
}
