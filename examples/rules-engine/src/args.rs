//! What the program is told on its command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// Runs the rules engine: nine services, checkouts, and the audit of what became of them.
///
/// Without any of these it runs in one process and in memory, and ends with the audit.
#[derive(Debug, Clone, Parser)]
#[command(name = "rules-engine", version)]
pub struct Args {
    /// Start a nats-server and run over it.
    #[arg(long, conflicts_with = "nats")]
    pub server: bool,
    /// Run over this server, for instance nats://127.0.0.1:4222.
    #[arg(long, value_name = "URL")]
    pub nats: Option<String>,
    /// Run this service alone, until it is told to stop; several times for several.
    #[arg(long, value_name = "NAME", requires = "nats")]
    pub service: Vec<String>,
    /// Run no service: they run elsewhere.
    #[arg(long, requires = "nats", conflicts_with = "service")]
    pub no_services: bool,
    /// How many checkouts are started.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub checkouts: u32,
    /// How many are started each second, whatever becomes of those before.
    #[arg(long, value_name = "R", default_value_t = 10.0, value_parser = positive)]
    pub rate: f64,
    /// How many customers there are.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub customers: u32,
    /// Over how many groups of customers rules and promotions are spread: each group has its own.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub groups: u32,
    /// The settings of the services, as TOML.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the payment gateway is, without a path; it is played in the process of payments without this.
    #[arg(long, value_name = "URL", requires = "gateway_token")]
    pub gateway: Option<String>,
    /// The file that holds the token of the gateway.
    #[arg(long, value_name = "FILE", requires = "gateway")]
    pub gateway_token: Option<PathBuf>,
    /// Serve commands and queries over HTTP at this address, for instance 127.0.0.1:8080.
    #[arg(long, value_name = "ADDR", requires = "http_tokens")]
    pub http: Option<SocketAddr>,
    /// The file of those who may ask over HTTP: lines of NAME TOKEN.
    #[arg(long, value_name = "FILE", requires = "http")]
    pub http_tokens: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if rate.is_finite() && rate > 0.0 { Ok(rate) } else { Err("it must be more than 0".to_owned()) }
}
