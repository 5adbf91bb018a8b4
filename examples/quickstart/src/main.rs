//! The quickstart of eventsmith, and its tutorial: read it from top to bottom.
//!
//! ```text
//! cargo run -p quickstart                                   on a bus in memory
//! cargo run -p quickstart -- --server                       on a nats-server that it starts itself
//! cargo run -p quickstart -- --nats nats://127.0.0.1:4222   on a server that runs already, 2.12.1 or newer
//! ```

mod events;
mod progress;
mod rule;

use clap::Parser;
use eventsmith::admin::BusAdmin;
use eventsmith::config::ServerUrl;
use eventsmith::state::{Aggregates, ExecuteError, ExecuteOptions};
use eventsmith::testing::NatsServer;
use eventsmith::{
    Bus, Config, DecodeError, Event, HandlerError, PublishError, PublishOptions, Received, Refusal, RequestError,
    RequestOptions,
};
use rules_events::aggregates::RuleEvent;
use rules_events::evaluation::EvaluationCompleted;
use rules_events::rule::{RuleActivate, RuleActivateError, RuleActivateReply, RuleActivated, RuleCreated};

use progress::Progress;
use rule::Rule;

/// Publishes and handles typed events of the rules engine, and answers a command that makes some.
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
        let (on_completed, on_created, on_activated) = (progress.clone(), progress.clone(), progress.clone());
        bus.consumer("quickstart")
            .on(move |event| completed(event, on_completed.clone()))
            .on(move |event| created(event, on_created.clone()))
            .on(move |event| activated(event, on_activated.clone()))
            .run(progress.clone().all_handled())
    };
    let consumer = tokio::spawn(consumer);

    // 4. A typed event. What the schema demands, the compiler demands: leave out a field and this does not build.
    publish(&bus, &events::completed()?, &progress).await?;

    // 5. One that a service of last year published, in version 1: it does not say how many rules were skipped.
    publish(&bus, &events::completed_in_version_1()?, &progress).await?;

    // 6. What the types cannot say, the generated checks say: without success there is a reason. Nothing is published.
    let invalid = EvaluationCompleted { success: false, ..events::completed()? };
    match bus.publish(&invalid).await {
        Err(PublishError::Invalid(invalid)) => progress.refused(&invalid),
        other => anyhow::bail!("an invalid event was not refused: {other:?}"),
    }

    // 7. The same on the way in: a payload from outside is decoded and validated in one step.
    let payload =
        br#"{"context_id": "context 3", "transaction_id": "order-5522", "success": "perhaps", "execution_time": 1,
        "rules_applied": 0, "conflicts_found": 0, "completed_at": "2026-11-30T10:00:00Z", "final_result": null}"#;
    match EvaluationCompleted::decode(2, payload) {
        Err(DecodeError::Invalid(invalid)) => progress.refused(&invalid),
        other => anyhow::bail!("an invalid payload was not refused: {other:?}"),
    }

    // 8. An aggregate: a rule is nothing but its events. What happens to it is decided on what they made of it, and appended.
    let (rules, rule_id) = (Aggregates::of(&bus), progress.run_id());
    let (new, options) = (events::created(&rule_id)?, ExecuteOptions::default());
    let options = ExecuteOptions { correlation_id: Some(progress.run_id()), ..options };
    let executed = rules.execute_with(&rule_id, options, |rule: &Rule| rule.create(&new)).await?;
    progress.published(executed.events.len());

    // 9. A command is answered by a service, here in the same process: with a reply, or with a refusal that is typed, too.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = {
        let (rules, progress) = (rules.clone(), progress.clone());
        let handler = move |request| activate(request, rules.clone(), progress.clone());
        tokio::spawn(bus.service("rules-management").answer(handler).run(stopped))
    };
    let (command, options) = (events::activate(&rule_id)?, RequestOptions::default());
    let options = RequestOptions { correlation_id: Some(progress.run_id()), ..options };
    let reply = bus.request_with(&command, options).await?;
    println!("the rule is active since {}", reply.activated_at);
    match bus.request(&command).await {
        Err(RequestError::Refused(RuleActivateError::WrongState(reason))) => {
            println!("refused: the rule is {} already", reason.state);
        }
        other => anyhow::bail!("the command was not refused: {other:?}"),
    }
    // It answers what is under way, and ends.
    drop(stop);
    service.await??;

    // 10. The audit trail comes for nothing: what happened to the rule, in which order, and caused by what.
    for event in rules.history::<Rule>(&rule_id).await?.events {
        let cause = if event.envelope.causation_id.is_some() { "a command that was asked for" } else { "this program" };
        println!("event {} of the rule: {}, by {cause}", event.number, event.envelope.event_type);
    }

    // 11. The consumer ends by itself once all is handled: it acks what it did and naks what it did not.
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
    progress.published(1);
    println!("published {} v{} as number {} of {}", E::TYPE, E::VERSION, published.sequence, published.stream);
    Ok(())
}

/// Handles the newest version only. Events of version 1 arrive upcast, by what the schemas say: the default is 0.
async fn completed(event: Received<EvaluationCompleted>, progress: Progress) -> Result<(), HandlerError> {
    let skipped = event.rules_skipped.unwrap_or_default();
    println!("handled evaluation.completed of {}: {skipped} rules skipped", event.transaction_id);
    progress.handled(&event);
    Ok(())
}

/// Events of aggregates are handled like others.
async fn created(event: Received<RuleCreated>, progress: Progress) -> Result<(), HandlerError> {
    println!("handled rule.created: {}, priority {}", event.name, event.priority.0);
    progress.handled(&event);
    Ok(())
}

async fn activated(event: Received<RuleActivated>, progress: Progress) -> Result<(), HandlerError> {
    println!("handled rule.activated: {}", event.name);
    progress.handled(&event);
    Ok(())
}

/// Executes the command on the rule. Should the same request come twice, its event is appended once.
async fn activate(
    request: Received<RuleActivate>,
    rules: Aggregates,
    progress: Progress,
) -> Result<RuleActivateReply, Refusal<RuleActivateError>> {
    let options = ExecuteOptions::caused_by(request.envelope(), "rules-management/activate");
    let executed = rules.execute_with(&request.rule_id, options, |rule: &Rule| rule.activate(&request)).await;
    let executed = executed.map_err(|error| match error {
        ExecuteError::Refused(refusal) => refusal,
        ExecuteError::State(error) => error.into(),
    })?;
    progress.published(executed.events.len());
    let [RuleEvent::Activated(event)] = executed.events.as_slice() else {
        return Err(Refusal::failed("the command made other events than it should"));
    };
    let (activated_at, effective_at) = (event.activated_at.clone(), event.effective_at.clone());
    Ok(RuleActivateReply { rule_id: event.rule_id.clone(), version: None, activated_at, effective_at })
}
