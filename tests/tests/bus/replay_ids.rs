//! The ids under which dead letters are replayed: none meets that of another letter.

use async_nats::{HeaderMap, jetstream};
use eventsmith::admin::{BusAdmin, DeadLetterError, ReplayTo, Replayed};

use crate::common::*;
use crate::dead_letters::*;

#[tokio::test]
async fn a_dead_letter_of_a_stream_made_anew_is_replayed_though_an_earlier_one_had_its_number() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    for _ in 0..2 {
        let letter = SAMPLE.store(&scene).await?;
        assert_eq!(letter, 1);
        let replayed = scene.letters.replay(letter, ReplayTo::Everyone).await?;
        assert!(matches!(replayed, Replayed::Now { .. }), "{replayed:?}");
        scene.outside.delete_stream(LETTERS.name).await?;
        scene.bus.provision(&[LETTERS]).await?;
    }

    assert_eq!(messages(&scene, "RULES").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_is_kept_if_another_event_was_stored_under_the_id_of_its_replay() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    let number = SAMPLE.store(&scene).await?;
    let letter = scene.letters.get(number).await?.ok_or("no letter")?;
    let mut headers = HeaderMap::new();
    let id = format!("replay:{}:{number}:{}", LETTERS.name, letter.dead_lettered.as_nanosecond());
    headers.insert("Nats-Msg-Id", id);
    scene.outside.publish_with_headers(letter.subject, headers, "{}".into()).await?.await?;

    let error = scene.letters.replay(number, ReplayTo::Everyone).await.unwrap_err();

    assert!(matches!(&error, DeadLetterError::Replay { sequence, .. } if *sequence == number), "{error}");
    assert!(scene.letters.get(number).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_that_nobody_may_delete_is_not_said_to_be_gone() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    let number = SAMPLE.store(&scene).await?;
    let config = scene.outside.get_stream(LETTERS.name).await?.cached_info().config.clone();
    scene.outside.update_stream(jetstream::stream::Config { deny_delete: true, ..config }).await?;

    let first = scene.letters.replay(number, ReplayTo::Everyone).await.unwrap_err();
    let second = scene.letters.replay(number, ReplayTo::Everyone).await.unwrap_err();

    for error in [first, second] {
        assert!(error.to_string().contains("cannot be deleted"), "{error}");
    }
    assert!(scene.letters.delete(77).await.is_ok(), "what is not there need not be deleted");
    assert_eq!(messages(&scene, "RULES").await?, 1, "the event was published once");
    Ok(())
}
