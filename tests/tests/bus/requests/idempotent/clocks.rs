//! The times of kept answers, on a clock that is put forward: a service that died at work, and answers that are old.

use std::sync::Mutex;
use std::thread;

use tokio::time::{Instant, advance};

use super::*;

/// A service that begins a request and is gone with its process before it ends.
async fn dies_at_work<R: eventsmith::Request + Clone>(
    bus: &Bus,
    request: &R,
    id: Uuid,
    config: ServiceConfig,
) -> Outcome {
    let (bus, request) = (bus.clone(), request.clone());
    let died = thread::spawn(move || -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        runtime.block_on(async {
            let begun = Arc::new(Notify::new());
            let notify = Arc::clone(&begun);
            let service = bus.service(SERVICE).config(config).answer(move |_: Received<R>| {
                notify.notify_one();
                std::future::pending()
            });
            tokio::spawn(service.run(std::future::pending::<()>()));
            let asking = tokio::spawn(async move { drop(bus.request_with(&request, under(id)).await) });
            begun.notified().await;
            asking.abort();
        });
        // All that it is ends here.
        drop(runtime);
        Ok(())
    });
    // Nothing else runs meanwhile, and no time passes.
    Ok(died.join().map_err(|_| "the thread panicked")??)
}

fn patient(id: Uuid) -> RequestOptions {
    RequestOptions { timeout: Some(Duration::from_secs(600)), ..under(id) }
}

#[tokio::test(start_paused = true)]
async fn of_a_service_that_died_at_work_nobody_knows_how_far_it_came() -> Outcome {
    let bus = Bus::in_memory();
    provisioned(&bus).await?;
    let id = Uuid::now_v7();
    dies_at_work(&bus, &Capture { amount: 1 }, id, ServiceConfig::default()).await?;
    let runs = Arc::default();
    let service = serve(counting(&bus, &runs, Duration::ZERO));

    // It may still be at work.
    let begun = Instant::now();
    let early = bus
        .request_with(&Capture { amount: 1 }, RequestOptions { timeout: Some(Duration::from_secs(25)), ..under(id) });
    let early = early.await;
    assert!(early.as_ref().is_err_and(|error| error.may_be_done()), "{early:?}");
    assert!(begun.elapsed() <= Duration::from_secs(25), "{:?}", begun.elapsed());
    for _ in 0..2 {
        match bus.request_with(&Capture { amount: 1 }, patient(id)).await {
            Err(error @ RequestError::Failed { code: 500, .. }) => assert!(error.may_be_done(), "{error}"),
            other => panic!("{other:?}"),
        }
    }

    // No handler takes longer than half a minute, and no write than another.
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    service.stop().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_begun_again_has_all_of_its_time_however_long_it_waited() -> Outcome {
    let bus = Bus::in_memory();
    provisioned(&bus).await?;
    let id = Uuid::now_v7();
    dies_at_work(&bus, &Reserve {}, id, ServiceConfig::default()).await?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let service = serve(bus.service(SERVICE).answer(move |request: Received<Reserve>| {
        notes.lock().unwrap().push((request.was_begun(), request.time_left()));
        async {
            sleep(Duration::from_secs(20)).await;
            Ok(found("done"))
        }
    }));

    assert_eq!(bus.request_with(&Reserve {}, patient(id)).await?, found("done"));
    assert_eq!(bus.request_with(&Reserve {}, patient(id)).await?, found("done"));

    let seen = seen.lock().unwrap().clone();
    assert!(matches!(seen[..], [(true, left)] if left > Duration::from_secs(29)), "{seen:?}");
    service.stop().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_claim_lasts_for_as_long_as_the_service_says_that_made_it() -> Outcome {
    let bus = Bus::in_memory();
    bus.provision(Topology::default().with_replies(SERVICE, Duration::from_secs(3_600))).await?;
    let (runs, id) = (Arc::new(AtomicU32::new(0)), Uuid::now_v7());
    let lasting = |timeout: u64| {
        let runs = Arc::clone(&runs);
        let config = ServiceConfig { timeout: Duration::from_secs(timeout), ..ServiceConfig::default() };
        serve(bus.service(SERVICE).config(config).answer(move |_: Received<Reserve>| {
            let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                sleep(Duration::from_secs(300)).await;
                Ok(found(&format!("run {run}")))
            }
        }))
    };
    let slow = lasting(400);
    let asking = {
        let bus = bus.clone();
        tokio::spawn(async move { bus.request_with(&Reserve {}, patient(id)).await })
    };
    slow.has_taken_on(1).await?;

    // An instance with another configuration has its share of what is asked.
    let hasty = lasting(1);
    let asked: Vec<_> = (0..4)
        .map(|_| {
            let bus = bus.clone();
            tokio::spawn(async move { bus.request_with(&Reserve {}, patient(id)).await })
        })
        .collect();

    assert_eq!(asking.await??, found("run 1"));
    for asked in asked {
        assert_eq!(asked.await??, found("run 1"));
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    slow.stop().await?;
    hasty.stop().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_for_its_time_and_no_longer() -> Outcome {
    let bus = Bus::in_memory();
    provisioned(&bus).await?;
    let (runs, id) = (Arc::default(), Uuid::now_v7());
    let service = serve(counting(&bus, &runs, Duration::ZERO));

    assert_eq!(bus.request_with(&Capture { amount: 1 }, under(id)).await?, found("run 1"));
    advance(Duration::from_secs(599)).await;
    assert_eq!(bus.request_with(&Capture { amount: 1 }, under(id)).await?, found("run 1"));
    advance(Duration::from_secs(2)).await;
    assert_eq!(bus.request_with(&Capture { amount: 2 }, under(id)).await?, found("run 2"));

    service.stop().await?;
    Ok(())
}
