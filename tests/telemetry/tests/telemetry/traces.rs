//! Whole traces, through two processes and a real server.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::Duration;

use eventsmith::admin::{BusAdmin, DeadLetterFilter, ReplayTo};
use eventsmith::telemetry::Telemetry;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, NoRefusal, NoReply, Received, Refusal};
use eventsmith_telemetry_tests::{Doomed, Placed, Price, Release, Reserve, SECRET, STREAMS};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tracing::Instrument;

use crate::Outcome;
use crate::collector::{Collector, Span};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

/// The span of this name, which is one.
fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name}: {found:#?}");
    found[0]
}

/// Those of this name, in the order of their attempts.
fn all<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    let mut found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    found.sort_by_key(|span| span.attribute("eventsmith.sequence").and_then(|text| text.parse::<u64>().ok()));
    found
}

/// The spans of the trace that begins with a span of this name, and of all that are linked to it: other tests of this process make some, too.
fn related(spans: Vec<Span>, root: &str) -> Vec<Span> {
    let mut traces: HashSet<Vec<u8>> =
        spans.iter().filter(|span| span.name == root).map(|span| span.trace.clone()).collect();
    loop {
        let known: HashSet<&Vec<u8>> =
            spans.iter().filter(|span| traces.contains(&span.trace)).map(|span| &span.id).collect();
        let linked = spans.iter().filter(|span| span.links.iter().any(|link| known.contains(link)));
        let more: HashSet<Vec<u8>> =
            linked.map(|span| span.trace.clone()).filter(|trace| !traces.contains(trace)).collect();
        if more.is_empty() {
            break;
        }
        traces.extend(more);
    }
    spans.into_iter().filter(|span| traces.contains(&span.trace)).collect()
}

fn assert_child(child: &Span, parent: &Span) {
    assert_eq!((&child.trace, &child.parent), (&parent.trace, &parent.id), "{child:#?} of {parent:#?}");
}

async fn reply<R: eventsmith::Request>(_: Received<R>) -> Result<NoReply, Refusal<NoRefusal>> {
    Ok(NoReply {})
}

