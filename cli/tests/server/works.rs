//! Everything that services declare works with the permissions that are written for them, and the server denies none of it.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith::admin::BusAdmin as _;
use eventsmith::state::{Aggregate, Aggregates, Saga, SagaStatus, Sagas, Snapshots, Step};
use eventsmith::{Bus, Event, HandlerError, Received, Refusal, Reply, Request, State};
use rules_events::STREAMS;
use rules_events::aggregates::RuleEvent;
use rules_events::checkout::CheckoutProgress;
use rules_events::coupon::CouponReserve;
use rules_events::evaluation::EvaluationStarted;
use rules_events::rule::{RuleActivated, RuleCompiled, RuleSnapshot};
use rules_events::tax::TaxCalculate;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::Outcome;
use crate::scene::{PATIENCE, Scene, said, text};

/// The first example of a schema.
fn example(schema: &str) -> Outcome<Vec<u8>> {
    let schema: Value = serde_json::from_str(schema)?;
    Ok(schema["examples"][0].to_string().into_bytes())
}

pub(crate) fn event<E: Event>() -> Outcome<E> {
    Ok(E::decode(E::VERSION, &example(E::SCHEMA)?).map_err(|error| error.to_string())?)
}

fn request<R: Request>() -> R {
    R::decode(R::VERSION, &example(R::SCHEMA).unwrap()).unwrap()
}

fn document<S: State>() -> S {
    S::decode(S::VERSION, &example(S::SCHEMA).unwrap()).unwrap()
}

type Answered<R> = Result<<R as Request>::Reply, Refusal<<R as Request>::Error>>;

async fn tax(_: Received<TaxCalculate>) -> Answered<TaxCalculate> {
    type Answer = <TaxCalculate as Request>::Reply;
    Ok(Answer::decode(&example(Answer::SCHEMA).unwrap()).unwrap())
}

async fn reserve(_: Received<CouponReserve>) -> Answered<CouponReserve> {
    type Answer = <CouponReserve as Request>::Reply;
    Ok(Answer::decode(&example(Answer::SCHEMA).unwrap()).unwrap())
}

#[derive(Default)]
struct Rule {
    events: usize,
}

impl Aggregate for Rule {
    type Event = RuleEvent;

    fn apply(&mut self, _: &RuleEvent) {
        self.events += 1;
    }

    fn snapshots() -> Option<Snapshots<Self>> {
        Some(Snapshots::every(1, |_: &Self| document::<RuleSnapshot>(), |_: RuleSnapshot| Self::default()))
    }
}

