//! A server that is killed at each step of a command whose answer is kept, and a wait that asks little of it.

use super::*;

const STEPS: [(Leg, Verdict); 9] = [
    (Leg::Received, Verdict::Cut),
    (Leg::Received, Verdict::CutAfter),
    (Leg::Claim, Verdict::Cut),
    (Leg::Claim, Verdict::CutAfter),
    (Leg::ClaimAck, Verdict::CutAfter),
    (Leg::Keep, Verdict::Cut),
    (Leg::Keep, Verdict::CutAfter),
    (Leg::KeepAck, Verdict::Cut),
    (Leg::Answered, Verdict::Cut),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_at_any_step_lets_no_command_begin_twice() -> Outcome {
    let mut site = Site::new().await?;
    let server = Arc::new(Mutex::new(site.server.take()));
    let service = site.serve().await?;
    // Whichever instance it comes to, what passes does so here.
    let other = Bus::connect(quick(site.near_service.url())).await?;
    let instance = serve(site.service_on(&other));
    let patience = Duration::from_secs(10);

    for (leg, verdict) in STEPS {
        let id = Uuid::now_v7();
        let killed = Arc::new(AtomicUsize::new(0));
        let (counted, running) = (Arc::clone(&killed), Arc::clone(&server));
        site.near_service.rule(move |frame| {
            if !leg.is_passed_by(frame) || counted.fetch_add(1, Ordering::SeqCst) != leg.number() {
                return Verdict::Forward;
            }
            // What the server is sent it gets, before it goes down.
            if verdict == Verdict::Cut || frame.from == End::Server {
                running.lock().unwrap().iter_mut().for_each(|server| server.kill().unwrap());
            }
            verdict
        });
        let restarting = async {
            until(|| killed.load(Ordering::SeqCst) > leg.number()).await?;
            site.near_service.forward_all();
            let mut down = server.lock().unwrap().take().ok_or("no server")?;
            down.kill()?;
            down.start_again().await?;
            server.lock().unwrap().replace(down);
            Ok::<_, Box<dyn std::error::Error>>(())
        };
        let (first, restarted) = tokio::join!(site.ask(Capture { amount: 1 }, id, patience), restarting);
        restarted?;

        site.ask(get("after"), Uuid::now_v7(), patience).await?;
        let again = site.ask(Capture { amount: 1 }, id, patience).await;
        assert!(site.begun(id) <= 1, "{leg:?}, {verdict:?}: begun {} times", site.begun(id));
        if let Ok(first) = &first {
            assert_eq!(again.as_ref().ok(), Some(first), "{leg:?}, {verdict:?}: {again:?}");
        }
        println!("{leg:?}, {verdict:?}: {first:?}, then {again:?}");
    }

    service.stop().await?;
    instance.stop().await?;
    Ok(())
}
