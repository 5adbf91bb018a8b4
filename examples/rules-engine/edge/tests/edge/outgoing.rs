//! Those who subscribed to events: each is delivered to at its own pace.

use std::error::Error;
use std::time::Duration;

use eventsmith::config::BreakerConfig;
use eventsmith::{Bus, Event, PublishOptions};
use rules_engine_edge::external::Backoff;
use rules_engine_edge::played::{Fault, PlayedReceiver};
use rules_engine_edge::webhooks::{Outgoing, OutgoingConfig, Receiver};
use rules_events::tax::TaxRatesUpdated;
use rules_events::webhook::{WebhookDelivered, WebhookFailed};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::common::{Outcome, bus, events, everything, example, secret_file};
use crate::incoming::{NEW, OLD, keys};

const PATIENCE: Duration = Duration::from_secs(20);

fn receiver(name: &str, played: &PlayedReceiver) -> Result<(Receiver, TempDir), Box<dyn Error>> {
    let (secret, secret_file) = secret_file(&format!("{NEW}\n{OLD}\n"))?;
    let receiver = Receiver {
        endpoint_id: name.parse()?,
        tenant_id: "ten_1".parse()?,
        url: format!("{}?key=hidden", played.url()),
        secret_file,
        types: vec![TaxRatesUpdated::TYPE.to_owned()],
    };
    Ok((receiver, secret))
}

fn quick() -> OutgoingConfig {
    OutgoingConfig {
        attempt_timeout: Duration::from_millis(300),
        max_attempts: 3,
        backoff: Backoff { first: Duration::from_millis(20), longest: Duration::from_millis(50) },
        breaker: BreakerConfig {
            consecutive_failures: 100,
            failure_rate: 1.0,
            window: 1_000,
            ..BreakerConfig::default()
        },
        allow_http: true,
        ..OutgoingConfig::default()
    }
}

fn rates(jurisdiction: &str) -> TaxRatesUpdated {
    let mut rates: TaxRatesUpdated = serde_json::from_value(example(TaxRatesUpdated::SCHEMA).unwrap()).unwrap();
    rates.jurisdiction = jurisdiction.parse().unwrap();
    rates
}

/// Runs while a test does something, and then stops.
async fn while_running<T>(outgoing: &Outgoing, what: impl Future<Output = T>) -> Result<T, Box<dyn Error>> {
    let (stop, stopped) = oneshot::channel();
    let doing = async {
        let done = timeout(PATIENCE, what).await;
        let _ = stop.send(());
        done
    };
    let (ran, done) = tokio::join!(outgoing.run(stopped), doing);
    ran?;
    Ok(done?)
}

