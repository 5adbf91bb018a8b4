//! kill -9 at every step between the delivery of an event and the word about it: nothing is lost, nothing is dead twice, and
//! what was done twice was done twice for a reason.
//!
//! A round publishes a few jobs, one of which is the target. When the target comes to the round's step, the worker is
//! killed, and the next one begins. Jobs of earlier rounds are still under way meanwhile, so a kill hits them anywhere.

pub(crate) mod ledger;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use eventsmith_tests::job::{Deed, JOBS, Job, LETTERS};
use eventsmith_tests::proxy::{End, Frame, Verdict};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::common::*;
use crate::worker::Supervisor;
use ledger::{Ledger, dead_letter};

/// Where in its life the target is when the worker is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Step {
    /// The server has sent it, and it has not arrived.
    OnItsWay,
    /// It is being handled.
    InTheHandler,
    /// It is handled, and the acknowledgement has not left.
    BeforeTheAck,
    /// The acknowledgement has left, and nothing behind it.
    AfterTheAck,
    /// It has failed, and the server has not been told to deliver it again.
    BeforeTheNak,
    /// It has failed, and the server has been told.
    AfterTheNak,
    /// It is to be dead-lettered, and the dead letter has not left.
    BeforeTheDeadLetter,
    /// The dead letter has left, and its acknowledgement has not come.
    AfterTheDeadLetter,
    /// The dead letter is stored, and the server has not been told to deliver the origin no more.
    BeforeTheTerm,
    /// The server has been told, and nothing behind it.
    AfterTheTerm,
    /// The handler itself ends the process, at every attempt, until it is dead-lettered.
    ByTheHandler,
}

const STEPS: [Step; 11] = [
    Step::OnItsWay,
    Step::InTheHandler,
    Step::BeforeTheAck,
    Step::AfterTheAck,
    Step::BeforeTheNak,
    Step::AfterTheNak,
    Step::BeforeTheDeadLetter,
    Step::AfterTheDeadLetter,
    Step::BeforeTheTerm,
    Step::AfterTheTerm,
    Step::ByTheHandler,
];

impl Step {
    /// What the target does at its attempts, so that it comes to this step. Roads to a dead letter take turns.
    fn deeds(self, round: usize) -> Vec<Deed> {
        match self {
            Self::OnItsWay | Self::BeforeTheAck | Self::AfterTheAck => vec![Deed::Complete],
            Self::InTheHandler => vec![Deed::Hang, Deed::Complete],
            Self::BeforeTheNak | Self::AfterTheNak => vec![Deed::Fail, Deed::Fail, Deed::Complete],
            Self::ByTheHandler => vec![Deed::Abort],
            _ => match round / STEPS.len() % 4 {
                0 => vec![Deed::Reject],
                1 => vec![Deed::Fail],
                2 => vec![],
                _ => vec![Deed::Panic, Deed::Fail],
            },
        }
    }

    /// What becomes of a frame about the target if this step is at hand with it; `None` if not.
    fn at(self, frame: &Frame, target: u64) -> Option<Verdict> {
        let says = |word: &[u8]| {
            frame.word_about().is_some_and(|about| about.sequence == target) && frame.payload.starts_with(word)
        };
        let delivers = || frame.delivers().is_some_and(|delivery| delivery.sequence == target);
        let buries = || frame.from == End::Client && dead_letter(frame.subject) == Some(target);
        match self {
            Self::OnItsWay => delivers().then_some(Verdict::Cut),
            Self::BeforeTheAck => says(b"+ACK").then_some(Verdict::Cut),
            Self::AfterTheAck => says(b"+ACK").then_some(Verdict::CutAfter),
            Self::BeforeTheNak => says(b"-NAK").then_some(Verdict::Cut),
            Self::AfterTheNak => says(b"-NAK").then_some(Verdict::CutAfter),
            Self::BeforeTheDeadLetter => buries().then_some(Verdict::Cut),
            Self::AfterTheDeadLetter => buries().then_some(Verdict::CutAfter),
            Self::BeforeTheTerm => says(b"+TERM").then_some(Verdict::Cut),
            Self::AfterTheTerm => says(b"+TERM").then_some(Verdict::CutAfter),
            Self::InTheHandler | Self::ByTheHandler => None,
        }
    }
}

