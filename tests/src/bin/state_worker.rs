//! A bank that keeps accounts, tells what they hold, and moves money between them, for tests that kill it: `state_worker ORDERS`,
//! with [`StateOrders`] in JSON. It says `READY` once all of it is about to run.

use std::error::Error;
use std::time::Duration;

use eventsmith::state::Sagas;
use eventsmith::{Bus, Config};
use eventsmith_tests::job::Journal;
use eventsmith_tests::transfers::account::bank;
use eventsmith_tests::transfers::balances::balances;
use eventsmith_tests::transfers::saga::{config, transfer};
use eventsmith_tests::transfers::{RUNNER, SAGAS, StateOrders};
use eventsmith_tests::worker::{end_with_parent, say};
use tokio::sync::watch;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    end_with_parent();
    let orders = std::env::args().nth(1).ok_or("usage: state_worker ORDERS")?;
    let orders: StateOrders = serde_json::from_str(&orders)?;
    let bus = Bus::connect(Config {
        servers: vec![orders.url.as_str().into()],
        name: "state-worker".to_owned(),
        max_reconnect_delay: Duration::from_millis(200),
        create_consumers: true,
        ..Config::default()
    })
    .await?;
    let (stop, stopped) = watch::channel(false);
    let signal = || {
        let mut stopped = stopped.clone();
        async move { drop(stopped.wait_for(|stopped| *stopped).await) }
    };
    let projection = balances(Journal::at(orders.journal));
    let runner = Sagas::of(&bus, &[SAGAS]).runner(RUNNER).config(config()).saga(transfer());
    // The failure of one ends all.
    let serving = async { Ok(bank(&bus).run(signal()).await.map(|_| ())?) };
    let running = async { Ok(runner.run(signal()).await?) };
    let projecting = async { Ok(projection.run(&bus, signal()).await?) };
    let stopping = async {
        eventsmith::shutdown_signal().await;
        stop.send_replace(true);
        Ok(())
    };
    say("READY")?;
    tokio::try_join!(serving, running, projecting, stopping).map_err(|error: Box<dyn Error>| error)?;
    bus.shutdown().await?;
    Ok(())
}
