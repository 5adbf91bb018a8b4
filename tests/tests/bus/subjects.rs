//! What says which event a message is: the subject that it came on, whatever its headers and its envelope say.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use eventsmith::admin::{BusAdmin, DeadLetterFilter, DeadReason, ReplayTo};
use eventsmith::{Bus, Event, HandlerError, Invalid, Kind, PublishError, Received};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::common::*;
use crate::dead_lettering::letters;

over_both_transports! {
    a_type_on_the_subject_of_another_event_is_refused
    a_type_on_a_subject_that_its_template_does_not_make_is_refused
    an_event_has_the_subject_it_came_on_also_when_it_was_replayed
    an_event_on_a_subject_that_is_too_long_is_refused_at_once_and_others_go_on
    a_type_without_a_handler_on_the_subject_of_another_event_is_refused_at_once
}

/// An event with a subject template.
#[derive(Debug, Serialize, Deserialize)]
struct Tagged {
    rule_id: String,
}

impl Event for Tagged {
    const KIND: Kind = Kind::Domain;
    const TYPE: &'static str = "rule.tagged";
    const VERSION: u32 = 1;
    const SUBJECT: &'static str = "rules.domain.rule.tagged.*";
    const SCHEMA: &'static str = "true";
    const KEY: Option<&'static str> = None;
    eventsmith::generated::event_payload!(Event, Tagged, type);

    fn subject(&self) -> Result<Cow<'static, str>, Invalid> {
        Ok(format!("rules.domain.rule.tagged.{}", self.rule_id).into())
    }
}

/// Claims to be an event of another subject than the one it is published to, as a publisher may that is allowed to write
/// there alone.
macro_rules! impostor {
    ($name:ident claims $type:literal on $subject:literal) => {
        #[derive(Debug, Serialize, Deserialize)]
        struct $name {
            rule_id: String,
        }

        impl Event for $name {
            const KIND: Kind = Kind::Domain;
            const TYPE: &'static str = $type;
            const VERSION: u32 = 1;
            const SUBJECT: &'static str = $subject;
            const SCHEMA: &'static str = "true";
            const KEY: Option<&'static str> = None;
            eventsmith::generated::event_payload!(Event, $name, type);
        }
    };
}

impostor!(Impostor claims "rule.activated" on "rules.domain.rule.updated");
impostor!(Untagged claims "rule.tagged" on "rules.domain.rule.activated");
impostor!(Stranger claims "rule.unheard" on "rules.domain.rule.activated");
impostor!(TooDeep claims "rule.tagged" on "rules.domain.rule.tagged.a.b");

/// A server closes the connection over a line that is too long, and whatever is on its way there is lost.
async fn an_event_on_a_subject_that_is_too_long_is_refused_at_once_and_others_go_on(bus: Bus) -> Outcome {
    let tagged = |rule_id: &str| Tagged { rule_id: rule_id.to_owned() };
    let long = tagged(&"x".repeat(5_000));

    let begun = Instant::now();
    let error = bus.publish(&long).await.unwrap_err();
    let after = bus.publish(&tagged("r1")).await?;
    let fits = bus.publish(&tagged(&"x".repeat(3_900))).await?;

    let PublishError::SubjectTooLong { size, limit: 4_000, subject } = &error else { return Err(error.into()) };
    assert!(*size > 5_000 && subject.chars().count() <= 200, "{error}");
    assert_eq!((after.sequence, fits.sequence), (1, 2));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    Ok(())
}

async fn a_type_on_the_subject_of_another_event_is_refused(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let tell_other = tell.clone();
    bus.publish(&Impostor { rule_id: "forged".to_owned() }).await?;
    bus.publish(&activated("real")).await?;

    let consumer = run(bus
        .consumer("promotions")
        .on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move { Ok(tell.send(event.rule_id.clone())?) }
        })
        .on(move |event: Received<Updated>| {
            let tell = tell_other.clone();
            async move { Ok(tell.send(event.rule_id.clone())?) }
        }));
    let letter = letters(&bus, 1).await?.remove(0);
    let first = next(&mut told).await?;
    consumer.stop().await?;

    assert_eq!((letter.reason, letter.attempts), (DeadReason::WrongSubject, 1));
    assert_eq!(letter.subject, "rules.domain.rule.updated");
    for part in ["rule.activated", "rules.domain.rule.activated", "rules.domain.rule.updated"] {
        assert!(letter.error.contains(part), "{}", letter.error);
    }
    assert_eq!(first, "real");
    assert!(told.try_recv().is_err(), "a handler ran for what was forged");
    Ok(())
}

async fn a_type_on_a_subject_that_its_template_does_not_make_is_refused(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let wide = STREAM.subjects(&["rules.domain.>"]);
    bus.provision(&[wide, DEAD_LETTERS]).await?;
    bus.publish(&Untagged { rule_id: "forged".to_owned() }).await?;
    bus.publish(&TooDeep { rule_id: "forged".to_owned() }).await?;
    bus.publish(&Tagged { rule_id: "r1".to_owned() }).await?;

    let consumer = run(bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) }).on(
        move |event: Received<Tagged>| {
            let tell = tell.clone();
            async move { Ok(tell.send(event.subject().to_owned())?) }
        },
    ));
    let letter = letters(&bus, 1).await?.remove(0);
    let subject = next(&mut told).await?;
    consumer.stop().await?;

    assert_eq!((letter.reason, letter.subject.as_str()), (DeadReason::WrongSubject, "rules.domain.rule.activated"));
    assert_eq!(subject, "rules.domain.rule.tagged.r1");
    assert!(told.try_recv().is_err(), "a handler ran for what was forged");
    // The other is on a subject that nobody here consumes.
    assert_eq!(bus.dead_letters("rules").await?.count(&DeadLetterFilter::default()).await?.len(), 1);
    Ok(())
}

