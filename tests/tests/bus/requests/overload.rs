//! More than can be done: what is done in spite of that, and what keeps others from being done.

use std::sync::Arc;
use std::time::Duration;

use eventsmith::config::ServiceConfig;
use eventsmith::{Bus, Received, RequestError};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::common::*;
use crate::common::*;

const SLOTS: usize = 4;
const WORK: Duration = Duration::from_millis(250);
/// For how long twice as much is asked as can be done.
const OVERLOAD: Duration = Duration::from_secs(30);

/// A queue that only has a length fills up with requests that are cut off soon after they are begun.
#[tokio::test(start_paused = true)]
async fn a_service_that_is_asked_for_twice_as_much_does_nearly_as_much_as_it_can() -> Outcome {
    let bus = Bus::in_memory();
    let limits = ServiceConfig { concurrency: SLOTS, max_queued: 256, ..ServiceConfig::default() };
    let service = serve(bus.service("rules").config(limits).answer(async |_: Received<Activate>| {
        sleep(WORK).await;
        Ok(NoReply)
    }));
    ask(bus.clone(), within(Duration::from_secs(5))).await?;

    let (begun, mut asking) = (Instant::now(), JoinSet::new());
    let between = WORK / SLOTS as u32 / 2;
    let count = (OVERLOAD.as_millis() / between.as_millis()) as u32;
    for number in 0..count {
        sleep_until(begun + between * number).await;
        asking.spawn(ask(bus.clone(), within(4 * WORK)));
    }
    let (mut replied, mut silent) = (0, 0);
    for asked in asking.join_all().await {
        match asked {
            Ok(NoReply) => replied += 1,
            Err(RequestError::Failed { code: 429, .. }) => {}
            Err(_) => silent += 1,
        }
    }

    assert!(replied * 10 >= count / 2 * 9, "{replied} of {count} were done, half of which can be");
    assert!(silent * 20 <= count, "{silent} of {count} learned nothing in time");
    service.stop().await?;
    Ok(())
}

/// The same request waits for the first, wherever that runs.
#[tokio::test(start_paused = true)]
async fn who_waits_for_the_answer_to_another_takes_no_slot() -> Outcome {
    use super::idempotent::{Capture, SERVICE, provisioned, under};
    let bus = Bus::in_memory();
    provisioned(&bus).await?;
    let first = Arc::new(Notify::new());
    let (released, limits) = (Arc::clone(&first), ServiceConfig { concurrency: 2, ..ServiceConfig::default() });
    let service = serve(bus.service(SERVICE).config(limits).answer(move |request: Received<Capture>| {
        let released = Arc::clone(&released);
        async move {
            if request.amount == 1 {
                released.notified().await;
            }
            Ok(found("done"))
        }
    }));
    let capture = |amount, id| {
        let (bus, options) = (bus.clone(), under(id));
        tokio::spawn(async move { bus.request_with(&Capture { amount }, options).await })
    };
    let id = eventsmith::Uuid::now_v7();

    let same: Vec<_> = (0..4).map(|_| capture(1, id)).collect();
    service.has_taken_on(4).await?;
    let other = capture(2, eventsmith::Uuid::now_v7()).await??;

    assert_eq!(other, found("done"));
    first.notify_one();
    for asked in same {
        assert_eq!(asked.await??, found("done"));
    }
    assert_eq!(service.stop().await?.replied, 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn many_requests_are_answered_in_their_order_and_some_at_a_time() -> Outcome {
    let bus = Bus::in_memory();
    let service = serve(bus.service("rules").answer(async |request: Received<Get>| {
        // The later ones are quicker.
        sleep(Duration::from_millis(100 - request.depth as u64)).await;
        Ok(found(&request.rule_id))
    }));
    let requests: Vec<Get> = (0..100).map(|depth| Get { rule_id: format!("r{depth}"), depth }).collect();

    let replies = bus.request_all(&requests).await;

    let names: Vec<String> =
        replies.into_iter().map(|reply| reply.map(|found| found.name)).collect::<Result<_, _>>()?;
    assert!(names.iter().eq(requests.iter().map(|request| &request.rule_id)), "{names:?}");
    service.stop().await?;
    Ok(())
}
