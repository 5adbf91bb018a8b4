//! Checkouts from end to end, and the audit of them: in memory, and over a server.

mod tampered;

use eventsmith::Bus;
use eventsmith::state::Sagas;
use eventsmith::testing::NatsServer;
use rules_engine::Config;
use rules_engine::audit::Audit;
use rules_engine::load::Load;
use rules_engine::run::{connect, provision};
use rules_engine::running::Running;
use rules_engine::services::payments::played::Played;
use rules_engine::world::World;
use rules_events::checkout::{CheckoutGet, CheckoutGetReplyStatus};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Something goes wrong at the gateway with every fourth order, and soon.
fn config() -> Config {
    let mut config = Config::default();
    config.payments.played = Played { refuses: 80, hangs: 40, unheard: 120, hangs_for_ms: 500 };
    config.calculator.patience_ms = 2_000;
    config
}

async fn flow(bus: &Bus, checkouts: u32) -> Outcome {
    provision(bus).await?;
    let running = Running::start(bus, &config(), &[])?;
    let world = World::create(bus, 2).await?;
    let load = Load { checkouts, rate: 40.0, customers: 10, groups: 2, run: "flow".to_owned() };

    let outcome = load.run(bus, &world).await?;

    let audit = Audit::of(bus, &world, &outcome.started).await?;
    assert!(audit.is_clean(), "{audit}\n{}", audit.findings.join("\n"));
    assert!(audit.completed > 0 && audit.compensated > 0, "{audit}");
    for start in &outcome.started {
        let get = CheckoutGet { transaction_id: start.transaction_id.clone(), with_steps: Some(true) };
        let told = bus.request(&get).await?;
        let is_ended = matches!(told.status, CheckoutGetReplyStatus::Completed | CheckoutGetReplyStatus::Cancelled);
        assert!(is_ended && told.ended_at.is_some(), "{told:?}");
    }
    assert_eq!(Sagas::of(bus, rules_events::STREAMS).list("checkout").await?.len(), outcome.started.len());
    running.stop().await?;
    Ok(bus.shutdown().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn checkouts_add_up_in_memory() -> Outcome {
    flow(&Bus::in_memory(), 60).await
}

#[tokio::test(flavor = "multi_thread")]
async fn checkouts_add_up_over_a_server() -> Outcome {
    let server = NatsServer::start().await?;
    flow(&connect(&server.url()).await?, 60).await
}
