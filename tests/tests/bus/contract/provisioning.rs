//! What provisioning promises, whatever the transport.

use eventsmith::Bus;
use eventsmith::admin::{BusAdmin, ProvisionError, Topology};
use eventsmith::catalogue::ConsumerDescriptor;

use crate::common::*;

pub(super) async fn a_plan_says_what_would_change_and_changes_nothing(bus: Bus) -> Outcome {
    let wanted = [STREAM.max_messages(10)];

    let plan = bus.plan(&wanted).await?;
    let unchanged = bus.plan(&[STREAM]).await?;
    bus.apply(&plan).await?;
    let after = bus.plan(&wanted).await?;

    let text = plan.to_string();
    assert!(text.starts_with("~ stream RULES: max_messages unlimited -> 10\n    warning: the oldest"), "{text}");
    assert!(!plan.is_empty() && !plan.is_refused());
    assert!(unchanged.is_empty() && after.is_empty(), "{unchanged} {after}");
    Ok(())
}

pub(super) async fn a_plan_with_a_refusal_is_not_applied_in_part(bus: Bus) -> Outcome {
    let new = STREAM.name("NEW").subjects(&["new.>"]);
    let wanted = [new, STREAM.storage(eventsmith::catalogue::Storage::Memory)];

    let error = bus.provision(&wanted).await.unwrap_err();
    let status = bus.status(Some(&Topology::from(&wanted))).await?;

    assert!(matches!(&error, ProvisionError::Refused { plan } if plan.is_refused()), "{error}");
    assert!(error.to_string().contains("the stream RULES: storage file -> memory"), "{error}");
    let found: Vec<&str> = status.streams.iter().map(|stream| stream.settings.name.as_str()).collect();
    assert_eq!((found, status.missing.len()), (vec!["RULES"], 1));
    assert_eq!(status.missing[0].stream, "NEW");
    Ok(())
}

pub(super) async fn consumers_are_provisioned_for_services_and_their_status_is_reported(bus: Bus) -> Outcome {
    let consumes = ["rules.domain.rule.activated", "rules.domain.rule.updated"];
    let topology = Topology::from(&[STREAM, DEAD_LETTERS]).with_service(
        "promotions",
        &consumes[..1],
        &ConsumerDescriptor::DEFAULT,
    );
    bus.publish(&activated("r1")).await?;
    bus.publish(&Updated { rule_id: "r2".to_owned(), revision: 1 }).await?;

    bus.provision(topology.clone()).await?;
    let again = bus.plan(topology.clone()).await?;
    let status = bus.status(Some(&topology)).await?;
    let unknown = bus.status(Some(&Topology::from(&[STREAM]))).await?;
    let wider = Topology::from(&[STREAM]).with_service("promotions", &consumes, &ConsumerDescriptor::DEFAULT);
    let plan = bus.plan(wider).await?.to_string();

    assert!(again.is_empty(), "{again}");
    let rules = status.streams.iter().find(|stream| stream.settings.name == "RULES").ok_or("no stream")?;
    assert_eq!((rules.messages, rules.first_sequence, rules.last_sequence), (2, 1, 2));
    let consumer = &rules.consumers[0];
    assert_eq!((consumer.name.as_str(), consumer.managed, consumer.lag), ("promotions", Some(true), 1));
    assert_eq!((consumer.ack_pending, consumer.ack_floor, consumer.last_delivered), (0, 0, 0));
    let letters = status.streams.iter().find(|stream| stream.settings.name == DEAD_LETTERS.name).ok_or("no stream")?;
    assert!(letters.settings.subjects.iter().any(|subject| subject.contains("MAX_DELIVERIES.RULES.*")), "{letters:?}");
    assert_eq!(unknown.streams[0].consumers[0].managed, Some(false));
    assert!(unknown.to_string().contains("not in the catalogue"), "{unknown}");
    assert!(plan.contains("~ consumer promotions of RULES: filters rules.domain.rule.activated -> "), "{plan}");
    Ok(())
}

pub(super) async fn a_plan_names_services_that_have_no_stream_for_their_dead_letters(bus: Bus) -> Outcome {
    let events = STREAM.name("ELSE").subjects(&["else.domain.>"]);
    let letters = STREAM.name("ELSE_DEAD_LETTERS").subjects(&["else.dlq.>"]);
    let with_services = |topology: Topology| {
        let consumer = ConsumerDescriptor::DEFAULT;
        let topology = topology.with_service("promotions", &["else.domain.thing.moved"], &consumer);
        topology.with_service("loyalty", &["rules.domain.rule.activated"], &consumer)
    };

    let lacking = bus.plan(with_services(Topology::from(&[STREAM, events]))).await?;
    let planned = bus.plan(with_services(Topology::from(&[STREAM, events, letters]))).await?;
    bus.provision(&[letters]).await?;
    let standing = bus.plan(with_services(Topology::from(&[STREAM, events]))).await?;

    assert_eq!(lacking.warnings.len(), 1, "those of rules are captured: {lacking}");
    let text = lacking.to_string();
    assert!(
        text.contains("warning: no stream captures else.dlq.promotions.>, so that the service promotions"),
        "{text}"
    );
    assert!(planned.warnings.is_empty() && standing.warnings.is_empty(), "{planned} {standing}");
    Ok(())
}
