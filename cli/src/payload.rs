//! One payload that is given on the command line: read, checked, and what is wrong with it printed.

use std::fs;
use std::io::{self, Read as _, Write as _};

use anyhow::{Context as _, anyhow};
use eventsmith_codegen::Loaded;
use eventsmith_codegen::payload::{Checker, Options};

use crate::format::{FindingFormat, FindingPrinter};
use crate::output::Out;

/// The text of a payload: the argument itself where it is JSON, a file of this name, or standard input for `-`.
pub(crate) fn read(data: &str) -> anyhow::Result<String> {
    match data {
        "-" => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
            Ok(text)
        }
        data if data.trim_start().starts_with(['{', '[', '"']) => Ok(data.to_owned()),
        file => fs::read_to_string(file)
            .with_context(|| format!("{file} cannot be read; write the payload as JSON, or name a file")),
    }
}

/// Whether a payload is what a schema file describes. What is wrong with it is printed.
pub(crate) fn check(out: &mut Out, loaded: &Loaded, file: &str, text: &str) -> anyhow::Result<bool> {
    let checker = Checker::new(loaded, Options { file: Some(file), mask: false });
    let checked = checker.check_one("DATA", text.as_bytes());
    let checked = checked.map_err(|error| anyhow!("a schema cannot be used: {error}"))?;
    let is_valid = checked.findings.is_empty();
    let mut printer = FindingPrinter::new(FindingFormat::Text);
    for finding in checked.findings {
        printer.finding(out, finding.into())?;
    }
    out.flush()?;
    Ok(is_valid)
}
