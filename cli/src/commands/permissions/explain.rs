//! `eventsmith permissions explain`: whether a user may do something, why, and what would change it.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use eventsmith_operations::permissions::{Decision, Permissions, User, Verb};
use eventsmith_operations::{Landscape, subject};

use super::because::because;
use crate::catalogue::Schemas;
use crate::exit::ExitStatus;
use crate::landscape::landscape;
use crate::output::{Out, note};
use crate::topology::topology;

/// How many ways to change a decision are shown.
const MOST_HINTS: usize = 3;

/// Say whether a user may publish or subscribe to a subject, why, and which line of the catalogue would change it
///
/// Exits with 1 if it may not.
#[derive(Args)]
pub(super) struct Explain {
    #[command(flatten)]
    schemas: Schemas,
    /// A service, or operators/NAME
    #[arg(value_name = "SERVICE")]
    user: String,
    /// A subject; one with wildcards is allowed where all that it stands for is
    subject: String,
    /// What it wants to do there [default: both are looked at, and one of them is enough]
    #[arg(long, value_name = "VERB", value_enum)]
    verb: Option<VerbName>,
}

#[derive(Clone, Copy, ValueEnum)]
enum VerbName {
    Publish,
    Subscribe,
}

impl Explain {
    pub(super) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        if !subject::is_subject(&self.subject) {
            bail!("{:?} is no subject: tokens joined by dots, with * for one and > for all that follow", self.subject);
        }
        let loaded = self.schemas.load_sound()?;
        let landscape = landscape(&loaded, &topology(&loaded));
        let permissions = Permissions::of(&landscape);
        let user = find(&permissions, &self.user)?;
        let verbs = match self.verb {
            Some(VerbName::Publish) => &Verb::ALL[..1],
            Some(VerbName::Subscribe) => &Verb::ALL[1..],
            None => &Verb::ALL[..],
        };
        let mut allowed = 0;
        for verb in verbs {
            allowed += usize::from(self.explain(out, &landscape, user, *verb)?);
        }
        out.finish()?;
        note(format_args!("{} of {} allowed", allowed, verbs.len()));
        Ok(ExitStatus::findings_if(allowed == 0))
    }

    fn explain(&self, out: &mut Out, landscape: &Landscape, user: &User, verb: Verb) -> anyhow::Result<bool> {
        let (name, subject, manifest) = (user.path(), &self.subject, &landscape.manifest);
        let verb_name = verb.as_str();
        match user.decide(verb, subject) {
            Decision::Allowed(grant) => {
                writeln!(out, "{name} may {verb_name} {subject}")?;
                writeln!(out, "    by {}: {}", grant.subject, because(grant, manifest))?;
                return Ok(true);
            }
            Decision::Denied(denied) => {
                writeln!(out, "{name} may not {verb_name} {subject}")?;
                writeln!(out, "    taken away by {}: {}", denied.subject, denied.reason)?;
            }
            Decision::NotGranted => {
                writeln!(out, "{name} may not {verb_name} {subject}")?;
                writeln!(out, "    nothing gives it")?;
            }
        }
        if verb == Verb::Subscribe {
            self.deliveries(out, landscape, user)?;
        }
        let hints = Permissions::hints(landscape, user, verb, subject);
        for hint in hints.iter().take(MOST_HINTS) {
            writeln!(
                out,
                "    {manifest}:{}: `{}` with {:?} in [services.{}] would give it",
                hint.line, hint.list, hint.name, user.name
            )?;
        }
        if hints.len() > MOST_HINTS {
            writeln!(out, "    and {} lines more, each by itself", hints.len() - MOST_HINTS)?;
        }
        Ok(false)
    }

    /// What is consumed comes by a durable consumer, for which nobody needs to subscribe to its subject.
    fn deliveries(&self, out: &mut Out, landscape: &Landscape, user: &User) -> anyhow::Result<()> {
        let Some(service) = landscape.service(&user.name) else { return Ok(()) };
        let is_meant = |own: &String| subject::overlap(own, &self.subject);
        let consumed = service.consumes.iter().filter_map(|name| landscape.event(name));
        for event in consumed.filter(|event| event.subjects.iter().any(is_meant)) {
            let line = service.line_of("consumes", &event.name);
            writeln!(
                out,
                "    it receives {} all the same, by its durable consumer: it consumes it, {}:{line}",
                event.name, landscape.manifest
            )?;
        }
        Ok(())
    }
}

/// The user of a name.
pub(super) fn find<'a>(permissions: &'a Permissions, name: &str) -> anyhow::Result<&'a User> {
    permissions.user(name).with_context(|| {
        let known: Vec<String> = permissions.users.iter().map(User::path).collect();
        format!("there is no user {name:?}; users are {}", known.join(", "))
    })
}
