//! The SDK of CloudEvents for Python, which others wrote, against ours: over one server, in both modes and both directions.

use std::path::Path;
use std::process::{Command, Stdio};

use eventsmith::Bus;
use eventsmith::testing::NatsServer;
use eventsmith_tests::installed::pip;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::order::{OrderBilled, OrderPlaced};
use crate::scene::*;
use crate::written::{CORRELATION, billed, circumstances, placed};

const NATS_PY: &str = "nats-py==2.16.0";
const SDK: &str = "cloudevents==2.2.0";

/// Runs the program to its end, and returns the lines that it printed.
async fn python(role: &'static str, server: &NatsServer) -> Outcome<Vec<String>> {
    let url = server.url();
    let ran = spawn_blocking(move || -> std::io::Result<_> {
        let under = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let paths = std::env::join_paths([pip(under, NATS_PY)?, pip(under, SDK)?]).map_err(std::io::Error::other)?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cloud_events/others.py");
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", paths).arg(script).args([role, &url]).stderr(Stdio::inherit());
        command.output()
    });
    let ran = ran.await??;
    assert!(ran.status.success(), "{ran:?}");
    Ok(String::from_utf8(ran.stdout)?.lines().map(ToOwned::to_owned).collect())
}

async fn publish(bus: &Bus) -> Outcome {
    bus.publish_with(&placed(), circumstances()).await?;
    bus.publish_with(&billed(), circumstances()).await?;
    Ok(())
}

#[tokio::test]
async fn the_sdk_reads_what_we_write_in_both_modes() -> Outcome {
    let (server, bus) = server().await?;
    publish(&bus).await?;

    let lines = python("reads", &server).await?;

    let told: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?;
    assert_eq!(told.len(), 2, "{told:?}");
    let payloads = [serde_json::to_value(placed())?, serde_json::to_value(billed())?];
    for ((told, mode), payload) in told.iter().zip(["binary", "structured"]).zip(payloads) {
        let attributes = &told["attributes"];
        assert_eq!((&told["mode"], &told["data"]), (&json!(mode), &payload));
        assert_eq!(attributes["correlationid"], CORRELATION, "{mode}");
        assert_eq!(attributes["source"], "rules%20engine", "{mode}");
        assert_eq!(attributes["id"], told["headers"]["Nats-Msg-Id"]);
        assert_eq!(attributes["datacontenttype"], "application/json");
        let metadata: Value = serde_json::from_str(attributes["metadata"].as_str().ok_or("no metadata")?)?;
        assert_eq!(metadata, Value::Object(circumstances().metadata));
    }
    assert_eq!(told[0]["attributes"]["dataschema"], "urn:eventsmith:order.placed:2");
    Ok(())
}

#[tokio::test]
async fn we_read_what_the_sdk_writes_in_both_modes_and_upcast_it() -> Outcome {
    let (server, bus) = server().await?;
    let (of_placed, mut placed) = consume::<OrderPlaced>(&bus, "billing");
    let (of_billed, mut billed) = consume::<OrderBilled>(&bus, "notes");

    assert_eq!(python("writes", &server).await?, ["written"]);

    let event = next(&mut placed).await?;
    assert_eq!(serde_json::to_value(&*event)?, json!({"order_id": "o-7", "cents": 250, "note": "none"}));
    let envelope = event.envelope();
    assert_eq!((envelope.id.as_str(), envelope.version), ("a 1", 1));
    assert_eq!(envelope.source, "https://shop.example.com/tills/7");
    assert_eq!(envelope.correlation_id.as_deref(), Some("\"ü\" 100%"));
    assert_eq!(envelope.metadata["partitionkey"], "o-7");
    assert_eq!(envelope.subject, event.subject(), "the SDK named no subject");
    let event = next(&mut billed).await?;
    assert_eq!((event.order_id.as_str(), event.envelope().causation_id.as_deref()), ("o-7", Some("a 1")));
    of_placed.stop().await?;
    of_billed.stop().await?;
    Ok(())
}
