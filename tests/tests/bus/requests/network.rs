//! Requests over a network at fault: each ends in time with an answer or a definite error, no command begins twice, and one whose
//! answer is kept gets its first.

mod kills;
mod storm;

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsmith::admin::{BusAdmin as _, Topology};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, Received, Refusal, Request, RequestError, RequestOptions, Service, Uuid};
use eventsmith_tests::proxy::{End, Frame, Proxy, Verdict};
use tokio::time::Instant;

use super::common::*;
use super::idempotent::{Capture, Reserve, SERVICE};
use crate::common::{Outcome, config, until};

/// How long somebody waits, and how much later the answer may be on a busy machine.
const PATIENCE: Duration = Duration::from_secs(4);
const LATER: Duration = Duration::from_secs(3);

/// What is lost is soon missed, and who is cut off soon comes back.
fn quick(url: String) -> Config {
    Config { ack_timeout: Duration::from_millis(300), max_reconnect_delay: Duration::from_millis(100), ..config(url) }
}

/// How often each request was begun, by its id.
type Begun = Arc<Mutex<HashMap<String, u32>>>;

/// Somebody who asks and a service that answers, each behind a proxy of its own.
struct Site {
    /// Until a test takes it.
    server: Option<NatsServer>,
    near_caller: Proxy,
    near_service: Proxy,
    caller: Bus,
    answering: Bus,
    begun: Begun,
}

impl Site {
    async fn new() -> Outcome<Self> {
        let server = NatsServer::start().await?;
        Bus::connect(config(server.url()))
            .await?
            .provision(Topology::default().with_replies(SERVICE, Duration::from_secs(600)))
            .await?;
        let (near_caller, near_service) = (Proxy::start(server.port()).await?, Proxy::start(server.port()).await?);
        let caller = Bus::connect(quick(near_caller.url())).await?;
        let answering = Bus::connect(quick(near_service.url())).await?;
        Ok(Self { server: Some(server), near_caller, near_service, caller, answering, begun: Begun::default() })
    }

    /// A service that answers with the number of the run of its request.
    async fn serve(&self) -> Outcome<Serving> {
        let serving = serve(self.service_on(&self.answering));
        serving.is_up(&self.caller).await?;
        Ok(serving)
    }

    fn service_on(&self, bus: &Bus) -> Service {
        bus.service(SERVICE)
            .answer(async |request: Received<Get>| Ok(found(&request.rule_id)))
            .answer(noting(&self.begun, |_| NoReply, |request: &Received<Activate>| request.envelope().id.clone()))
            .answer(noting(&self.begun, run, |request: &Received<Capture>| request.envelope().id.clone()))
            .answer(noting(&self.begun, run, |request: &Received<Reserve>| request.envelope().id.clone()))
    }

    /// How often a request was begun.
    fn begun(&self, id: Uuid) -> u32 {
        self.begun.lock().unwrap().get(&id.to_string()).copied().unwrap_or_default()
    }

    fn proxy(&self, leg: Leg) -> &Proxy {
        match leg {
            Leg::Asked | Leg::Replied => &self.near_caller,
            _ => &self.near_service,
        }
    }

    /// Asks, which must end in time.
    async fn ask<R: Request>(
        &self,
        request: R,
        id: Uuid,
        patience: Duration,
    ) -> Result<R::Reply, RequestError<R::Error>>
    where
        R::Reply: std::fmt::Debug,
        R::Error: std::fmt::Debug,
    {
        let begun = Instant::now();
        let options = RequestOptions { id: Some(id), timeout: Some(patience), ..RequestOptions::default() };
        let asked = self.caller.request_with(&request, options).await;
        assert!(begun.elapsed() < patience + LATER, "{} took {:?}: {asked:?}", R::TYPE, begun.elapsed());
        asked
    }
}

type Answer<R> = Ready<Result<<R as Request>::Reply, Refusal<<R as Request>::Error>>>;

/// A handler that notes that it begins.
fn noting<R: Request>(
    begun: &Begun,
    reply: fn(u32) -> R::Reply,
    id: fn(&Received<R>) -> String,
) -> impl FnMut(Received<R>) -> Answer<R> + Clone + Send + 'static
where
    R::Reply: Send,
    R::Error: Send,
{
    let begun = Arc::clone(begun);
    move |request| {
        let mut begun = begun.lock().unwrap();
        let runs = begun.entry(id(&request)).or_default();
        *runs += 1;
        ready(Ok(reply(*runs)))
    }
}

