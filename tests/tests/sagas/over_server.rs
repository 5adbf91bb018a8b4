//! What only a server shows: its age, its settings, and acknowledgements that are lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use eventsmith::admin::{BusAdmin, Effect};
use eventsmith::state::{SagaError, SagaStatus, Sagas};
use eventsmith::{Bus, Config};
use eventsmith_tests::proxy::{End, Frame, Proxy, Verdict};

use crate::bank::*;
use crate::common::{Outcome, config, server};

#[tokio::test(flavor = "multi_thread")]
async fn an_older_server_is_told_apart() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[SAGAS]).await?;
    for version in ["2.10.26", "2.11.9", "2.12.0"] {
        let proxy = Proxy::start(server.port()).await?;
        proxy.pretend_version(version);
        let old = Bus::connect(config(proxy.url())).await?;
        let sagas = Sagas::of(&old, &[SAGAS]);

        let started = sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 1)).await.unwrap_err();
        let run = sagas.runner("sagas").saga(transfer(1)).run(std::future::pending::<()>()).await.unwrap_err();
        let planned = old.plan(&[SAGAS.name("OTHER").subjects(&["else.saga.>"])]).await?;

        for error in [&started, &run] {
            assert!(matches!(error, SagaError::SchedulesUnsupported { server } if server == version), "{error}");
            assert!(error.to_string().contains("2.12.1"), "{error}");
        }
        assert!(planned.to_string().contains("time-outs of sagas need nats-server 2.12.1"), "{planned}");
    }
    assert_eq!(Sagas::of(&bus, &[SAGAS]).status("transfer", "t-1").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_stream_of_sagas_takes_schedules_and_no_other_does() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[SAGAS.sagas(&[])]).await?;
    let plan = bus.plan(&[SAGAS]).await?;
    let fields: Vec<_> = plan.changes[0].fields.iter().map(|field| (field.field, field.effect)).collect();
    assert_eq!(fields, [("atomic", Effect::Update), ("schedules", Effect::Update)], "{plan}");
    bus.provision(&[SAGAS]).await?;
    assert!(bus.plan(&[SAGAS]).await?.is_empty());
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let info = context.get_stream_no_info("SAGAS").await?.get_info().await?;

    assert!(info.config.deny_delete && !info.config.deny_purge);
    let back = bus.plan(&[SAGAS.sagas(&[]).atomic(true)]).await?;
    assert_eq!(back.changes[0].fields[0].effect, Effect::Refuse, "{back}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_whose_acknowledgement_is_lost_is_stored_once() -> Outcome {
    let (server, outside) = server().await?;
    let (observed, bank) = (sagas(&outside).await?, Bank::with(&["a", "b"]));
    let _bank = serve(&bank, &outside);
    let proxy = Proxy::start(server.port()).await?;
    let patience = Duration::from_millis(300);
    let bus = Bus::connect(Config { ack_timeout: patience, ..config(proxy.url()) }).await?;
    let sagas = Sagas::of(&bus, &[SAGAS]);
    let dropped = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&dropped);
    proxy.rule(move |frame: &Frame<'_>| {
        let is_ack = frame.from == End::Server && frame.payload.starts_with(br#"{"stream":"SAGAS","seq":"#);
        match is_ack && count.fetch_add(1, Ordering::SeqCst) < 3 {
            true => Verdict::Drop,
            false => Verdict::Forward,
        }
    });

    let _runner = run(sagas.runner("sagas").saga(transfer(1)));
    let started = sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    assert!(started.is_new);
    assert_eq!(ends(&observed, "t-1").await?, SagaStatus::Completed);
    assert!(dropped.load(Ordering::SeqCst) >= 3);
    assert_eq!(told(&observed, "transfer", "t-1").await?, ["started", "done withdraw", "done deposit", "completed"]);
    Ok(())
}

#[tokio::test]
async fn a_history_with_a_gap_or_a_double_is_refused_by_name() -> Outcome {
    let (server, bus) = server().await?;
    let sagas = sagas(&bus).await?;
    sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let stream = context.get_stream("SAGAS").await?;
    let event = stream.get_raw_message(1).await?;

    // As a cluster may let it in that appends twice at the same place.
    context.publish(event.subject.clone(), event.payload.clone()).await?.await?;
    let double = sagas.status("transfer", "t-1").await;
    let shown = sagas.history("transfer", "t-1").await?;
    assert!(shown.damage.is_some_and(|damage| damage.contains("there twice")) && shown.events.len() == 2);
    context.publish("rules.saga.transfer.t-2.v1.event.started", "{}".into()).await?.await?;
    let foreign = sagas.status("transfer", "t-2").await;
    sagas.start(&transfer(1), "t-3", &a_transfer("t-3", "a", "b", 30)).await?;
    let listed = sagas.list("transfer").await?;
    let listed: Vec<_> = listed.iter().map(|saga| (saga.id.as_str(), saga.damage.is_some())).collect();
    assert_eq!(listed, [("t-1", true), ("t-3", false)]);

    for (found, words) in [(double, "there twice"), (foreign, "is no event of a saga")] {
        match found {
            Err(error @ SagaError::Damaged { .. }) => assert!(error.to_string().contains(words), "{error}"),
            other => return Err(format!("{words}: {other:?}").into()),
        }
    }
    Ok(())
}
