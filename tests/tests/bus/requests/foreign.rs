//! Requests between us and the client for Python, which implements NATS services (ADR-32) on its own.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use eventsmith::admin::{BusAdmin as _, ServiceQuestion};
use eventsmith::{Received, Refusal, RequestError, ServiceConfig};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::common::*;
use crate::common::{Outcome, server};

const VERSION: &str = "2.16.0";

/// The folder of the client, which the first call puts under `target/`. Any number of processes may call it at once.
fn client_for_python() -> std::io::Result<PathBuf> {
    let under = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = under.join(format!("nats-py-{VERSION}"));
    let lock = File::create(under.join(format!("nats-py-{VERSION}.lock")))?;
    lock.lock()?;
    if !folder.is_dir() {
        let scratch = tempfile::tempdir_in(under)?;
        let pip =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-user", "--target"];
        let package = format!("nats-py=={VERSION}");
        let installed = Command::new("python3").args(pip).arg(scratch.path()).arg(package).output()?;
        assert!(installed.status.success(), "python3 -m pip: {}", String::from_utf8_lossy(&installed.stderr));
        std::fs::rename(scratch.keep(), &folder)?;
    }
    Ok(folder)
}

/// Begins a program in Python.
async fn python(role: &'static str, url: String) -> Outcome<Running> {
    let started = spawn_blocking(move || {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bus/requests/foreign.py");
        let mut command = Command::new("python3");
        command.args([script, role, &url]).env("PYTHONPATH", client_for_python()?).stdout(Stdio::piped());
        std::io::Result::Ok(Running(command.spawn()?))
    });
    Ok(started.await??)
}

/// A program at work, which ends with this.
struct Running(Child);

impl Running {
    /// The next line that it prints; empty if it ends.
    async fn line(&mut self) -> Outcome<String> {
        let output = self.0.stdout.take().ok_or("its line was read already")?;
        let read = spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| line)
        });
        Ok(read.await??)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_caller_in_python_discovers_our_service_and_understands_its_answers() -> Outcome {
    let (server, bus) = server().await?;
    let config = ServiceConfig { version: "1.2.3".to_owned(), ..ServiceConfig::default() };
    let service =
        serve(bus.service("rules").config(config).answer(async |request: Received<Get>| match &*request.rule_id {
            "unknown" => Err(Refusal::new(unknown("unknown"))),
            "broken" => Err("out of order".into()),
            name => Ok(found(name)),
        }));
    service.is_up(&bus).await?;

    let line = python("caller", server.url()).await?.line().await?;

    let told: Value = serde_json::from_str(&line)?;
    let (found, answers) = (&told["found"], &told["answers"]);
    assert_eq!((&found["PING"]["name"], &found["PING"]["version"]), (&json!("rules"), &json!("1.2.3")));
    assert_eq!(found["INFO.rules"]["endpoints"][0]["metadata"]["eventsmith.type"], "rule.get");
    assert!(found["STATS.rules"]["endpoints"][0]["processing_time"].is_u64());
    let codes: Vec<&Value> = (0..5).map(|index| &answers[index][0]).collect();
    assert_eq!(codes, [&Value::Null, &json!("400"), &json!("409"), &json!("500"), &json!("400")], "{answers}");
    assert_eq!(answers[0][2], r#"{"name":"r1"}"#);
    assert_eq!(answers[2][2], r#"{"rule_id":"unknown"}"#);
    assert_eq!(answers[3][1], "out of order");
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_service_in_python_is_found_and_asked() -> Outcome {
    let (server, bus) = server().await?;
    let mut service = python("service", server.url()).await?;
    assert_eq!(service.line().await?, "up\n");

    let services = bus.services(ServiceQuestion::Info, None, Duration::from_secs(20)).await?;
    assert_eq!(services.len(), 1);
    assert_eq!((&services[0]["name"], &services[0]["endpoints"][0]["name"]), (&json!("elsewhere"), &json!("rule-get")));
    assert_eq!(bus.request(&get("r1")).await?, found("from Python: r1"));
    for (rule_id, expected, text) in [("unknown", 404, "no such rule"), ("broken", 500, "out of order")] {
        match bus.request(&get(rule_id)).await {
            Err(RequestError::Failed { code, message, .. }) if code == expected && message.contains(text) => {}
            other => panic!("{other:?}"),
        }
    }
    Ok(())
}
