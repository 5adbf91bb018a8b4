//! The quickstart of eventsmith, and its tutorial: read it from top to bottom.
//!
//! ```text
//! cargo run -p quickstart                                   on a bus in memory
//! cargo run -p quickstart -- --server                       on a nats-server that it starts itself
//! cargo run -p quickstart -- --nats nats://127.0.0.1:4222   on a server that runs already
//! ```

mod events;
mod progress;

use std::collections::BTreeMap;

use clap::Parser;
use eventsmith::admin::BusAdmin;
use eventsmith::config::ServerUrl;
use eventsmith::testing::NatsServer;
use eventsmith::{
    Bus, Config, DecodeError, Event, HandlerError, PublishError, PublishOptions, Received, Refusal, RequestError,
};
use rules_events::rule::{RuleActivate, RuleActivateError, RuleActivateReply};
use rules_events::{coupon, rule};

use progress::Progress;

/// Publishes and handles typed events of the rules engine, and answers a command.
#[derive(Parser)]
struct Args {
    /// Connect to this server, for instance nats://127.0.0.1:4222.
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    nats: Option<String>,
    /// Start a nats-server and connect to it.
    #[arg(long)]
    server: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // 1. A bus. In memory it needs nothing; over NATS it needs a server. The server stops when `_server` is dropped.
    let mut _server = None;
    let bus = if args.server {
        let server = _server.insert(NatsServer::start().await?);
        connect(server.url()).await?
    } else if let Some(url) = args.nats {
        connect(url).await?
    } else {
        Bus::in_memory()
    };

    // 2. The streams that schemas/eventsmith.toml declares.
    bus.provision(rules_events::STREAMS).await?;

    // 3. A consumer: one handler for each type of event. It runs until everything below has been handled.
    let progress = Progress::new();
    let consumer = {
        let (on_created, on_updated, on_redeemed) = (progress.clone(), progress.clone(), progress.clone());
        bus.consumer("quickstart")
            .on(move |event| created(event, on_created.clone()))
            .on(move |event| updated(event, on_updated.clone()))
            .on(move |event| redeemed(event, on_redeemed.clone()))
            .run(progress.clone().all_handled())
    };
    let consumer = tokio::spawn(consumer);

    // 4. Typed events. What the schema demands, the compiler demands: leave out a field and this does not build.
    publish(&bus, &events::created()?, &progress).await?;
    publish(&bus, &events::updated()?, &progress).await?;
    publish(&bus, &events::redeemed()?, &progress).await?;

    // 5. An event that a service of last year published, in version 1: its priority is still a word.
    publish(&bus, &events::created_in_version_1()?, &progress).await?;

    // 6. What the types cannot say, the generated checks say: `changes` may not be empty. Nothing is published.
    let invalid = rule::RuleUpdated { changes: BTreeMap::new(), ..events::updated()? };
    match bus.publish(&invalid).await {
        Err(PublishError::Invalid(invalid)) => progress.refused(&invalid),
        other => anyhow::bail!("an invalid event was not refused: {other:?}"),
    }

    // 7. The same on the way in: a payload from outside is decoded and validated in one step.
    let payload = br#"{"rule_id": "rule-1", "name": "", "priority": "highest"}"#;
    match rule::RuleCreated::decode(1, payload) {
        Err(DecodeError::Invalid(invalid)) => progress.refused(&invalid),
        other => anyhow::bail!("an invalid payload was not refused: {other:?}"),
    }

    // 8. A command is answered by a service, here in the same process: with a reply, or with a refusal that is typed, too.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = tokio::spawn(bus.service("rules-management").answer(activate).run(stopped));
    let reply = bus.request(&events::activate("rule-1")?).await?;
    println!("{} is active since {}", reply.rule_id, reply.activated_at);
    match bus.request(&events::activate("rule-0")?).await {
        Err(RequestError::Refused(RuleActivateError::WrongState(reason))) => {
            println!("refused: rule-0 is {}", reason.state);
        }
        other => anyhow::bail!("the command was not refused: {other:?}"),
    }
    // It answers what is under way, and ends.
    drop(stop);
    service.await??;

    // 9. The consumer ends by itself once all is handled: it acks what it did and naks what it did not.
    progress.everything_is_published();
    consumer.await??;
    bus.shutdown().await?;
    println!("{progress}");
    Ok(())
}

/// Connects to one server, as in development. It cannot keep three replicas, as the catalogue asks for: one must do. And
/// nobody has provisioned a consumer for this tutorial, so it creates its own.
async fn connect(url: impl Into<ServerUrl>) -> anyhow::Result<Bus> {
    let config = Config {
        servers: vec![url.into()],
        name: "quickstart".to_owned(),
        create_consumers: true,
        replicas: Some(1),
        ..Config::default()
    };
    Ok(Bus::connect(config).await?)
}

/// Publishes an event and says where it went. The correlation distinguishes the events of this run from those of others.
async fn publish<E: Event>(bus: &Bus, event: &E, progress: &Progress) -> anyhow::Result<()> {
    let options = PublishOptions { correlation_id: Some(progress.run_id()), ..PublishOptions::default() };
    let published = bus.publish_with(event, options).await?;
    progress.published();
    println!("published {} v{} as number {} of {}", E::TYPE, E::VERSION, published.sequence, published.stream);
    Ok(())
}

/// Handles the newest version only. Events of version 1 arrive upcast: see schemas/src/upcast.rs.
async fn created(event: Received<rule::RuleCreated>, progress: Progress) -> Result<(), HandlerError> {
    println!("handled rule.created of {}: priority {}", event.rule_id, event.priority.0);
    progress.handled(&event);
    Ok(())
}

async fn updated(event: Received<rule::RuleUpdated>, progress: Progress) -> Result<(), HandlerError> {
    println!("handled rule.updated of {}: {} changes", event.rule_id, event.changes.len());
    progress.handled(&event);
    Ok(())
}

/// Activates a rule, unless it is in no state for it. Any error would become a failure with `?`; this one is a refusal.
async fn activate(request: Received<RuleActivate>) -> Result<RuleActivateReply, Refusal<RuleActivateError>> {
    if &*request.rule_id == "rule-0" {
        return Err(Refusal::new(RuleActivateError::WrongState(events::wrong_state()?)));
    }
    Ok(events::activated(&request))
}

async fn redeemed(event: Received<coupon::CouponRedeemed>, progress: Progress) -> Result<(), HandlerError> {
    println!("handled coupon.redeemed of {}: {} off", event.coupon_code, event.discount_amount.amount_minor);
    progress.handled(&event);
    Ok(())
}
