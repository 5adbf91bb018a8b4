//! `eventsmith exporter`, through the binary and against a real server.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::{self, stream::Config as StreamConfig};
use async_nats::{ConnectOptions, HeaderMap};
use eventsmith::testing::{NatsCluster, NatsServer};
use eventsmith_operations::metrics::EXPORTER;
use eventsmith_operations::prometheus::{Sample, read};
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Folder, Run};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const RULE: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}"#;
const MANIFEST: &str = r#"root = "rules"

[streams.RULES]
subjects = ["rules.domain.>"]
max_age = "30d"
max_bytes = "1GiB"
max_messages = 1000

[streams.LETTERS]
subjects = ["rules.dlq.>"]
max_age = "14d"

[services.promotions]
consumes = ["rule.created", "rule.deleted"]
"#;
const PATIENCE: Duration = Duration::from_secs(60);

/// An exporter that runs.
pub(crate) struct Exporter {
    child: Child,
    pub(crate) address: String,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A catalogue with one consumer.
pub(crate) fn folder() -> Folder {
    Folder::with(&[
        ("schemas/eventsmith.toml", MANIFEST),
        ("schemas/domain/rule/created.v1.json", RULE),
        ("schemas/domain/rule/deleted.v1.json", RULE),
        ("curious.toml", "user = \"curious\"\npassword = \"secret\"\nrequest_timeout = \"2s\"\n"),
    ])
}

impl Exporter {
    pub(crate) async fn start(folder: &Folder, url: &str, more: &[&str]) -> Outcome<Self> {
        let usual =
            ["exporter", "--schemas", "schemas", "--listen", "127.0.0.1:0", "--every", "200ms", "--server", url];
        Self::run(folder, &[&usual, more].concat()).await
    }

