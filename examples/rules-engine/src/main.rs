//! Runs the rules engine; see the crate `rules_engine`.

use std::process::ExitCode;

use clap::Parser;
use rules_engine::args::Args;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    rules_engine::run::run(Args::parse()).await
}
