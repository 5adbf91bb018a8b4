//! The program: services, load, audit.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use eventsmith::admin::{BusAdmin, Topology};
use eventsmith::state::PROJECTIONS;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Uuid, shutdown_signal};
use tokio::net::TcpListener;

use crate::args::Args;
use crate::audit::Audit;
use crate::config::Config;
use crate::load::{Load, Outcome};
use crate::running::Running;
use crate::services::payments::outside::Outside;
use crate::world::World;

/// The services that keep the answers to idempotent commands, and for how long: as the schemas of their commands say.
const KEEP_REPLIES: [&str; 3] = ["coupons", "loyalty", "payments"];
const REPLY_WINDOW: Duration = Duration::from_secs(600);

/// Does what the command line says, and returns with which status to end.
///
/// # Errors
/// What kept it from doing so.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut config = match &args.config {
        None => Config::default(),
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
            toml::from_str(&text).with_context(|| format!("{} is no configuration", file.display()))?
        }
    };
    if let (Some(url), Some(token_file)) = (args.gateway.clone(), args.gateway_token.clone()) {
        config.payments.gateway = Some(Outside { url, token_file });
    }
    // The server stops when it is dropped.
    let mut server = None;
    let bus = match &args {
        Args { server: true, .. } => connect(&server.insert(NatsServer::start().await?).url()).await?,
        Args { nats: Some(url), .. } => connect(url).await?,
        _ => Bus::in_memory(),
    };
    provision(&bus).await?;
    if !args.service.is_empty() {
        serve(&bus, &config, &args).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let running = match args.no_services {
        true => None,
        false => Some(start(&bus, &config, &args).await?),
    };
    let world = World::create(&bus, args.groups).await?;
    println!("{} rules are in effect, {} coupons issued", world.promotions.len(), world.coupons.len());
    println!("{} checkouts of {} customers, {} each second ...", args.checkouts, args.customers, args.rate);
    let run = format!("t{}", Uuid::now_v7().simple());
    let Args { checkouts, rate, customers, groups, .. } = args;
    let outcome = Load { checkouts, rate, customers, groups, run }.run(&bus, &world).await?;
    tell(&outcome);
    let audit = Audit::of(&bus, &world, &outcome.started).await?;
    for finding in &audit.findings {
        println!("{finding}");
    }
    let (revenue, events) = (audit.revenue_minor, audit.events);
    println!(
        "audit: {}.{:02} EUR earned; {events} events of coupons, points and promotions add up",
        revenue / 100,
        revenue % 100
    );
    if let Some(running) = running {
        running.stop().await?;
    }
    bus.shutdown().await?;
    println!("{audit}");
    Ok(if audit.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes all streams and buckets that services need. Consumers they make themselves.
///
/// # Errors
/// What cannot be made.
pub async fn provision(bus: &Bus) -> anyhow::Result<()> {
    let topology =
        Topology::of(rules_events::CATALOGUE, rules_events::STREAMS, &[]).with_buckets(rules_events::BUCKETS);
    let with_replies = |topology: Topology, service: &&str| topology.with_replies(service, REPLY_WINDOW);
    bus.provision(KEEP_REPLIES.iter().fold(topology, with_replies)).await?;
    bus.provision(PROJECTIONS).await?;
    Ok(())
}

/// Connects to a server, as in development: one node cannot keep three replicas, and consumers are made by those who need them.
///
/// # Errors
/// Why there is no connection.
pub async fn connect(url: &str) -> anyhow::Result<Bus> {
    let config = eventsmith::Config {
        servers: vec![url.into()],
        name: "rules-engine".to_owned(),
        create_consumers: true,
        replicas: Some(1),
        ..eventsmith::Config::default()
    };
    Ok(Bus::connect(config).await?)
}

/// Starts services, and HTTP beside them.
async fn start(bus: &Bus, config: &Config, args: &Args) -> anyhow::Result<Running> {
    let mut running = Running::start(bus, config, &args.service)?;
    if let (Some(address), Some(tokens)) = (args.http, &args.http_tokens) {
        let listener = TcpListener::bind(address).await.with_context(|| format!("{address} cannot be served"))?;
        println!("http://{}/openapi.json lists what can be asked", listener.local_addr()?);
        running.run("http", crate::http::parts(bus, listener, tokens.clone()));
    }
    Ok(running)
}

/// Runs services until the process is told to stop.
async fn serve(bus: &Bus, config: &Config, args: &Args) -> anyhow::Result<()> {
    let mut running = start(bus, config, args).await?;
    println!("{} run", args.service.join(", "));
    tokio::select! {
        ended = running.failed() => ended?,
        _ = shutdown_signal() => {}
    }
    running.stop().await?;
    Ok(bus.shutdown().await?)
}

fn tell(outcome: &Outcome) {
    let Outcome { ended, latency, took, .. } = outcome;
    let millis = |quantile: f64| latency.value_at_quantile(quantile) as f64 / 1_000.0;
    println!(
        "{} ended in {:.1} s, {:.1} each second",
        ended.len(),
        took.as_secs_f64(),
        ended.len() as f64 / took.as_secs_f64()
    );
    println!(
        "from the intended start to the end: p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, most {:.1} ms",
        millis(0.5),
        millis(0.99),
        millis(0.999),
        latency.max() as f64 / 1_000.0
    );
}