fn run(number: u32) -> Found {
    found(&format!("run {number}"))
}

/// Where something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leg {
    /// The request leaves who asks.
    Asked,
    /// The request comes to the service.
    Received,
    /// The answer leaves the service.
    Answered,
    /// The answer comes to who asks.
    Replied,
    /// The service claims the request, and learns that it has.
    Claim,
    ClaimAck,
    /// The service keeps the answer, and learns that it has.
    Keep,
    KeepAck,
}

impl Leg {
    fn is_passed_by(self, frame: &Frame) -> bool {
        let is_message = matches!(frame.verb, "PUB" | "HPUB" | "MSG" | "HMSG");
        let is_of_client = frame.from == End::Client;
        let kept = frame.header("Eventsmith-Kept").filter(|_| frame.subject.starts_with("$KV."));
        is_message
            && match self {
                Self::Asked => is_of_client && frame.subject.starts_with("rules."),
                Self::Received => !is_of_client && frame.subject.starts_with("rules."),
                Self::Answered => is_of_client && frame.subject.starts_with("_INBOX."),
                Self::Replied => !is_of_client && frame.subject.starts_with("_INBOX."),
                Self::Claim => is_of_client && kept == Some("claim"),
                Self::Keep => is_of_client && kept == Some("answer"),
                Self::ClaimAck | Self::KeepAck => {
                    let is_ack = frame.payload.windows(9).any(|part| part == b"\"stream\":");
                    !is_of_client && frame.subject.starts_with("_INBOX.") && is_ack
                }
            }
    }

    /// Which of the messages that pass here is meant.
    fn number(self) -> usize {
        if self == Self::KeepAck { 1 } else { 0 }
    }
}

/// What happens to one message; the next ones pass.
async fn at_fault<T>(site: &Site, leg: Leg, verdict: Verdict, asking: impl Future<Output = T>) -> T {
    let passed = Arc::new(AtomicUsize::new(0));
    let (counted, seen) = (Arc::clone(&passed), Arc::clone(&passed));
    let proxy = site.proxy(leg);
    proxy.rule(move |frame| match leg.is_passed_by(frame) {
        true if counted.fetch_add(1, Ordering::SeqCst) == leg.number() => verdict,
        _ => Verdict::Forward,
    });
    // What is overtaken waits until it is tried again, and what stands still cannot be tried again behind it.
    let is_due = move || passed.load(Ordering::SeqCst) > leg.number() + usize::from(verdict != Verdict::Hold);
    let mut asking = std::pin::pin!(asking);
    let asked = tokio::select! {
        asked = &mut asking => asked,
        due = until(is_due) => {
            drop(due);
            proxy.release();
            asking.await
        }
    };
    proxy.forward_all();
    proxy.release();
    assert!(seen.load(Ordering::SeqCst) > leg.number(), "nothing passed {leg:?}");
    asked
}

const VERDICTS: [Verdict; 6] =
    [Verdict::Drop, Verdict::Twice, Verdict::Later, Verdict::Hold, Verdict::Cut, Verdict::CutAfter];