async fn shop(url: &str, endpoint: &str) -> Result<(Child, String), Box<dyn std::error::Error>> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_shop"))
        .args([url, endpoint])
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let address = lines.next_line().await?.ok_or("the shop ended")?;
    Ok((child, address))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_through_two_processes_and_whatever_becomes_of_an_event() -> Outcome {
    let server = NatsServer::start().await?;
    let (collector, endpoint) = Collector::start().await?;
    let telemetry = Telemetry::builder("front").otlp(&endpoint).build()?;
    telemetry.init()?;
    let plain = Bus::connect(Config { servers: vec![server.url().as_str().into()], ..Config::default() }).await?;
    plain.provision(STREAMS).await?;
    let bus = plain.observed_by(telemetry.observer());
    let service = bus.service("stock").answer(reply::<Price>).answer(reply::<Reserve>).answer(reply::<Release>);
    let serving = tokio::spawn(service.run(std::future::pending::<()>()));
    let (mut child, _) = shop(&server.url(), &endpoint).await?;

    let ours = tracing::info_span!("checkout");
    let published = async { (bus.publish(&Placed::of("o-1")).await, bus.publish(&Doomed::of("o-2")).await) };
    let (placed, doomed) = published.instrument(ours.clone()).await;
    placed?;
    doomed?;
    drop(ours);
    let letters = plain.dead_letters("shop").await?;
    let mut replayed = 0;
    for _ in 0..600 {
        replayed = letters.replay_all(&DeadLetterFilter::default(), ReplayTo::Consumer).await?;
        if replayed > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(replayed, 1);
    let flushing = telemetry.clone();
    let spans = collector
        .until("the end of the saga, and the replayed event", |spans| {
            // The last that happens in the other process; what happens here is exported in time.
            let shops = |name: &str| spans.iter().filter(|span| span.service == "shop" && span.name == name).count();
            let released = shops("request shop.command.order.release") > 0;
            let twice = shops("process shop.domain.order.doomed") == 2;
            released && twice
        })
        .await;
    drop(spans);
    flushing.flush().await;
    let pid = child.id().ok_or("the shop has ended")?.to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await?.success());
    // Waiting closes it otherwise, and the shop ends with it.
    let stdin = child.stdin.take();
    assert!(child.wait().await?.success(), "the shop did not end in good order");
    drop(stdin);
    serving.abort();
    let spans = related(collector.spans(), "checkout");

    // It begins in the program's own span, goes through the server into another process, and fails there.
    let checkout = only(&spans, "checkout");
    let publish = only(&spans, "publish shop.domain.order.placed");
    assert_child(publish, checkout);
    let [first, second] = all(&spans, "process shop.domain.order.placed")[..] else { panic!("two runs of one event") };
    let (first, second) = match first.attribute("eventsmith.attempt") {
        Some("1") => (first, second),
        _ => (second, first),
    };
    assert_eq!((publish.service.as_str(), first.service.as_str()), ("front", "shop"));
    assert_child(first, publish);
    assert_eq!(first.links, std::slice::from_ref(&publish.id), "the first delivery is linked as well");
    assert_eq!((first.is_error, first.attribute("error.type")), (true, Some("failed")));
    assert_eq!((publish.kind, first.kind), (PRODUCER, CONSUMER));

    // It is redelivered: a trace of its own, which is linked to the span that published it.
    assert_ne!(second.trace, publish.trace);
    assert_eq!((second.parent.is_empty(), &second.links), (true, &vec![publish.id.clone()]));
    assert_eq!((second.is_error, second.attribute("error.type")), (false, None));
    assert_eq!(second.attribute("eventsmith.deliveries"), Some("2"));

    // Its handler asks a service in the first process, and publishes.
    let (request, answer) =
        (only(&spans, "request shop.query.order.price"), only(&spans, "answer shop.query.order.price"));
    assert_child(request, second);
    assert_child(answer, request);
    assert_eq!((request.kind, answer.kind, answer.service.as_str()), (CLIENT, SERVER, "front"));
    let noted = only(&spans, "publish shop.domain.order.noted");
    assert_child(noted, second);

    // That starts a saga, whose steps, time-outs and compensations stay in the trace.
    let started = only(&spans, "process shop.domain.order.noted");
    assert_child(started, noted);
    assert_eq!(started.attribute("messaging.consumer.group.name"), Some("purchases"));
    for (request, answer) in [
        ("request shop.command.order.reserve", "answer shop.command.order.reserve"),
        ("request shop.command.order.release", "answer shop.command.order.release"),
    ] {
        let (request, answer) = (only(&spans, request), only(&spans, answer));
        assert_eq!(request.trace, second.trace);
        assert_child(answer, request);
        let step = spans.iter().find(|span| span.id == request.parent).ok_or("a request without its step")?;
        assert_eq!(step.name, "process purchase");
    }
    let timed_out = |span: &&Span| {
        let subject = span.attribute("messaging.destination.name").unwrap_or_default();
        span.name == "process purchase" && subject.contains(".timeout.")
    };
    let timed_out = spans.iter().find(timed_out).ok_or("no span of the message that was scheduled")?;
    assert_eq!(timed_out.trace, second.trace, "a scheduled message continues the trace");

    // What is dead-lettered is seen in its trace, and replayed in another one.
    let doomed = only(&spans, "publish shop.domain.order.doomed");
    let runs = all(&spans, "process shop.domain.order.doomed");
    let letter = only(&spans, "dead_letter shop.domain.order.doomed");
    assert_child(runs[0], doomed);
    assert_child(letter, runs[0]);
    assert_eq!((letter.is_error, letter.attribute("error.type")), (true, Some("rejected")));
    assert_eq!((&runs[1].links, runs[1].parent.is_empty()), (&vec![doomed.id.clone()], true));
    assert_ne!(runs[1].trace, doomed.trace);

    // By the conventions, and without anything of a payload.
    for span in spans.iter().filter(|span| span.name != "checkout") {
        assert_eq!(span.attribute("messaging.system"), Some("nats"), "{span:#?}");
        let operation = span.attribute("messaging.operation.name").unwrap_or_default();
        let template = span.attribute("messaging.destination.template").unwrap_or_default();
        assert_eq!(span.name, format!("{operation} {template}"));
        assert!(!span.text.contains(SECRET), "{span:#?}");
    }
    assert_eq!(publish.attribute("messaging.destination.name"), Some("shop.domain.order.placed"));
    assert_eq!(publish.attribute("messaging.message.id"), first.attribute("messaging.message.id"));
    let exported = collector.metrics();
    assert!(exported.iter().any(|name| name == "messaging.process.duration"), "{exported:?}");
    Ok(())
}