/// Waits until a bus in memory holds so many events of a type.
async fn stored<E: Event>(bus: &Bus, count: usize) {
    while events::<E>(bus).len() < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_event_is_delivered_signed_and_once_and_that_is_on_record() -> Outcome {
    let bus = bus().await?;
    let played = PlayedReceiver::start(keys(&[OLD])).await?;
    let (receiver, _secret) = receiver("end_shop", &played)?;
    let outgoing = Outgoing::new(&bus, vec![receiver], quick())?;
    let options = PublishOptions { correlation_id: Some("order-1".to_owned()), ..PublishOptions::default() };
    let published = bus.publish_with(&rates("DE"), options).await?;

    while_running(&outgoing, stored::<WebhookDelivered>(&bus, 1)).await?;

    let calls = played.calls();
    assert_eq!(calls.len(), 1);
    let body: serde_json::Value = serde_json::from_str(&calls[0].body)?;
    assert_eq!(body["type"], "tax.rates_updated");
    assert_eq!(body["data"], serde_json::to_value(rates("DE"))?);
    let delivered = events::<WebhookDelivered>(&bus);
    assert_eq!((delivered[0].event_id, delivered[0].attempts, delivered[0].status_code), (published.id, 1, 204));
    assert_eq!(delivered[0].delivery_id.as_str(), calls[0].id);
    let told = everything(&bus);
    assert!(!told.contains("hidden") && !told.contains("whsec_"));
    Ok(())
}

#[tokio::test]
async fn what_fails_is_tried_again_under_the_same_id_until_it_is_given_up() -> Outcome {
    let bus = bus().await?;
    let played = PlayedReceiver::start(keys(&[NEW])).await?;
    let (receiver, _secret) = receiver("end_shop", &played)?;
    let outgoing = Outgoing::new(&bus, vec![receiver], quick())?;

    [Fault::Status(500), Fault::HangAfter].into_iter().for_each(|fault| played.faults().push(fault));
    bus.publish(&rates("DE")).await?;
    while_running(&outgoing, stored::<WebhookDelivered>(&bus, 1)).await?;
    played.faults().push(Fault::Status(410));
    bus.publish(&rates("FR")).await?;
    while_running(&outgoing, stored::<WebhookFailed>(&bus, 3)).await?;
    played.faults().always(Some(Fault::Status(503)));
    bus.publish(&rates("IT")).await?;
    while_running(&outgoing, stored::<WebhookFailed>(&bus, 6)).await?;

    // The one whose answer was lost came twice, under one id: that is what the id is for.
    let calls = played.calls();
    assert_eq!((calls.len(), &calls[0].id), (2, &calls[1].id));
    let delivered = events::<WebhookDelivered>(&bus);
    assert_eq!((delivered.len(), delivered[0].attempts), (1, 3));
    let failed: Vec<_> = events::<WebhookFailed>(&bus)
        .into_iter()
        .map(|failed| {
            (failed.error_code.to_string(), failed.attempts, failed.gave_up, failed.next_attempt_at.is_some())
        })
        .collect();
    let failed: Vec<_> =
        failed.iter().map(|(code, attempts, gave_up, next)| (code.as_str(), *attempts, *gave_up, *next)).collect();
    assert_eq!(
        failed,
        [
            ("SUBSCRIBER_ERROR", 1, false, true),
            ("UPSTREAM_TIMEOUT", 2, false, true),
            ("SUBSCRIBER_GONE", 1, true, false),
            ("SUBSCRIBER_ERROR", 1, false, true),
            ("SUBSCRIBER_ERROR", 2, false, true),
            ("SUBSCRIBER_ERROR", 3, true, false),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_no_other_and_its_breaker_opens() -> Outcome {
    let bus = bus().await?;
    let (hangs, fine) = (PlayedReceiver::start(keys(&[OLD])).await?, PlayedReceiver::start(keys(&[OLD])).await?);
    let ((one, _one), (other, _other)) = (receiver("end_hangs", &hangs)?, receiver("end_fine", &fine)?);
    let config = OutgoingConfig {
        attempt_timeout: Duration::from_secs(2),
        max_attempts: 50,
        breaker: BreakerConfig {
            consecutive_failures: 2,
            open_for: Duration::from_secs(60),
            ..BreakerConfig::default()
        },
        concurrency: 2,
        ..quick()
    };
    let outgoing = Outgoing::new(&bus, vec![one, other], config)?;
    hangs.faults().always(Some(Fault::Hang));
    for _ in 0..50 {
        bus.publish(&rates("DE")).await?;
    }

    let begun = std::time::Instant::now();
    let took = while_running(&outgoing, async {
        fine.took(50).await;
        let took = begun.elapsed();
        stored::<WebhookFailed>(&bus, 2).await;
        took
    })
    .await?;

    assert!(took < Duration::from_secs(2), "{took:?}: all were delivered before the other one's first attempt ended");
    assert_eq!(fine.calls().len(), 50);
    assert!(hangs.faults().seen() <= 4, "{}", hangs.faults().seen());
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_cannot_be_delivered_to_is_refused_at_once() -> Outcome {
    let bus = bus().await?;
    let played = PlayedReceiver::start(keys(&[OLD])).await?;
    let (receiver, _secret) = receiver("end_shop", &played)?;
    let strict = OutgoingConfig { allow_http: false, ..quick() };
    let unknown = Receiver { types: vec!["webhook.failed".to_owned()], ..receiver.clone() };
    let nothing = Receiver { types: Vec::new(), ..receiver.clone() };

    let http = Outgoing::new(&bus, vec![receiver.clone()], strict).unwrap_err().to_string();
    let unknown = Outgoing::new(&bus, vec![unknown], quick()).unwrap_err().to_string();

    assert!(http.contains("end_shop") && http.contains("https://"), "{http}");
    assert!(unknown.contains("webhook.failed"), "{unknown}");
    assert!(Outgoing::new(&bus, vec![nothing], quick()).is_err());
    assert_eq!(
        Outgoing::new(&bus, vec![receiver], quick())?.consumers(),
        [("webhooks-end_shop".to_owned(), vec!["rules.domain.tax.rates_updated"])]
    );
    Ok(())
}
