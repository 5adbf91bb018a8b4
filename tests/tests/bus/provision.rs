//! Streams of a real server.

use async_nats::jetstream;
use async_nats::jetstream::stream::Config;
use eventsmith::{Bus, Storage, StreamDescriptor};

use crate::common::*;

#[tokio::test]
async fn what_the_catalogue_does_not_speak_of_is_left_as_it_is() -> Outcome {
    let (server, bus) = server().await?;
    let outside = jetstream::new(async_nats::connect(server.url()).await?);
    let mut config = outside.get_stream("RULES").await?.cached_info().config.clone();
    config.max_message_size = 4096;
    outside.update_stream(config).await?;

    bus.provision(&[StreamDescriptor { max_messages: Some(5), ..STREAM }]).await?;

    let config = outside.get_stream("RULES").await?.cached_info().config.clone();
    assert_eq!((config.max_message_size, config.max_messages), (4096, 5));
    Ok(())
}

#[tokio::test]
async fn a_sealed_stream_is_refused_by_that_name() -> Outcome {
    let (server, bus) = server().await?;
    let outside = jetstream::new(async_nats::connect(server.url()).await?);
    let config = outside.get_stream("RULES").await?.cached_info().config.clone();
    outside.update_stream(Config { sealed: true, ..config }).await?;

    let error = bus.provision(&[StreamDescriptor { max_messages: Some(5), ..STREAM }]).await.unwrap_err().to_string();

    assert!(error.contains("RULES") && error.contains("sealed"), "{error}");
    Ok(())
}

#[tokio::test]
async fn overlapping_subjects_are_refused_in_the_words_of_the_server() -> Outcome {
    let (_server, bus) = server().await?;

    let error = bus.provision(&[StreamDescriptor { name: "OTHER", ..STREAM }]).await.unwrap_err().to_string();

    assert!(error.contains("OTHER") && error.contains("overlap"), "{error}");
    Ok(())
}

#[tokio::test]
async fn one_replica_in_development_whatever_the_catalogue_says() -> Outcome {
    let server = eventsmith::testing::NatsServer::start().await?;
    let bus = Bus::connect(eventsmith::Config { replicas: Some(1), ..config(server.url()) }).await?;

    bus.provision(&[StreamDescriptor { replicas: 3, storage: Storage::Memory, ..STREAM }]).await?;

    assert_eq!(bus.publish(&activated("r1")).await?.sequence, 1);
    Ok(())
}