/// Whether this is the last word about the target.
fn ends(frame: &Frame, target: u64) -> bool {
    let last = frame.payload == b"+ACK" || frame.payload.starts_with(b"+TERM");
    last && frame.word_about().is_some_and(|about| about.sequence == target)
}

/// So many rounds, or as many as the environment says.
pub(crate) fn rounds(usually: usize) -> Outcome<usize> {
    match std::env::var("DELIVERY_KILL_ROUNDS") {
        Ok(text) => Ok(text.parse().map_err(|error| format!("DELIVERY_KILL_ROUNDS: {text:?}: {error}"))?),
        Err(_) => Ok(usually),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_a_process_dies_no_event_is_lost_or_dead_lettered_twice() -> Outcome {
    let site = Site::new().await?;
    let (rounds, missed) = (rounds(200)?, Arc::new(AtomicUsize::new(0)));
    let ledger = Arc::new(Ledger::new(Duration::from_millis(site.orders().ack_wait_ms)));
    let mut workers = Supervisor::start(&site.orders())?;
    let mut jobs = Vec::new();
    let mut sequence = 0;

    for round in 0..rounds {
        let step = STEPS[round % STEPS.len()];
        // The bus is the only publisher, so the target's number is known before it is published.
        let target = sequence + 2;
        let reached = Arc::new(Notify::new());
        let (book, kill, tell, miss) =
            (Arc::clone(&ledger), workers.killer(), Arc::clone(&reached), Arc::clone(&missed));
        let over = AtomicBool::new(false);
        site.proxy.rule(move |frame| {
            let mut verdict = Verdict::Forward;
            if let Some(fault) = step.at(frame, target).filter(|_| !over.swap(true, SeqCst)) {
                verdict = fault;
                kill();
                tell.notify_one();
            } else if ends(frame, target) && !over.swap(true, SeqCst) {
                if step != Step::ByTheHandler {
                    // It was on its way to a worker that died, at the attempt that counted.
                    miss.fetch_add(1, SeqCst);
                }
                tell.notify_one();
            }
            book.note(frame, verdict);
            verdict
        });
        for deeds in [vec![Deed::Complete], step.deeds(round), vec![Deed::Work(3)], vec![Deed::Fail, Deed::Complete]] {
            sequence += 1;
            let job = Job::new(sequence, deeds);
            assert_eq!(site.bus.publish(&job).await?.sequence, sequence, "somebody else publishes");
            jobs.push(job);
        }
        let line = format!("HANDLING {target} ");
        let wait = async {
            match step {
                Step::InTheHandler => workers.says(|said| said.starts_with(&line)).await.map(|_| workers.killer()()),
                _ => {
                    reached.notified().await;
                    Some(())
                }
            }
        };
        let waited = timeout(PATIENCE, wait).await.map_err(|_| format!("round {round}: never {step:?}"))?;
        waited.ok_or_else(|| format!("round {round}, {step:?}: there are no workers"))?;
    }

    let book = Arc::clone(&ledger);
    site.proxy.rule(move |frame| {
        book.note(frame, Verdict::Forward);
        Verdict::Forward
    });
    let (stream, letters) = (site.stream(&JOBS).await?, site.stream(&LETTERS).await?);
    // What is lost is named below; that nothing ends by itself is the lesser news.
    let ended = until("the end of all jobs", async || settled(&stream, "worker").await).await;
    let buried = ledger::buried(&letters).await?;
    let wrong = ledger.audit(&jobs, &site.journal.read()?, &buried, site.orders().max_attempts);

    assert!(wrong.is_empty(), "{} of {} jobs:\n{}", wrong.len(), jobs.len(), wrong.join("\n"));
    ended?;
    let missed = missed.load(SeqCst);
    assert!(missed * 20 <= rounds, "{missed} of {rounds} rounds did not come to their step");
    println!(
        "{rounds} rounds, {missed} missed, {} jobs, {} dead letters, {}",
        jobs.len(),
        buried.len(),
        ledger.summary()
    );
    Ok(())
}
