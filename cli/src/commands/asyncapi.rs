//! `eventsmith asyncapi`: the catalogue as an AsyncAPI document.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use eventsmith_documents::asyncapi::{Document, Options, Server, Specification, document};

use crate::catalogue::{Schemas, file_from_here};
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::fresh;
use crate::output::{Out, counted, note};

/// Write the catalogue as an AsyncAPI document, which the tools of others read
///
/// Channels with subjects and parameters, an operation for each service and type, a message for each version with its envelope, headers
/// and examples, and every schema once. What a schema says that AsyncAPI has no keyword for is left out and told.
#[derive(Args)]
pub(crate) struct Asyncapi {
    #[command(flatten)]
    schemas: Schemas,
    /// Write to this file instead of standard output; as YAML if its name ends in .yaml or .yml
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write nothing; fail if this file differs from what would be written
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    check: Option<PathBuf>,
    /// How to write it [default: as the file is named, or else json]
    #[arg(long, value_name = "F", value_enum)]
    format: Option<Format>,
    /// The version of AsyncAPI
    #[arg(long, value_name = "V", value_enum, default_value_t)]
    spec: Spec,
    /// The title of the document [default: that of the root of all subjects]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// The version of the document
    #[arg(long, value_name = "VERSION", default_value = "1.0.0")]
    api_version: String,
    /// A server, such as production=nats://nats.example.com:4222; may be given several times
    #[arg(long, value_name = "NAME=URL", value_parser = server)]
    server: Vec<Server>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Spec {
    /// AsyncAPI 3.0.0
    #[value(name = "3.0")]
    V3_0,
    /// AsyncAPI 3.1.0
    #[default]
    #[value(name = "3.1")]
    V3_1,
}

fn server(text: &str) -> Result<Server, String> {
    let (name, url) = text.split_once('=').ok_or("a server is written as NAME=nats://HOST:PORT")?;
    Server::parse(name, url)
}

impl Asyncapi {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_bearable()?;
        let mut names: Vec<&str> = self.server.iter().map(|server| server.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("two servers are named {}; give each a name of its own", visible(pair[0]));
        }
        let options = Options {
            specification: match self.spec {
                Spec::V3_0 => Specification::V3_0,
                Spec::V3_1 => Specification::V3_1,
            },
            title: self.title.clone(),
            version: self.api_version.clone(),
            servers: self.server.clone(),
        };
        let document = document(&loaded, &options);
        let text = self.text(&document);
        let mut status = ExitStatus::Clean;
        match (&self.out, &self.check) {
            (Some(file), _) => {
                fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?;
            }
            (None, Some(file)) => status = fresh::check(out, file, &text, &self.again(file))?,
            (None, None) => out.write_all(text.as_bytes())?,
        }
        out.finish()?;
        for less in &document.notes {
            let file = file_from_here(&loaded, &less.file);
            note(format_args!("note: {}#{}: {}", visible(&file), visible(&less.pointer), less.message));
        }
        let members = |name: &str| document.value[name].as_object().map_or(0, |members| members.len());
        let schemas = document.value["components"]["schemas"].as_object().map_or(0, |members| members.len());
        note(format_args!(
            "{}, {}, {}; {} said less exactly",
            counted(members("channels"), "channel"),
            counted(members("operations"), "operation"),
            counted(schemas, "schema"),
            document.notes.len()
        ));
        Ok(status)
    }

    fn text(&self, document: &Document) -> String {
        let file = self.out.as_ref().or(self.check.as_ref());
        let end = file.and_then(|file| file.extension()).and_then(|end| end.to_str()).unwrap_or_default();
        let is_yaml = match self.format {
            Some(format) => format == Format::Yaml,
            None => ["yaml", "yml"].contains(&end.to_ascii_lowercase().as_str()),
        };
        if is_yaml { document.to_yaml() } else { document.to_json() }
    }

    /// The command that writes a file anew.
    fn again(&self, file: &Path) -> String {
        let mut command = "eventsmith asyncapi".to_owned();
        if self.spec == Spec::V3_0 {
            command.push_str(" --spec 3.0");
        }
        format!("{command} --out {}, with the options of this check", file.display())
    }
}