async fn an_event_has_the_subject_it_came_on_also_when_it_was_replayed(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    bus.publish(&Tagged { rule_id: "r1".to_owned() }).await?;

    let consumer = run(bus.consumer("promotions").on(move |event: Received<Tagged>| {
        let tell = tell.clone();
        async move {
            tell.send(event.subject().to_owned())?;
            if event.replay_of().is_some() { Ok(()) } else { Err(HandlerError::reject("not now")) }
        }
    }));
    let letter = letters(&bus, 1).await?.remove(0);
    bus.dead_letters("rules").await?.replay(letter.sequence, ReplayTo::Consumer).await?;
    let subjects = [next(&mut told).await?, next(&mut told).await?];
    let summary = consumer.stop().await?;

    assert_eq!(subjects, ["rules.domain.rule.tagged.r1", "rules.domain.rule.tagged.r1"]);
    assert_eq!((summary.handled, summary.dead_lettered), (1, 1));
    Ok(())
}

/// No version of the service could have a handler for it.
async fn a_type_without_a_handler_on_the_subject_of_another_event_is_refused_at_once(bus: Bus) -> Outcome {
    bus.publish(&Stranger { rule_id: "forged".to_owned() }).await?;

    let consumer = run(bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) }));
    let letter = letters(&bus, 1).await?.remove(0);
    let summary = consumer.stop().await?;

    assert_eq!((letter.reason, letter.attempts, summary.failed), (DeadReason::WrongSubject, 1, 0));
    for part in ["rule.unheard", "rules.domain.rule.activated", "belongs to rule.activated"] {
        assert!(letter.error.contains(part), "{}", letter.error);
    }
    Ok(())
}

/// Where a template lets through what is of another type by its name, a version with a handler for that may come.
#[tokio::test]
async fn a_type_whose_own_subject_a_template_covers_waits_for_its_handler() -> Outcome {
    impostor!(TaggedMore claims "rule.tagged.more" on "rules.domain.rule.tagged.more");
    let (_server, bus) = server().await?;
    bus.publish(&TaggedMore { rule_id: "r1".to_owned() }).await?;

    let consumer = run(bus.consumer("promotions").on(|_: Received<Tagged>| async { Ok(()) }));
    let letter = letters(&bus, 1).await?.remove(0);
    let summary = consumer.stop().await?;

    assert_eq!((letter.reason, summary.failed), (DeadReason::Unrouted, QUICK.max_attempts - 1));
    Ok(())
}

#[tokio::test]
async fn a_type_that_no_event_can_have_is_dead_lettered_at_its_first_delivery() -> Outcome {
    let envelope = r#"{"id":"f-1","type":"rule.activated","source":"cron","subject":"rules.domain.rule.activated",
        "time":"2026-11-23T10:00:00+01:00","version":"1","data":{"rule_id":"forged"}}"#;
    let (server, bus) = server().await?;
    let long = format!("rule.{}", "x".repeat(10_000));
    let nonsense = ["\u{1}\u{7f}\u{1b}[31m", "", "rule activated", "rule..activated", "règle", &long];
    for name in nonsense {
        let head = format!("NATS/1.0\r\nEventsmith-Type: {name}\r\n\r\n");
        crate::malformed::publish_raw(&server, "rules.domain.rule.activated", head.as_bytes(), envelope.as_bytes())
            .await?;
    }

    let consumer = run(bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) }));
    let letters = letters(&bus, nonsense.len()).await?;
    let summary = consumer.stop().await?;

    assert_eq!((summary.failed, summary.handled), (0, 0), "{summary:?}");
    for letter in letters {
        assert_eq!((letter.reason, letter.attempts), (DeadReason::Undecodable, 1), "{letter:?}");
        assert!(letter.error.contains("no type of event") && letter.error.len() < 1_000, "{}", letter.error);
        assert!(!letter.error.contains(char::is_control), "{:?}", letter.error);
    }
    Ok(())
}

#[tokio::test]
async fn an_envelope_without_headers_that_claims_another_type_is_refused() -> Outcome {
    let (server, bus) = server().await?;
    let foreign = async_nats::jetstream::new(async_nats::connect(server.url()).await?);
    let envelope = r#"{"id":"f-1","type":"rule.activated","source":"cron","subject":"rules.domain.rule.activated",
        "time":"2026-11-23T10:00:00+01:00","version":"1","data":{"rule_id":"forged"}}"#;
    foreign.publish("rules.domain.rule.updated", envelope.into()).await?.await?;

    let consumer = run(bus
        .consumer("promotions")
        .on(|_: Received<Activated>| async { Err(HandlerError::reject("it ran")) })
        .on(|_: Received<Updated>| async { Err(HandlerError::reject("it ran")) }));
    let letter = letters(&bus, 1).await?.remove(0);
    consumer.stop().await?;

    assert_eq!(letter.reason, DeadReason::WrongSubject, "{letter:?}");
    Ok(())
}
