//! `eventsmith permissions`: who may do what, why, and what a change opens.

mod because;
mod difference;
mod explain;
mod markdown;

use std::io::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use eventsmith_operations::permissions::{Grant, Permissions, User, Verb};
use serde_json::{Value, json};

use because::because;

use crate::catalogue::Schemas;
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::landscape::landscape;
use crate::output::{Out, counted, note};
use crate::topology::topology;

/// Say what each service and operator may publish and subscribe to, and why
///
/// All of it follows from what eventsmith.toml declares. `eventsmith server config` writes it into configurations of servers.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PermissionsArguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    schemas: Schemas,
    /// Only this user: a service, or operators/NAME
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: ListFormat,
}

#[derive(Subcommand)]
enum Command {
    Explain(explain::Explain),
    Diff(difference::Diff),
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum ListFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

impl PermissionsArguments {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            Some(Command::Explain(command)) => command.run(out),
            Some(Command::Diff(command)) => command.run(out),
            None => self.list(out),
        }
    }

    fn list(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_sound()?;
        let landscape = landscape(&loaded, &topology(&loaded));
        let permissions = Permissions::of(&landscape);
        let users: Vec<&User> = match &self.user {
            Some(name) => vec![explain::find(&permissions, name)?],
            None => permissions.users.iter().collect(),
        };
        match self.format {
            ListFormat::Text => users.iter().try_for_each(|user| text(out, user, &landscape.manifest))?,
            ListFormat::Json => {
                let users: Vec<Value> = users.iter().map(|user| object(user)).collect();
                writeln!(out, "{:#}", json!({ "users": users }))?;
            }
        }
        let grants: usize = users.iter().map(|user| user.publish.len() + user.subscribe.len()).sum();
        out.finish()?;
        note(format_args!("{}, {}", counted(users.len(), "user"), counted(grants, "permission")));
        Ok(ExitStatus::Clean)
    }
}

fn text(out: &mut Out, user: &User, manifest: &str) -> anyhow::Result<()> {
    writeln!(out, "{}: {}", user.path(), visible(&user.purpose))?;
    writeln!(out, "  inboxes: {}", user.inbox_prefix())?;
    let lists = [
        (Verb::Publish.as_str(), &user.publish),
        ("publish, but not", &user.publish_denied),
        (Verb::Subscribe.as_str(), &user.subscribe),
    ];
    for (name, grants) in lists.into_iter().filter(|(_, grants)| !grants.is_empty()) {
        writeln!(out, "  {name}")?;
        for grant in grants {
            writeln!(out, "    {}  ({})", grant.subject, because(grant, manifest))?;
        }
    }
    if let Some(grant) = &user.answers {
        writeln!(out, "  answers each request once, within 5 minutes  ({})", because(grant, manifest))?;
    }
    writeln!(out)?;
    Ok(())
}

fn object(user: &User) -> Value {
    let list = |grants: &[Grant]| grants.iter().map(one).collect::<Vec<Value>>();
    json!({
        "user": user.path(),
        "purpose": user.purpose,
        "inbox_prefix": user.inbox_prefix(),
        "publish": list(&user.publish),
        "publish_denied": list(&user.publish_denied),
        "subscribe": list(&user.subscribe),
        "answers": user.answers.as_ref().map(one),
    })
}

fn one(grant: &Grant) -> Value {
    json!({ "subject": grant.subject, "reason": grant.reason, "line": grant.line })
}