    async fn run(folder: &Folder, arguments: &[&str]) -> Outcome<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_eventsmith"))
            .args(arguments)
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().ok_or("there is no stderr")?;
        let mut lines = BufReader::new(stderr);
        let (line, lines) = spawn_blocking(move || {
            let mut line = String::new();
            lines.read_line(&mut line).map(|_| (line, lines))
        })
        .await??;
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.lines().for_each(drop));
        let address = line.trim().strip_prefix("listening at http://").and_then(|rest| rest.strip_suffix("/metrics"));
        Ok(Self { child, address: address.ok_or_else(|| format!("it says {line:?}"))?.to_owned() })
    }

    /// The status and the body of an answer, which comes at once.
    pub(crate) async fn get(&self, path: &str) -> Outcome<(String, String)> {
        let asked = async {
            let mut stream = TcpStream::connect(&self.address).await?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: tests\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Outcome::Ok(answer)
        };
        let answer = timeout(Duration::from_secs(20), asked).await??;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("it has no body")?;
        let status = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let is_chunked = head.to_ascii_lowercase().contains("chunked");
        assert!(!is_chunked, "{head}");
        Ok((status, body.to_owned()))
    }

    async fn samples(&self) -> Outcome<Vec<Sample>> {
        read(&self.get("/metrics").await?.1).map_err(|(line, problem)| format!("line {line}: {problem}").into())
    }

    async fn value(&self, name: &str, labels: &[(&str, &str)]) -> Outcome<Option<f64>> {
        let fits = |sample: &Sample| {
            sample.name == name && labels.iter().all(|(label, value)| sample.label(label).unwrap_or_default() == *value)
        };
        Ok(self.samples().await?.into_iter().find(fits).map(|sample| sample.value))
    }

    /// Waits until a figure is as it should be.
    async fn until(&self, name: &str, labels: &[(&str, &str)], holds: impl Fn(f64) -> bool) -> Outcome<f64> {
        let begun = Instant::now();
        loop {
            let value = self.value(name, labels).await?;
            if let Some(value) = value.filter(|value| holds(*value)) {
                return Ok(value);
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{name} {labels:?} is {value:?}:\n{}", self.get("/metrics").await?.1).into());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn apply(folder: Folder, url: String, more: &'static [&'static str]) -> Outcome<(Folder, Run)> {
    let applied = spawn_blocking(move || {
        let run = folder.run(&[&["streams", "apply", "--schemas", "schemas", "--server", &url][..], more].concat());
        (folder, run)
    });
    Ok(applied.await?)
}

const OF: [(&str, &str); 2] = [("stream", "RULES"), ("consumer", "promotions")];

#[tokio::test]
async fn what_no_service_tells_is_exported() -> Outcome {
    let server = NatsServer::start().await?;
    let (folder, applied) = apply(folder(), server.url(), &[]).await?;
    assert_eq!(applied.status, 0, "{}", applied.stderr);
    let jetstream = jetstream::new(async_nats::connect(server.url()).await?);
    let exporter = Exporter::start(&folder, &server.url(), &[]).await?;

    // A consumer whose service is down.
    exporter.until("eventsmith_stream_consumer_undelivered", &OF, |value| value == 0.0).await?;
    assert_eq!(exporter.value("eventsmith_stream_consumer_oldest_unhandled_seconds", &OF).await?, Some(0.0));
    for _ in 0..3 {
        jetstream.publish("rules.domain.rule.created", "{}".into()).await?.await?;
    }
    exporter.until("eventsmith_stream_consumer_undelivered", &OF, |value| value == 3.0).await?;
    exporter.until("eventsmith_stream_consumer_oldest_unhandled_seconds", &OF, |value| value > 0.2).await?;
    assert_eq!(exporter.value("eventsmith_stream_consumer_waiting", &OF).await?, Some(0.0));
    assert_eq!(exporter.value("eventsmith_stream_max_age_seconds", &[("stream", "RULES")]).await?, Some(2_592_000.0));
    assert_eq!(exporter.value("eventsmith_stream_has_leader", &[("stream", "RULES")]).await?, Some(1.0));

    // Dead letters, one of a consumer that the catalogue does not have.
    for (consumer, reason) in [("promotions", "exhausted"), ("promotions", "exhausted"), ("others", "rejected")] {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("Eventsmith-Type", "rule.created"),
            ("Eventsmith-Dead-Reason", reason),
            ("Eventsmith-Dead-Error", "no"),
            ("Eventsmith-Dead-Attempts", "10"),
            ("Eventsmith-Dead-Consumer", consumer),
            ("Eventsmith-Dead-Stream", "RULES"),
            ("Eventsmith-Dead-Sequence", "1"),
            ("Eventsmith-Dead-Subject", "rules.domain.rule.created"),
            ("Eventsmith-Dead-Stored", "2026-01-01T00:00:00Z"),
            ("Eventsmith-Dead-Time", "2026-01-02T00:00:00Z"),
        ] {
            headers.insert(name, value);
        }
        let subject = format!("rules.dlq.{consumer}.RULES.1.domain.rule.created");
        jetstream.publish_with_headers(subject, headers, "{}".into()).await?.await?;
    }
    let dead = [("consumer", "promotions"), ("event", "rule.created"), ("reason", "exhausted")];
    exporter.until("eventsmith_dead_letters", &dead, |value| value == 2.0).await?;
    exporter.until("eventsmith_dead_letters", &[("consumer", "_OTHER")], |value| value == 1.0).await?;
    exporter
        .until("eventsmith_dead_letters_oldest_seconds", &[("consumer", "promotions")], |age| age > 86_400.0)
        .await?;

    // An event that is delivered no more, which the server reports.
    let stream = jetstream.get_stream("RULES").await?;
    let config = pull::Config {
        durable_name: Some("once".to_owned()),
        max_deliver: 1,
        ack_wait: Duration::from_millis(100),
        ..Default::default()
    };
    let once = stream.create_consumer(config).await?;
    let taken = once.fetch().max_messages(1).messages().await?.next().await.ok_or("nothing is delivered")?;
    assert!(taken.is_ok(), "{taken:?}");
    drop(taken);
    // Asking again makes the server notice.
    drop(once.fetch().max_messages(1).expires(Duration::from_secs(2)).messages().await?.next().await);
    let advisory = [("kind", "max_deliveries"), ("stream", "RULES"), ("consumer", "_OTHER")];
    exporter.until("eventsmith_advisories_total", &advisory, |value| value >= 1.0).await?;

    // What somebody changes by hand.
    let changed = StreamConfig { max_messages: 7, ..stream.cached_info().config.clone() };
    jetstream.update_stream(changed).await?;
    let drift = [("stream", "RULES"), ("consumer", ""), ("action", "update")];
    exporter.until("eventsmith_catalogue_drift", &drift, |value| value == 1.0).await?;

    // All that the table names is exported, and nothing else.
    let (status, text) = exporter.get("/metrics").await?;
    let told: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let listed: BTreeSet<&str> = EXPORTER.iter().map(|metric| metric.name).collect();
    assert_eq!((status.as_str(), told), ("200", listed));
    let labels: BTreeSet<&str> = EXPORTER.iter().flat_map(|metric| metric.labels.iter().copied()).collect();
    let samples = read(&text).map_err(|(line, problem)| format!("line {line}: {problem}"))?;
    assert!(samples.iter().all(|sample| sample.labels.keys().all(|label| labels.contains(label.as_str()))), "{text}");
    assert_eq!(exporter.get("/healthz").await?, ("200".to_owned(), "ok\n".to_owned()));
    assert_eq!(exporter.get("/other").await?.0, "404");
    for what in ["streams", "consumers", "ages", "dead_letters", "catalogue", "advisories"] {
        exporter.until("eventsmith_exporter_read", &[("what", what)], |value| value == 1.0).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_cluster_tells_who_leads_and_which_replicas_keep_up() -> Outcome {
    let mut cluster = NatsCluster::start(3).await?;
    let url = cluster.node(0).url();
    let folder = folder();
    folder.write(
        "schemas/eventsmith.toml",
        &MANIFEST.replace("max_messages = 1000", "max_messages = 1000\nreplicas = 3"),
    );
    let (folder, applied) = apply(folder, url.clone(), &[]).await?;
    assert_eq!(applied.status, 0, "{}", applied.stderr);
    let jetstream = jetstream::new(async_nats::connect(&url).await?);
    let leader = jetstream.get_stream("LETTERS").await?.cached_info().cluster.as_ref().and_then(|of| of.leader.clone());
    let only = cluster.index_of(&leader.unwrap_or_default()).ok_or("nobody has the dead letters")?;
    let exporter = Exporter::start(&folder, &cluster.node((only + 1) % 3).url(), &[]).await?;
    let replicas = |state: &'static str| [("stream", "RULES"), ("state", state)];
    let leads = |stream: &'static str| [("stream", stream)];

    exporter.until("eventsmith_stream_replicas", &replicas("current"), |count| count == 2.0).await?;
    exporter.until("eventsmith_stream_consumer_has_leader", &OF, |has| has == 1.0).await?;
    assert_eq!(exporter.value("eventsmith_stream_has_leader", &leads("LETTERS")).await?, Some(1.0));

    // The only server is gone that has the dead letters. The cluster then answers no list of streams, and all else is told as before.
    cluster.kill(only)?;
    exporter.until("eventsmith_stream_replicas", &replicas("current"), |count| count == 1.0).await?;
    exporter.until("eventsmith_stream_has_leader", &leads("LETTERS"), |has| has == 0.0).await?;
    exporter.until("eventsmith_stream_has_leader", &leads("RULES"), |has| has == 1.0).await?;
    assert_eq!(exporter.value("eventsmith_exporter_up", &[]).await?, Some(1.0));
    cluster.start_again(only).await?;
    exporter.until("eventsmith_stream_replicas", &replicas("current"), |count| count == 2.0).await?;
    exporter.until("eventsmith_stream_has_leader", &leads("LETTERS"), |has| has == 1.0).await?;
    Ok(())
}

#[tokio::test]
async fn many_consumers_take_no_more_requests() -> Outcome {
    let server = NatsServer::start().await?;
    let (folder, _) = apply(folder(), server.url(), &[]).await?;
    let jetstream = jetstream::new(async_nats::connect(server.url()).await?);
    let stream = jetstream.get_stream("RULES").await?;
    for number in 0..60 {
        let config = pull::Config { durable_name: Some(format!("c-{number}")), ..Default::default() };
        stream.create_consumer(config).await?;
    }
    let exporter = Exporter::start(&folder, &server.url(), &[]).await?;

    exporter.until("eventsmith_stream_consumer_waiting", &[("consumer", "c-59")], |value| value == 0.0).await?;
    let requests = exporter.until("eventsmith_exporter_requests_total", &[], |requests| requests >= 6.0).await?;

    // One for the list of the streams, and one for the consumers of each of the two.
    assert_eq!(requests % 3.0, 0.0, "{requests}");
    Ok(())
}

#[tokio::test]
async fn what_may_not_be_read_is_no_zero() -> Outcome {
    let denied = r#"authorization { users = [
        { user: admin, password: secret }
        { user: curious, password: secret, permissions: { publish: { deny: ["$JS.API.CONSUMER.LIST.RULES"] },
          subscribe: { deny: ["$JS.EVENT.ADVISORY.>"] } } }
    ] }"#;
    let server = NatsServer::builder().config(denied).start().await?;
    let options = ConnectOptions::with_user_and_password("admin".to_owned(), "secret".to_owned());
    let jetstream = jetstream::new(options.connect(server.url()).await?);
    for (name, subject) in [("RULES", "rules.domain.>"), ("LETTERS", "rules.dlq.>")] {
        let config = StreamConfig { name: name.to_owned(), subjects: vec![subject.to_owned()], ..Default::default() };
        let stream = jetstream.create_stream(config).await?;
        stream
            .create_consumer(pull::Config { durable_name: Some("promotions".to_owned()), ..Default::default() })
            .await?;
    }
    let folder = folder();
    let exporter = Exporter::start(&folder, &server.url(), &["--config", "curious.toml"]).await?;

    exporter.until("eventsmith_stream_messages", &[("stream", "RULES")], |value| value == 0.0).await?;
    exporter
        .until("eventsmith_stream_consumer_undelivered", &[("stream", "LETTERS")], |undelivered| undelivered == 0.0)
        .await?;

    assert_eq!(exporter.value("eventsmith_exporter_read", &[("what", "streams")]).await?, Some(1.0));
    assert_eq!(exporter.value("eventsmith_exporter_read", &[("what", "consumers")]).await?, Some(0.0));
    assert_eq!(exporter.value("eventsmith_exporter_read", &[("what", "advisories")]).await?, Some(0.0));
    assert_eq!(exporter.value("eventsmith_stream_consumer_undelivered", &[("stream", "RULES")]).await?, None);
    Ok(())
}

#[tokio::test]
async fn it_answers_while_the_server_does_not() -> Outcome {
    let folder = folder();
    // Somebody listens there, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("nats://{}", silent.local_addr()?);
    let exporter = Exporter::start(&folder, &url, &[]).await?;

    let begun = Instant::now();
    assert_eq!(exporter.value("eventsmith_exporter_up", &[]).await?, Some(0.0));
    assert_eq!(exporter.value("eventsmith_stream_messages", &[]).await?, None);
    assert_eq!(exporter.get("/healthz").await?.0, "200");
    assert!(begun.elapsed() < Duration::from_secs(15));
    Ok(())
}

#[tokio::test]
async fn the_command_of_the_guide_is_taken() -> Outcome {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/exporter.md");
    let page = std::fs::read_to_string(page)?;
    let line = page.lines().find(|line| line.starts_with("eventsmith exporter ")).ok_or("the page has no command")?;
    let server = NatsServer::start().await?;
    let line = line.replace("0.0.0.0:9464", "127.0.0.1:0").replace("nats://127.0.0.1:4222", &server.url());
    let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();

    let exporter = Exporter::run(&folder(), &arguments).await?;

    exporter.until("eventsmith_exporter_up", &[], |up| up == 1.0).await?;
    Ok(())
}

/// The subjects in backticks of a page, from one text on to another.
pub(crate) fn subjects(page: &str, from: &str, to: &str) -> Vec<String> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page)).unwrap();
    let (_, part) = page.split_once(from).unwrap();
    let part = part.split_once(to).map_or(part, |(part, _)| part);
    part.split('`').skip(1).step_by(2).filter(|text| text.starts_with("$JS.")).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_permissions_of_the_guide_are_enough() -> Outcome {
    let named = subjects("docs/exporter.md", "## What it needs", "It writes no messages");
    let allowed: Vec<String> = named.iter().map(|subject| subject.replace(".S.", ".LETTERS.")).collect();
    let config = format!(
        "authorization {{ users = [ {{ user: admin, password: secret }}, {{ user: curious, password: secret, permissions: {{ \
         publish: {allowed:?}, subscribe: [\"_INBOX.>\", \"$JS.EVENT.ADVISORY.>\"] }} }} ] }}"
    );
    let server = NatsServer::builder().config(config).start().await?;
    let folder = folder();
    folder.write("admin.toml", "user = \"admin\"\npassword = \"secret\"\n");
    let (folder, applied) = apply(folder, server.url(), &["--config", "admin.toml"]).await?;
    assert_eq!(applied.status, 0, "{}", applied.stderr);
    let options = ConnectOptions::with_user_and_password("admin".to_owned(), "secret".to_owned());
    let jetstream = jetstream::new(options.connect(server.url()).await?);
    jetstream.publish("rules.domain.rule.created", "{}".into()).await?.await?;
    jetstream.publish("rules.dlq.others.RULES.1.x", "{}".into()).await?.await?;

    let exporter = Exporter::start(&folder, &server.url(), &["--config", "curious.toml"]).await?;

    for what in ["streams", "consumers", "ages", "dead_letters", "catalogue", "advisories"] {
        exporter.until("eventsmith_exporter_read", &[("what", what)], |value| value == 1.0).await?;
    }
    exporter.until("eventsmith_stream_consumer_oldest_unhandled_seconds", &OF, |value| value > 0.0).await?;
    exporter.until("eventsmith_dead_letters_uncounted", &[], |value| value == 1.0).await?;
    Ok(())
}
