//! The process that handles the orders of the shop: `shop NATS_URL OTLP_ENDPOINT`. Ends by SIGTERM, or with its standard input.

use std::time::Duration;

use eventsmith::config::{ConsumerConfig, RetryPolicy};
use eventsmith::state::Sagas;
use eventsmith::telemetry::Telemetry;
use eventsmith::{Bus, Config, HandlerError, Received, shutdown_signal};
use eventsmith_telemetry_tests::{Doomed, Noted, Placed, Price, SECRET, STREAMS, purchase};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(endpoint)) = (args.next(), args.next()) else {
        return Err("shop NATS_URL OTLP_ENDPOINT".into());
    };
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(3);
    });
    let telemetry = Telemetry::builder("shop").otlp(endpoint).build()?;
    telemetry.init()?;
    let config = Config { servers: vec![url.as_str().into()], create_consumers: true, ..Config::default() };
    let bus = Bus::connect(config).await?.observed_by(telemetry.observer());
    let retry = RetryPolicy { first_delay: Duration::from_millis(50), ..RetryPolicy::default() };
    let consumer =
        bus.consumer("shop").config(ConsumerConfig { retry, ..ConsumerConfig::default() }).on(placed).on(doomed);
    let runner = Sagas::of(&bus, STREAMS).runner("purchases").saga(purchase());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let (consumed, run, served) = tokio::join!(
        consumer.run(shutdown_signal()),
        runner.run(shutdown_signal()),
        telemetry.serve_on(listener, shutdown_signal()),
    );
    telemetry.shutdown().await;
    consumed?;
    run?;
    served?;
    Ok(())
}

/// Fails at first, with what must not show in its error; then asks what it costs, and notes it.
async fn placed(event: Received<Placed>) -> Result<(), HandlerError> {
    if event.attempt() == 1 {
        return Err(HandlerError::retry(format!("the card {SECRET} is not known yet")));
    }
    event.request(&Price::of(&event.order)).await?;
    event.publish(&Noted::of(&event.order)).await?;
    Ok(())
}

/// Can be handled only once it was replayed.
async fn doomed(event: Received<Doomed>) -> Result<(), HandlerError> {
    match event.replay_of() {
        Some(_) => Ok(()),
        None => Err(HandlerError::reject(format!("no card {SECRET}"))),
    }
}
