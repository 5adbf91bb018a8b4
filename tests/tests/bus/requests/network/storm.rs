//! Many requests while all that may go wrong with messages does, on both connections.

use std::sync::atomic::AtomicU64;

use tokio::task::JoinSet;
use tokio::time::interval;

use super::*;

/// How many ask at a time, and how often each.
const CALLERS: usize = 8;
const ROUNDS: usize = 25;

/// What was asked, and what was replied where that is kept.
type Asked = Arc<Mutex<Vec<(Uuid, Option<Found>)>>>;

/// What becomes of a message, for a number that is drawn: one in a hundred is lost, doubled, late, or cuts the connection.
fn fate(drawn: u64, may_be_doubled: bool) -> Verdict {
    match drawn % 400 {
        0..4 => Verdict::Drop,
        4..8 if may_be_doubled => Verdict::Twice,
        8..14 => Verdict::Later,
        14..18 => Verdict::Hold,
        18 => Verdict::Cut,
        19 => Verdict::CutAfter,
        _ => Verdict::Forward,
    }
}

/// The next of a row of numbers without a pattern (SplitMix64, by Steele, Lea and Flood).
fn draw(state: &AtomicU64) -> u64 {
    let seed = state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn rage(proxy: &Proxy, seed: u64) {
    let state = AtomicU64::new(seed);
    proxy.rule(move |frame| {
        let is_message = matches!(frame.verb, "PUB" | "HPUB" | "MSG" | "HMSG");
        // Only a kept answer tells a command that is doubled from one that is asked twice.
        let may_be_doubled = frame.subject != Activate::SUBJECT;
        if is_message { fate(draw(&state), may_be_doubled) } else { Verdict::Forward }
    });
}

/// Asks under new ids, each answer whose is kept a second time at once.
async fn asks(site: Arc<Site>, ids: Asked) -> usize {
    let mut answered = 0;
    for _ in 0..ROUNDS {
        let (once, kept) = (Uuid::now_v7(), Uuid::now_v7());
        let query = site.ask(get("r1"), Uuid::now_v7(), PATIENCE).await;
        if let Ok(reply) = &query {
            assert_eq!(*reply, found("r1"), "the answer to another request");
        }
        let command = site.ask(Activate {}, once, Duration::from_secs(1)).await;
        if let Err(error) = &command {
            // Whatever was lost on its way comes before the end of all, or never.
            assert!(error.may_be_done() || site.begun(once) == 0, "{error}");
        }
        let (one, two) = tokio::join!(
            site.ask(Capture { amount: 1 }, kept, PATIENCE),
            site.ask(Capture { amount: 1 }, kept, PATIENCE)
        );
        if let (Ok(one), Ok(two)) = (&one, &two) {
            assert_eq!(one, two, "two answers to one request");
        }
        answered += [query.is_ok(), command.is_ok(), one.is_ok(), two.is_ok()].into_iter().filter(|is| *is).count();
        ids.lock().unwrap().extend([(once, None), (kept, one.or(two).ok())]);
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_ends_in_time_and_no_command_begins_twice() -> Outcome {
    let site = Arc::new(Site::new().await?);
    let service = site.serve().await?;
    let ids = Asked::default();
    rage(&site.near_caller, 1);
    rage(&site.near_service, 2);
    let releasing = {
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            let mut ticks = interval(Duration::from_millis(100));
            loop {
                ticks.tick().await;
                site.near_caller.release();
                site.near_service.release();
            }
        })
    };

    let mut asking = JoinSet::new();
    for _ in 0..CALLERS {
        asking.spawn(asks(Arc::clone(&site), Arc::clone(&ids)));
    }
    let answered: usize = asking.join_all().await.into_iter().sum();
    site.near_caller.forward_all();
    site.near_service.forward_all();

    // What was asked in the storm is asked again after it.
    let asked = std::mem::take(&mut *ids.lock().unwrap());
    for (id, first) in asked {
        assert!(site.begun(id) <= 1, "{id} was begun {} times", site.begun(id));
        if let Some(first) = first {
            assert_eq!(site.ask(Capture { amount: 1 }, id, PATIENCE).await?, first);
            assert_eq!(site.begun(id), 1);
        }
    }
    let all = CALLERS * ROUNDS * 4;
    println!(
        "{answered} of {all} answered; {} and {} connections",
        site.near_caller.connections(),
        site.near_service.connections()
    );
    assert!(answered > all / 2, "{answered} of {all} answered");
    releasing.abort();
    service.stop().await?;
    Ok(())
}
