//! The commands, one file each.

mod aggregates;
mod alerts;
mod asyncapi;
mod backup;
mod breaking;
mod bucket;
mod changes;
mod completions;
mod dashboard;
mod data_format;
mod dlq;
mod docs;
mod example;
mod explain;
mod exporter;
mod flow;
mod generate;
mod import;
mod kubernetes;
mod lint;
mod man;
mod new;
mod operator;
mod permissions;
mod projections;
mod request;
mod sagas;
mod seen;
mod server;
mod services;
mod streams;
mod tail;
mod trace;
mod validate;
mod watch;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::exit::ExitStatus;
use crate::output::Out;

/// JSON Schema files in, typed events out.
#[derive(Parser)]
#[command(name = "eventsmith", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(new::New),
    Generate(generate::Generate),
    Lint(lint::Lint),
    Watch(watch::Watch),
    Breaking(breaking::Breaking),
    Changes(changes::Changes),
    Validate(validate::Validate),
    Example(example::Example),
    Explain(explain::Explain),
    Streams(streams::Streams),
    Dlq(dlq::Dlq),
    Bucket(bucket::Buckets),
    Backup(backup::Backup),
    Aggregates(aggregates::Aggregates),
    Projections(projections::Projections),
    Sagas(sagas::Sagas),
    Flow(flow::FlowArguments),
    Alerts(alerts::AlertsArguments),
    Dashboard(dashboard::Dashboard),
    Docs(docs::Docs),
    Asyncapi(asyncapi::Asyncapi),
    Import(import::Import),
    Exporter(exporter::Exporter),
    Kubernetes(kubernetes::Kubernetes),
    Server(server::Server),
    Permissions(permissions::PermissionsArguments),
    Tail(tail::Tail),
    Trace(trace::Trace),
    Request(request::Request),
    Services(services::Services),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Arguments {
    /// Runs the command; an error means that it could not run.
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            Command::New(command) => command.run(out),
            Command::Generate(command) => command.run(out),
            Command::Lint(command) => command.run(out),
            Command::Watch(command) => command.run(out),
            Command::Breaking(command) => command.run(out),
            Command::Changes(command) => command.run(out),
            Command::Validate(command) => command.run(out),
            Command::Example(command) => command.run(out),
            Command::Explain(command) => command.run(out),
            Command::Streams(command) => command.run(out),
            Command::Dlq(command) => command.run(out),
            Command::Bucket(command) => command.run(out),
            Command::Backup(command) => command.run(out),
            Command::Aggregates(command) => command.run(out),
            Command::Projections(command) => command.run(out),
            Command::Sagas(command) => command.run(out),
            Command::Flow(command) => command.run(out),
            Command::Alerts(command) => command.run(out),
            Command::Dashboard(command) => command.run(out),
            Command::Docs(command) => command.run(out),
            Command::Asyncapi(command) => command.run(out),
            Command::Import(command) => command.run(out),
            Command::Exporter(command) => command.run(),
            Command::Kubernetes(command) => command.run(out),
            Command::Server(command) => command.run(out),
            Command::Permissions(command) => command.run(out),
            Command::Tail(command) => command.run(out),
            Command::Trace(command) => command.run(out),
            Command::Request(command) => command.run(out),
            Command::Services(command) => command.run(out),
            Command::Completions(command) => command.run(&mut Self::command(), out),
            Command::Man(command) => command.run(Self::command(), out),
        }
    }
}
