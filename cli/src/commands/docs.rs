//! `eventsmith docs`: the catalogue as a static site.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use eventsmith_codegen::manifest;
use eventsmith_documents::site::{Options, WRITTEN, site};

use crate::catalogue::Schemas;
use crate::commands::seen::Seen;
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::fresh;
use crate::landscape::landscape;
use crate::output::{Out, counted, note};
use crate::topology::topology;

/// Write the catalogue as a site that people browse: pages, pictures, search, without a server
///
/// A page for each event, command, query, document, service, stream, bucket, saga and shared type: fields in words, versions with what
/// changed and whether it breaks readers, who sends and receives, and how to use it in Rust. index.html opens from the folder. Exits with 1
/// if a link of a description leads nowhere.
#[derive(Args)]
pub(crate) struct Docs {
    #[command(flatten)]
    schemas: Schemas,
    /// The folder to write to, which is made if need be
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The title of the site [default: that of the root of all subjects]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// The crate of the generated types, as Rust names it [default: events]
    #[arg(long, value_name = "NAME")]
    crate_name: Option<String>,
    #[command(flatten)]
    seen: Seen,
    /// Write nothing; fail if the files differ from what would be written
    #[arg(long)]
    check: bool,
}

impl Docs {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_bearable()?;
        if self.out.join(manifest::FILE_NAME).exists() {
            bail!("{} holds a catalogue; name another folder, such as site", self.out.display());
        }
        let figures = self.seen.figures()?;
        let options = Options { title: self.title.clone(), crate_name: self.crate_name.clone(), figures };
        let site =
            site(&loaded, &landscape(&loaded, &topology(&loaded)), &options).context("a page cannot be written")?;
        for broken in &site.broken {
            let (place, link) = (visible(&broken.place), visible(&broken.link));
            writeln!(out, "{place}: error[broken-link]: the link {link:?} leads nowhere")?;
            writeln!(
                out,
                "    help: name a type of the catalogue, such as rule.created, or an address that begins with https://"
            )?;
        }
        let pages = site.files.iter().filter(|file| file.path.ends_with(".html")).count();
        let mut stale = 0;
        let is_ours = |text: &str| text.get(..200).unwrap_or(text).contains(WRITTEN);
        if self.check {
            let again = format!("eventsmith docs --out {}, with the options of this check", self.out.display());
            stale = fresh::check_all(out, &self.out, &site.files, is_ours, &again)?;
        } else {
            fresh::refuse_others(&self.out, &site.files, is_ours)?;
            fresh::remove_left_over(&self.out, &site.files, is_ours)?;
            fresh::write(&self.out, &site.files)?;
        }
        out.finish()?;
        let done = if self.check { format!("compared, {stale} stale") } else { "written".to_owned() };
        let broken = counted(site.broken.len(), "broken link");
        note(format_args!(
            "{} {done}, {} to search for; {broken}",
            counted(pages, "page"),
            format_args!("{} entries", site.entries)
        ));
        Ok(ExitStatus::findings_if(stale + site.broken.len() > 0))
    }
}