async fn until(what: &str, condition: impl AsyncFn() -> Outcome<bool>) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await? {
        if Instant::now() > deadline {
            return Err(format!("{what} did not come").into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// What the server has denied, as its log says, from a place in it on.
fn violations(scene: &Scene, from: usize) -> Vec<String> {
    let log = scene.nodes[0].log();
    log[from..].lines().filter(|line| line.contains("Violation")).map(ToOwned::to_owned).collect()
}

/// Asks until there is a service.
async fn answered<R: Request>(bus: &Bus) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match bus.request(&request::<R>()).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(format!("{}: {error}", R::TYPE).into()),
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_works_and_nothing_of_it_is_denied() -> Outcome {
    let scene = Scene::start(1).await?;
    scene.provision()?;
    let planned = scene.run_as("operators/provision", &["streams", "plan"]);
    assert!(planned.status.success(), "{}", said(&planned));
    let before = scene.nodes[0].log().len();

    // An event of an aggregate, which another service consumes, and dead-letters.
    let management = scene.bus("services/rules-management").await?;
    let promotions = scene.bus("services/promotions").await?;
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let consumer = promotions.consumer("promotions").on(move |_: Received<RuleActivated>| {
        counter.fetch_add(1, Ordering::Relaxed);
        async { Err(HandlerError::reject("no")) }
    });
    let consumer = tokio::spawn(consumer.run(pending::<()>()));
    let activated = event::<RuleActivated>()?;
    let id = activated.rule_id.to_string();
    let rules = Aggregates::of(&management);
    for _ in 0..2 {
        let event = RuleEvent::from(activated.clone());
        rules.execute(&id, |_: &Rule| Ok::<_, String>(vec![event.clone()])).await.map_err(|error| error.to_string())?;
    }
    assert_eq!(rules.load::<Rule>(&id).await?.number, 2);
    until("the event", async || Ok(seen.load(Ordering::Relaxed) >= 2)).await?;

    // A bucket.
    let evaluation = scene.bus("services/rules-evaluation").await?;
    evaluation.publish(&event::<EvaluationStarted>()?).await?;
    let bucket = evaluation.bucket::<RuleCompiled>();
    let revision = bucket.create("r1", &document()).await?;
    bucket.update("r1", &document(), revision).await?;
    assert!(bucket.get("r1").await?.is_some());
    assert_eq!(bucket.keys(">").await?, ["r1"]);

    // Requests, one that is kept, and a saga.
    let (taxes, coupons) = (scene.bus("services/taxes").await?, scene.bus("services/coupons").await?);
    let answering = [
        tokio::spawn(taxes.service("taxes").answer(tax).run(pending::<()>())),
        tokio::spawn(coupons.service("coupons").answer(reserve).run(pending::<()>())),
    ];
    let calculator = scene.bus("services/calculator").await?;
    answered::<TaxCalculate>(&calculator)
        .await
        .map_err(|error| format!("{error} {:#?}", violations(&scene, before)))?;
    answered::<CouponReserve>(&calculator).await?;
    let checkout =
        || Saga::<CheckoutProgress>::new("checkout", 1).step(Step::asks("tax", |_| request::<TaxCalculate>()));
    let sagas = Sagas::of(&calculator, STREAMS);
    let runner = tokio::spawn(sagas.runner("calculator").saga(checkout()).run(pending::<()>()));
    sagas.start(&checkout(), "c-1", &document::<CheckoutProgress>()).await?;
    assert_eq!(sagas.ended("checkout", "c-1").await?, SagaStatus::Completed);

    // Operators.
    let operator = scene.bus("operators/operator").await?;
    let letters = || async { Ok::<_, Box<dyn std::error::Error>>(operator.count_dead_letters("rules", 100).await?) };
    until("a dead letter", async || Ok(letters().await?.is_some_and(|counted| !counted.counts.is_empty()))).await?;
    for arguments in [&["dlq", "list"][..], &["sagas", "list", "--all"], &["streams", "status"], &["services", "list"]]
    {
        let output = scene.run_as("operators/operator", arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    }
    let exporter = scene.bus("operators/exporter").await?;
    let survey = exporter.survey().await?;
    assert!(survey.streams.len() > 10);
    exporter.count_dead_letters("rules", 100).await?;

    // A backup, and what it replaces, by the two users for that.
    consumer.abort();
    runner.abort();
    let backups = scene.path("backups");
    let made = scene.run_as("operators/backup", &["backup", "create", "--out", text(&backups)]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let made = std::fs::read_dir(&backups)?.next().ok_or("there is no backup")??.path();
    let restored = scene.restore(&made);
    assert_eq!(restored.status.code(), Some(0), "{}", said(&restored));

    let denied = violations(&scene, before);
    // Consumers that were made for reading go by themselves: deleting them is not worth the right to delete others. Who may make none tries
    // once for each stream, and then asks for one message after the other.
    let is_of_reading = |line: &str| {
        line.contains(".eventsmith-") && ["CONSUMER.DELETE.", "CONSUMER.CREATE."].iter().any(|call| line.contains(call))
    };
    let unexpected: Vec<&String> = denied.iter().filter(|line| !is_of_reading(line)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    answering.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(())
}
