//! Checkouts while everything that they need is killed, hung, paused, doubled and poisoned. The audit must hold: nothing lost, nothing done twice.
//!
//! `FIRE=1800` is for how many seconds checkouts begin (60 without), `FIRE_SEED` repeats a run's choices, `FIRE_RATE` is how many begin each second (2). What
//! happens is printed: `cargo test --test fire -- --nocapture`.

mod fires;
mod fleet;
mod raw;

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use eventsmith::testing::NatsServer;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rules_engine::audit::Audit;
use rules_engine::load::Load;
use rules_engine::run::{connect, provision};
use rules_engine::world::World;
use rules_engine_edge::played::PlayedGateway;
use tokio::time::{Instant, sleep};

use fires::Fires;
use fleet::Fleet;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The gateway's token, as it is played.
const TOKEN: &str = "fire-drill";
const GROUPS: u32 = 2;

/// What the environment says.
fn told<T: FromStr<Err: Display>>(name: &str, otherwise: T) -> Outcome<T> {
    match std::env::var(name) {
        Ok(text) => Ok(text.parse().map_err(|error| format!("{name}: {text:?}: {error}"))?),
        Err(_) => Ok(otherwise),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_happens_twice_under_fire() -> Outcome {
    let (seconds, rate) = (told("FIRE", 60_u32)?, told("FIRE_RATE", 2.0)?);
    let seed = told("FIRE_SEED", rand::rng().random::<u32>())?;
    println!("FIRE={seconds} FIRE_RATE={rate} FIRE_SEED={seed}");
    let folder = tempfile::Builder::new().prefix(&format!("fire-{seed}-")).tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, TOKEN)?;
    let server = NatsServer::start().await?;
    let gateway = Arc::new(PlayedGateway::start(TOKEN).await?);
    let bus = connect(&server.url()).await?;
    provision(&bus).await?;
    let fleet = Fleet::start(&server.url(), &gateway.url(), &token_file, folder.path())?;
    let world = World::create(&bus, GROUPS).await?;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds and rates are small")]
    let checkouts = (f64::from(seconds) * rate) as u32;
    let load = Load { checkouts, rate, customers: 20, groups: GROUPS, run: format!("fire{seed}") };
    let mut fires = Fires::new(StdRng::seed_from_u64(seed.into()), server, Arc::clone(&gateway), fleet);
    let end = Instant::now() + Duration::from_secs(seconds.into());
    let burning = async {
        let burnt = fires.until(end).await;
        // Whatever ended by itself is started again, as a service manager does, until all checkouts have ended.
        while burnt.is_ok() && fires.fleet.mend().is_ok() {
            sleep(Duration::from_millis(200)).await;
        }
        burnt
    };
    let outcome = tokio::select! {
        outcome = load.run(&bus, &world) => outcome?,
        burnt = burning => {
            burnt?;
            return Err("a service cannot be started".into());
        }
    };

    let audit = Audit::of(&bus, &world, &outcome.started).await?;
    let (latency, dead) = (&outcome.latency, fires.dead_letters(&bus).await?);
    println!("{} ended in {:.1} s; {}", outcome.ended.len(), outcome.took.as_secs_f64(), fires.told());
    println!(
        "from the intended start to the end: p50 {} ms, p99 {} ms, most {} ms",
        latency.value_at_quantile(0.5) / 1_000,
        latency.value_at_quantile(0.99) / 1_000,
        latency.max() / 1_000
    );
    let charges = gateway.charges();
    let kept: i64 = charges.iter().map(|charge| charge.collected - charge.reversed).sum();
    println!("the gateway kept {kept} of {} charges, the audit says {}", charges.len(), audit.revenue_minor);
    println!("dead letters: {dead}");
    println!("{audit}");
    if !audit.is_clean() {
        let kept = folder.keep();
        return Err(format!("FIRE_SEED={seed}, logs in {}:\n{}", kept.display(), audit.findings.join("\n")).into());
    }
    assert!(audit.completed > 0, "{audit}");
    assert_eq!(kept, audit.revenue_minor, "what the gateway has and what was captured are not the same");
    assert!(charges.iter().all(|charge| charge.stage != "reserved"), "a reservation was left: {charges:?}");
    Ok(())
}