const OF_ALL: [Leg; 4] = [Leg::Asked, Leg::Received, Leg::Answered, Leg::Replied];
const OF_KEPT: [Leg; 8] =
    [Leg::Asked, Leg::Received, Leg::Answered, Leg::Replied, Leg::Claim, Leg::ClaimAck, Leg::Keep, Leg::KeepAck];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_is_answered_whatever_happens_to_one_message() -> Outcome {
    let site = Site::new().await?;
    let service = site.serve().await?;

    for leg in OF_ALL {
        for verdict in VERDICTS {
            let asked = at_fault(&site, leg, verdict, site.ask(get("r1"), Uuid::now_v7(), PATIENCE)).await;
            assert!(matches!(&asked, Ok(reply) if *reply == found("r1")), "{verdict:?} of {leg:?}: {asked:?}");
        }
    }

    service.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_begins_once_at_most_and_its_error_says_where_it_may_have() -> Outcome {
    let site = Site::new().await?;
    let service = site.serve().await?;

    for leg in OF_ALL {
        for verdict in VERDICTS {
            let (id, is_doubled) = (Uuid::now_v7(), verdict == Verdict::Twice);
            let asked = at_fault(&site, leg, verdict, site.ask(Activate {}, id, Duration::from_millis(800))).await;
            // What is on its way has come, when an answer to what is asked after it does.
            site.ask(get("after"), Uuid::now_v7(), PATIENCE).await?;
            let begun = site.begun(id);
            // A message that is doubled asks twice: only a kept answer would tell.
            let copies = if is_doubled && matches!(leg, Leg::Asked | Leg::Received) { 2 } else { 1 };
            assert!(begun <= copies, "{verdict:?} of {leg:?}: begun {begun} times");
            match asked {
                Ok(NoReply) => assert!(begun > 0, "{verdict:?} of {leg:?}"),
                Err(error) => {
                    assert!(error.may_be_done() || begun == 0, "{verdict:?} of {leg:?}: {error}");
                    assert!(!is_doubled, "{verdict:?} of {leg:?}: {error}");
                }
            }
        }
    }

    service.stop().await?;
    Ok(())
}

/// Asks under one id while something goes wrong, and then twice more.
async fn kept<R: Request<Reply = Found> + Clone>(request: R, legs: &[Leg]) -> Outcome
where
    R::Error: std::fmt::Debug,
{
    let site = Site::new().await?;
    let service = site.serve().await?;
    for leg in legs {
        for verdict in VERDICTS {
            let id = Uuid::now_v7();
            let first = at_fault(&site, *leg, verdict, site.ask(request.clone(), id, PATIENCE)).await;
            assert!(matches!(&first, Ok(reply) if *reply == run(1)), "{verdict:?} of {leg:?}: {first:?}");
            for _ in 0..2 {
                let again = site.ask(request.clone(), id, PATIENCE).await;
                assert!(matches!(&again, Ok(reply) if *reply == run(1)), "{verdict:?} of {leg:?}: {again:?}");
            }
            assert_eq!(site.begun(id), 1, "{verdict:?} of {leg:?}");
        }
    }
    service.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_whose_answer_is_kept_gets_its_first_whatever_happens_to_one_message() -> Outcome {
    kept(Capture { amount: 1 }, &OF_KEPT).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_does_one_that_is_begun_again_where_it_is_lost() -> Outcome {
    kept(Reserve {}, &[Leg::Received, Leg::ClaimAck, Leg::Keep, Leg::KeepAck]).await
}

/// Whether a frame says that somebody wants requests, or no more of them.
fn is_interest(frame: &Frame, verb: &str) -> bool {
    frame.from == End::Client
        && frame.verb == verb
        && (verb == "UNSUB" || frame.subject.starts_with("rules.") || frame.subject.starts_with("$SRV."))
}

#[tokio::test]
async fn interest_that_is_lost_is_a_definite_error_and_comes_back_with_the_next_connection() -> Outcome {
    let site = Site::new().await?;
    site.near_service.rule(|frame| if is_interest(frame, "SUB") { Verdict::Drop } else { Verdict::Forward });
    let service = serve(site.answering.service(SERVICE).answer(async |_: Received<Get>| Ok(found("there"))));

    let asked = site.ask(get("r1"), Uuid::now_v7(), PATIENCE).await;
    assert!(matches!(asked, Err(RequestError::NoResponders { .. })), "{asked:?}");

    site.near_service.forward_all();
    site.near_service.cut();
    service.is_up(&site.caller).await?;
    assert_eq!(site.ask(get("r1"), Uuid::now_v7(), PATIENCE).await?, found("there"));
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn interest_that_comes_twice_or_late_is_interest_once() -> Outcome {
    for verdict in [Verdict::Twice, Verdict::Later, Verdict::Hold] {
        let site = Site::new().await?;
        let held = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&held);
        site.near_service.rule(move |frame| match is_interest(frame, "SUB") {
            true => {
                count.fetch_add(1, Ordering::SeqCst);
                verdict
            }
            false => Verdict::Forward,
        });
        let (caller, near_service) = (site.caller.clone(), &site.near_service);
        let releasing = async {
            until(|| held.load(Ordering::SeqCst) > 0).await?;
            // Who asks before anybody is known to listen asks again.
            let early = tokio::spawn(async move { caller.request(&get("early")).await });
            near_service.forward_all();
            // Each time one of them is let go, the next is held.
            while !early.is_finished() {
                near_service.release();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok::<_, Box<dyn std::error::Error>>(early.await?)
        };
        let (early, service) = tokio::join!(releasing, site.serve());
        let (service, id) = (service?, Uuid::now_v7());
        assert_eq!(early??, found("early"), "{verdict:?}");

        site.ask(Activate {}, id, PATIENCE).await?;

        assert_eq!(site.begun(id), 1, "{verdict:?}");
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_service_whose_leave_is_lost_or_late_ends_in_time_and_so_does_who_asks_it() -> Outcome {
    for verdict in [Verdict::Drop, Verdict::Later, Verdict::Hold, Verdict::Twice] {
        let site = Site::new().await?;
        let service = site.serve().await?;
        site.near_service.rule(move |frame| if is_interest(frame, "UNSUB") { verdict } else { Verdict::Forward });

        // It says so when nobody is there any more: what the server still sends is lost.
        let replied = service.stop().await?.replied;
        let id = Uuid::now_v7();
        let asked = site.ask(Activate {}, id, Duration::from_millis(800)).await;

        assert!(asked.is_err(), "{verdict:?}: {asked:?}");
        assert_eq!((site.begun(id), replied > 0), (0, true), "{verdict:?}");
        site.near_service.forward_all();
        site.near_service.release();
        // What the server does not learn over one connection it learns with its end.
        site.near_service.cut();
        let next = site.serve().await?;
        site.ask(Activate {}, Uuid::now_v7(), PATIENCE).await?;
        next.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn connections_that_stand_still_in_both_directions_cost_their_time_and_no_more() -> Outcome {
    let site = Site::new().await?;
    let service = site.serve().await?;

    for proxy in [&site.near_caller, &site.near_service] {
        let (command, captured) = (Uuid::now_v7(), Uuid::now_v7());
        proxy.rule(|_| Verdict::Hold);
        let patience = Duration::from_millis(500);
        let (query, asked, kept) = tokio::join!(
            site.ask(get("r1"), Uuid::now_v7(), patience),
            site.ask(Activate {}, command, patience),
            site.ask(Capture { amount: 1 }, captured, patience)
        );
        assert!(query.is_err_and(|error| error.may_be_done()));
        assert!(asked.is_err_and(|error| error.may_be_done()));
        assert!(kept.is_err_and(|error| error.may_be_done()));
        proxy.forward_all();
        proxy.release();

        let again = site.ask(Capture { amount: 1 }, captured, PATIENCE).await?;
        site.ask(get("after"), Uuid::now_v7(), PATIENCE).await?;
        assert_eq!(again, run(1));
        assert_eq!(site.begun(captured), 1);
        assert!(site.begun(command) <= 1);
    }
    service.stop().await?;
    Ok(())
}

/// An attempt that was begun and lost is not forgotten for the next one, which finds nobody.
#[tokio::test]
async fn what_was_begun_and_lost_is_not_said_to_be_undone() -> Outcome {
    let site = Site::new().await?;
    let begun = Arc::new(tokio::sync::Notify::new());
    let notify = Arc::clone(&begun);
    let service = serve(
        site.answering.service(SERVICE).answer(async |request: Received<Get>| Ok(found(&request.rule_id))).answer(
            move |_: Received<Capture>| {
                notify.notify_one();
                std::future::pending()
            },
        ),
    );
    service.is_up(&site.caller).await?;
    let losing = async {
        begun.notified().await;
        site.near_service.refuse(true);
        site.near_service.cut();
        site.near_caller.cut();
    };

    let (asked, ()) = tokio::join!(site.ask(Capture { amount: 1 }, Uuid::now_v7(), PATIENCE), losing);

    let error = asked.err().ok_or("nobody answers")?;
    assert!(error.may_be_done(), "{error}");
    Ok(())
}

/// Who waits for another is told when that may be done, and asks the server little meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_wait_for_another_asks_little_and_ends_with_its_answer() -> Outcome {
    let site = Site::new().await?;
    let slow = Duration::from_millis(2_500);
    let service = serve(site.answering.service(SERVICE).answer(move |_: Received<Capture>| async move {
        tokio::time::sleep(slow).await;
        Ok(found("done"))
    }));
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    site.near_service.rule(move |frame| {
        let is_look = frame.subject.contains("MSG.GET") || frame.subject.contains("DIRECT.GET");
        counted.fetch_add(usize::from(is_look && frame.from == End::Client), Ordering::SeqCst);
        Verdict::Forward
    });
    let (id, patience) = (Uuid::now_v7(), Duration::from_secs(20));

    let (first, second) =
        tokio::join!(site.ask(Capture { amount: 1 }, id, patience), site.ask(Capture { amount: 1 }, id, patience));

    assert_eq!((first?, second?), (found("done"), found("done")));
    let looks = looks.load(Ordering::SeqCst);
    assert!((1..=10).contains(&looks), "{looks} looks");
    service.stop().await?;
    Ok(())
}
