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
use eventsmith::telemetry::names::{self, MetricKind, label};
use eventsmith::testing::NatsServer;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::exported::{Exporter, folder};
use crate::installed::debian;
use crate::support::Folder;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const PATIENCE: Duration = Duration::from_secs(90);

/// The program that a variable names, `$PROMETHEUS` or `$PROMTOOL`, else the first on `PATH`, else that of Debian's package.
fn program(name: &str) -> io::Result<PathBuf> {
    if let Some(program) = env::var_os(name.to_uppercase()).filter(|program| !program.is_empty()) {
        return Ok(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    match env::split_paths(&path).map(|folder| folder.join(name)).find(|found| found.is_file()) {
        Some(found) => Ok(found),
        None => Ok(debian(Path::new(env!("CARGO_TARGET_TMPDIR")), "prometheus")?.join("usr/bin").join(name)),
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
    /// With the configuration of the page about the exporter, but for its addresses.
    fn start(folder: &Path, addresses: &[(&str, &[&str])]) -> Outcome<Self> {
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/exporter.md"))?;
        let (_, block) = page.split_once("```yaml\n").ok_or("the page has no configuration")?;
        let (block, _) = block.split_once("```").ok_or("it does not end")?;
        let mut config =
            format!("global: {{ scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }}\n{block}");
        for (written, real) in addresses {
            assert!(config.contains(&format!("[\"{written}\"]")), "{config}");
            config = config.replace(&format!("[\"{written}\"]"), &format!("{real:?}"));
        }
        fs::write(folder.join("prometheus.yml"), config)?;
        // Nobody else takes it in the meantime, unless by accident: then the start fails and so does the test.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(program("prometheus")?)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("prometheus.log"))?)
            .spawn()?;
        Ok(Self { child, port })
    }

    /// What it answers to a question.
    async fn ask(&self, path: &str) -> Outcome<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(format!("GET /api/v1/{path} HTTP/1.0\r\nHost: tests\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("it has no body")?;
        Ok(serde_json::from_str(body)?)
    }

    /// The series that an expression gives, each by its labels.
    async fn series(&self, expression: &str) -> Outcome<Vec<Value>> {
        let found = self.ask(&format!("query?query={expression}")).await?;
        let found = found["data"]["result"].as_array().ok_or_else(|| found.to_string())?;
        Ok(found.iter().map(|series| series["metric"].clone()).collect())
    }

    /// The alerts that fire, by name and labels.
    async fn firing(&self) -> Outcome<Vec<Value>> {
        let alerts = self.ask("alerts").await?;
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

/// A catalogue that is provisioned, with the rules that are written of it.
async fn prepared(server: &NatsServer) -> Outcome<Folder> {
    let (folder, url) = (folder(), server.url());
    let (folder, prepared) = spawn_blocking(move || {
        let applied = folder.run(&["streams", "apply", "--schemas", "schemas", "--server", &url]);
        let written = folder.run(&["alerts", "--schemas", "schemas", "--out", "alerts"]);
        (folder, [applied, written])
    })
    .await?;
    assert!(prepared.iter().all(|run| run.status == 0), "{prepared:?}");
    Ok(folder)
}

#[tokio::test]
async fn an_alert_fires_when_nobody_consumes_and_ends_when_somebody_does() -> Outcome {
    let server = NatsServer::start().await?;
    let folder = prepared(&server).await?;
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
    let prometheus = Prometheus::start(folder.path(), &[("127.0.0.1:9464", &[&exporter.address])])?;
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

/// What a process of a service says at `/metrics`: one series of every metric that there is, with every label.
fn metrics_of(service: &str) -> String {
    let mut text = String::new();
    for metric in names::ALL {
        let value = |name: &str| match name {
            names::CONSUMER | names::COMPONENT => service.to_owned(),
            names::COMPONENT_KIND => "consumer".to_owned(),
            names::STATE => "open".to_owned(),
            names::OPERATION => "process".to_owned(),
            names::RULE => "no_stream".to_owned(),
            names::CODE => "500".to_owned(),
            name => format!("some-{}", label(name)),
        };
        let labels: Vec<String> =
            metric.labels.iter().map(|name| format!("{}=\"{}\"", label(name), value(name))).collect();
        let (name, labels) = (metric.prometheus(), labels.join(","));
        let kind = format!("{:?}", metric.kind).to_lowercase();
        text.push_str(&format!("# TYPE {name} {kind}\n"));
        if metric.kind == MetricKind::Histogram {
            for le in names::PROCESS_BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]) {
                text.push_str(&format!("{name}_bucket{{{labels},le=\"{le}\"}} 7\n"));
            }
            text.push_str(&format!("{name}_sum{{{labels}}} 7\n{name}_count{{{labels}}} 7\n"));
        } else {
            text.push_str(&format!("{name}{{{labels}}} 1\n"));
        }
    }
    text
}

/// Serves the metrics of a service, and says where.
async fn serve(service: &'static str) -> Outcome<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let page = move || std::future::ready(metrics_of(service));
    let router = axum::Router::new().route("/metrics", axum::routing::get(page));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

#[tokio::test]
async fn two_services_two_instances_and_two_exporters_are_told_apart_and_every_rule_can_be_evaluated() -> Outcome {
    let server = NatsServer::start().await?;
    let folder = prepared(&server).await?;
    let (first, second) =
        (Exporter::start(&folder, &server.url(), &[]).await?, Exporter::start(&folder, &server.url(), &[]).await?);
    let (one, other, calculator) = (serve("promotions").await?, serve("promotions").await?, serve("calculator").await?);
    let prometheus = Prometheus::start(
        folder.path(),
        &[
            ("127.0.0.1:9464", &[&first.address, &second.address]),
            ("127.0.0.1:9465", &[&one, &other]),
            ("127.0.0.1:9466", &[&calculator]),
        ],
    )?;

    let begun = Instant::now();
    let rules = loop {
        let is_there = async {
            let (services, exporters) = (
                prometheus.series("eventsmith_connection_up").await?,
                prometheus.series("eventsmith_exporter_up").await?,
            );
            let rules = prometheus.ask("rules").await?;
            let groups = rules["data"]["groups"].as_array().cloned().unwrap_or_default();
            let rules: Vec<Value> =
                groups.iter().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect();
            let is_evaluated = !rules.is_empty() && rules.iter().all(|rule| rule["health"] != "unknown");
            Outcome::Ok((services.len() == 3 && exporters.len() == 2 && is_evaluated).then_some(rules))
        };
        if let Ok(Some(rules)) = is_there.await {
            break rules;
        }
        if begun.elapsed() > PATIENCE {
            return Err(fs::read_to_string(folder.path().join("prometheus.log"))?.into());
        }
        sleep(Duration::from_millis(200)).await;
    };
    // Once more, with all series there.
    let evaluated = |rules: &[Value]| rules.iter().map(|rule| rule["lastEvaluation"].to_string()).collect::<Vec<_>>();
    let before = evaluated(&rules);
    let rules = loop {
        let again = prometheus.ask("rules").await?;
        let groups = again["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules: Vec<Value> =
            groups.iter().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect();
        if evaluated(&rules).iter().zip(&before).all(|(now, before)| now != before) {
            break rules;
        }
        sleep(Duration::from_millis(200)).await;
    };

    let failing: Vec<String> = rules.iter().filter(|rule| rule["health"] != "ok").map(Value::to_string).collect();
    assert!(rules.len() > 20 && failing.is_empty(), "{failing:?}");
    let up = prometheus.series("eventsmith_component_up").await?;
    let jobs: Vec<(&str, &str)> = up
        .iter()
        .map(|series| {
            (series["job"].as_str().unwrap_or_default(), series["eventsmith_component"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(jobs.iter().filter(|of| **of == ("promotions", "promotions")).count(), 2, "{up:?}");
    assert_eq!(jobs.iter().filter(|of| **of == ("calculator", "calculator")).count(), 1, "{up:?}");
    // The exporter's own label for a consumer is not hidden by one of Prometheus.
    let lag = prometheus.series("eventsmith_stream_consumer_undelivered").await?;
    assert_eq!(lag.len(), 2, "{lag:?}");
    assert!(lag.iter().all(|series| series["consumer"] == "promotions" && series["job"] == "exporter"), "{lag:?}");
    Ok(())
}

/// Of the catalogue of this repository, with its saga and all its streams.
#[test]
fn the_rules_of_the_rules_engine_are_taken_and_do_what_their_tests_say() -> Outcome {
    let folder = Folder::with(&[]);
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    let written = folder.run(&["alerts", "--schemas", &schemas.display().to_string(), "--out", "alerts"]);
    assert_eq!(written.status, 0, "{}", written.stderr);

    for (arguments, below) in
        [(&["check", "rules", "--lint=all", "--lint-fatal"][..], "alerts"), (&["test", "rules"], "alerts/tests")]
    {
        let entries = fs::read_dir(folder.path().join(below))?.map(|entry| entry.map(|entry| entry.path()));
        let files: Vec<PathBuf> =
            entries.collect::<io::Result<Vec<_>>>()?.into_iter().filter(|path| path.is_file()).collect();
        let ran = Command::new(program("promtool")?).args(arguments).args(&files).output()?;

        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(files.len() > 9 && ran.status.success(), "{said}");
    }
    Ok(())
}
