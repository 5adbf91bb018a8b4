//! A real Prometheus scrapes the exporter and evaluates the rules that are written for the catalogue: an alert fires when nobody consumes
//! any more, and ends when somebody does again.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, io};

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self};
use eventsmith::testing::NatsServer;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::exported::{Exporter, folder};
use crate::installed::debian;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const PATIENCE: Duration = Duration::from_secs(90);

/// The program that `$PROMETHEUS` names, else the first on `PATH`, else that of Debian's package.
fn prometheus() -> io::Result<PathBuf> {
    if let Some(program) = env::var_os("PROMETHEUS").filter(|program| !program.is_empty()) {
        return Ok(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    match env::split_paths(&path).map(|folder| folder.join("prometheus")).find(|found| found.is_file()) {
        Some(found) => Ok(found),
        None => Ok(debian(Path::new(env!("CARGO_TARGET_TMPDIR")), "prometheus")?.join("usr/bin/prometheus")),
    }
}

/// A Prometheus that runs.
struct Prometheus {
    child: Child,
    port: u16,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    fn start(folder: &Path, exporter: &str) -> Outcome<Self> {
        let config = format!(
            "global: {{ scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }}\nrule_files: [\"alerts/*.rules.yml\"]\n\
             scrape_configs:\n  - job_name: exporter\n    static_configs: [{{ targets: [\"{exporter}\"] }}]\n"
        );
        fs::write(folder.join("prometheus.yml"), config)?;
        // Nobody else takes it in the meantime, unless by accident: then the start fails and so does the test.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(prometheus()?)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("prometheus.log"))?)
            .spawn()?;
        Ok(Self { child, port })
    }

    /// The alerts that fire, by name and labels.
    async fn firing(&self) -> Outcome<Vec<Value>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(b"GET /api/v1/alerts HTTP/1.0\r\nHost: tests\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("it has no body")?;
        let alerts: Value = serde_json::from_str(body)?;
        let alerts = alerts["data"]["alerts"].as_array().cloned().unwrap_or_default();
        Ok(alerts.into_iter().filter(|alert| alert["state"] == "firing").collect())
    }

    /// Waits until an alert fires, or does no longer.
    async fn until(&self, alert: &str, fires: bool, folder: &Path) -> Outcome<Option<Value>> {
        let begun = Instant::now();
        loop {
            let firing = self.firing().await;
            let found = firing.as_ref().ok().and_then(|all| all.iter().find(|one| one["labels"]["alertname"] == alert));
            if firing.is_ok() && found.is_some() == fires {
                return Ok(found.cloned());
            }
            if begun.elapsed() > PATIENCE {
                let log = fs::read_to_string(folder.join("prometheus.log"))?;
                return Err(format!("{alert} should fire: {fires}; {firing:?}\n{log}").into());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn an_alert_fires_when_nobody_consumes_and_ends_when_somebody_does() -> Outcome {
    let server = NatsServer::start().await?;
    let (folder, url) = (folder(), server.url());
    let (folder, prepared) = spawn_blocking(move || {
        let applied = folder.run(&["streams", "apply", "--schemas", "schemas", "--server", &url]);
        let written = folder.run(&["alerts", "--schemas", "schemas", "--out", "alerts"]);
        (folder, [applied, written])
    })
    .await?;
    assert!(prepared.iter().all(|run| run.status == 0), "{prepared:?}");
    // What is minutes in earnest is seconds here: the rules are the same.
    for entry in fs::read_dir(folder.path().join("alerts"))? {
        let path = entry?.path();
        if path.is_file() {
            let text = fs::read_to_string(&path)?;
            let quick = text.lines().map(|line| match line.trim_start().starts_with("for: ") {
                true => "        for: 1s".to_owned(),
                false => line.replace("[10m]", "[5s]").replace("[15m]", "[5s]"),
            });
            fs::write(&path, quick.collect::<Vec<_>>().join("\n"))?;
        }
    }
    let exporter = Exporter::start(&folder, &server.url(), &[]).await?;
    let prometheus = Prometheus::start(folder.path(), &exporter.address)?;
    let jetstream = jetstream::new(async_nats::connect(server.url()).await?);
    prometheus.until("EventsmithExporterDown", false, folder.path()).await?;

    jetstream.publish("rules.domain.rule.created", "{}".into()).await?.await?;
    let fired = prometheus.until("EventsmithConsumerStopped", true, folder.path()).await?.ok_or("it fires")?;
    let consumer: PullConsumer = jetstream.get_consumer_from_stream("promotions", "RULES").await?;
    let mut messages = consumer.messages().await?;
    let acked = messages.next().await.ok_or("nothing is delivered")??.ack().await;
    assert!(acked.is_ok(), "{acked:?}");
    prometheus.until("EventsmithConsumerStopped", false, folder.path()).await?;

    let labels = &fired["labels"];
    assert_eq!((&labels["consumer"], &labels["stream"]), (&"promotions".into(), &"RULES".into()), "{fired}");
    assert_eq!(fired["annotations"]["summary"], "Nobody consumes RULES for promotions");
    Ok(())
}
