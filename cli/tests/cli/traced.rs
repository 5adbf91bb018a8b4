//! `eventsmith trace`, through the binary and against a real server.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream;
use async_nats::jetstream::stream::{Config as StreamConfig, RetentionPolicy};
use eventsmith::admin::BusAdmin as _;
use eventsmith::catalogue::StreamDescriptor;
use eventsmith::state::{Saga, SagaStatus, Sagas, StartOptions, Step, saga_request_id};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, Received, Refusal, Reply, Request, State};
use rules_events::checkout::CheckoutSummary;
use rules_events::rule::{RuleActivate, RuleActivateReply};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::exported::subjects;
use crate::support::{Folder, Run};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

async fn trace(url: &str, arguments: &[&str]) -> Outcome<Run> {
    let folder = Folder::with(&[
        ("schemas/eventsmith.toml", "root = \"rules\"\n"),
        ("curious.toml", "user = \"curious\"\npassword = \"secret\"\n"),
    ]);
    let all: Vec<String> = ["trace", "--schemas", "schemas", "--server", url]
        .into_iter()
        .chain(arguments.iter().copied())
        .map(str::to_owned)
        .collect();
    Ok(spawn_blocking(move || folder.run(&all.iter().map(String::as_str).collect::<Vec<_>>())).await?)
}

/// A server with streams of several kinds.
struct Scene {
    server: NatsServer,
    jetstream: jetstream::Context,
}

impl Scene {
    async fn start(config: &str, user: &str) -> Outcome<Self> {
        let server = NatsServer::builder().config(config).start().await?;
        let client = match user {
            "" => async_nats::connect(server.url()).await?,
            user => {
                let options = async_nats::ConnectOptions::with_user_and_password(user.to_owned(), "secret".to_owned());
                options.connect(server.url()).await?
            }
        };
        let jetstream = jetstream::new(client);
        for (name, subject, retention) in [
            ("RULES", "rules.domain.>", RetentionPolicy::Limits),
            ("LETTERS", "rules.dlq.>", RetentionPolicy::Limits),
            ("SAGAS", "rules.saga.>", RetentionPolicy::Limits),
            ("WORK", "rules.work.>", RetentionPolicy::WorkQueue),
        ] {
            let subjects = vec![subject.to_owned()];
            jetstream
                .create_stream(StreamConfig { name: name.to_owned(), subjects, retention, ..Default::default() })
                .await?;
        }
        Ok(Self { server, jetstream })
    }

    async fn publish(&self, subject: &str, headers: &[(&str, &str)], payload: &str) -> Outcome {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| map.append(*name, *value));
        let published = self.jetstream.publish_with_headers(subject.to_owned(), map, payload.to_owned().into()).await?;
        published.await?;
        Ok(())
    }

    /// A message of one correlation, with its id and what it comes of.
    async fn event(&self, subject: &str, id: &str, cause: &str, more: &[(&str, &str)]) -> Outcome {
        let named = [("Nats-Msg-Id", id), ("Eventsmith-Correlation", "c-1"), ("Eventsmith-Causation", cause)];
        let named = named.into_iter().filter(|(_, value)| !value.is_empty());
        let headers: Vec<(&str, &str)> = named.chain(more.iter().copied()).collect();
        self.publish(subject, &headers, "{}").await
    }

    /// What follows from one event, over streams, dead letters and a saga.
    async fn fill(&self) -> Outcome {
        let created = &[("Eventsmith-Type", "rule.created"), ("Eventsmith-Version", "1")][..];
        let asked = saga_request_id("checkout", "k-1", 1).to_string();
        self.event("rules.domain.rule.created", "e-1", "", created).await?;
        self.publish("rules.domain.rule.created", &[("Eventsmith-Correlation", "c-2")], "{}").await?;
        self.event("rules.saga.checkout.k-1.v3.event.started", "s-1", "e-1", &[("Eventsmith-Saga-Status", "running")])
            .await?;
        let activate = &[("Eventsmith-Type", "rule.activate"), ("Eventsmith-Version", "2")][..];
        self.event("rules.saga.checkout.k-1.v3.command.1", "s-2", "e-1", activate).await?;
        self.event("rules.domain.rule.activated", "e-2", &asked, &[("Eventsmith-Type", "rule.activated")]).await?;
        self.event("rules.work.rule.email", "w-1", "e-2", &[]).await?;
        let dead = &[
            ("Eventsmith-Type", "rule.activated"),
            ("Eventsmith-Dead-Reason", "exhausted"),
            ("Eventsmith-Dead-Error", "no route\u{1b}[2J"),
            ("Eventsmith-Dead-Attempts", "10"),
            ("Eventsmith-Dead-Consumer", "promotions"),
            ("Eventsmith-Dead-Stream", "RULES"),
            ("Eventsmith-Dead-Sequence", "3"),
            ("Eventsmith-Message-Id", "e-2"),
        ][..];
        self.event("rules.dlq.promotions.RULES.3.domain.rule.activated", "dlq:1", &asked, dead).await?;
        self.event("rules.domain.rule.renamed", "e-3", "r-9", &[]).await?;
        let envelope = json!({"id": "e-4", "type": "rule.deleted", "source": "others", "subject": "rules.domain.rule.deleted",
            "time": "2026-11-30T10:00:00Z", "version": "1", "correlation_id": "c-1", "causation_id": "e-2", "data": {}});
        self.publish("rules.domain.rule.deleted", &[], &envelope.to_string()).await
    }
}

/// What each line says behind its times.
fn lines(run: &Run) -> Vec<String> {
    let of_tree = run.stdout.lines().skip(2);
    of_tree.map(|line| line.get(37..).unwrap_or(line).to_owned()).collect()
}

#[tokio::test]
async fn what_is_stored_is_printed_in_the_order_of_cause() -> Outcome {
    let scene = Scene::start("", "").await?;
    scene.fill().await?;

    let text = trace(&scene.server.url(), &["c-1"]).await?;
    let with_envelopes = trace(&scene.server.url(), &["c-1", "--envelopes"]).await?;
    let bounded = trace(&scene.server.url(), &["c-1", "--most", "2"]).await?;
    let none = trace(&scene.server.url(), &["c-3"]).await?;
    let late = trace(&scene.server.url(), &["c-1", "--since", "2100-01-01T00:00:00Z"]).await?;
    let json = trace(&scene.server.url(), &["c-1", "--format", "json"]).await?;

    assert_eq!(text.status, 0, "{}", text.stderr);
    let drawn = [
        "rule.created v1  RULES 1",
        "|- saga checkout k-1 started: running  SAGAS 1",
        "`- saga checkout k-1 asks rule.activate v2  SAGAS 2",
        "   `- rule.activated  RULES 3",
        "      |- rules.work.rule.email  WORK 1",
        "      `- DEAD LETTER of promotions: exhausted after 10 attempts: no route\\u{1b}[2J  LETTERS 1",
        "r-9: a request, or not stored any more",
        "`- rules.domain.rule.renamed  RULES 4",
    ];
    assert_eq!(lines(&text), drawn, "{}", text.stdout);
    assert!(
        text.stdout.lines().nth(2).is_some_and(|line| line.contains("Z") && !line.contains("ms")),
        "{}",
        text.stdout
    );
    assert!(text.stdout.lines().nth(3).is_some_and(|line| line.contains(" ms  |- ")), "{}", text.stdout);
    assert_eq!(text.stderr, "7 messages of 9 messages in 4 streams, 0 not printed, 0 unread\n");
    assert!(
        lines(&with_envelopes).iter().any(|line| line.ends_with("- rule.deleted v1  RULES 5")),
        "{}",
        with_envelopes.stdout
    );
    assert!(bounded.stderr.starts_with("2 messages of 9 messages in 4 streams, 5 not printed"), "{}", bounded.stderr);
    assert_eq!((none.status, none.stdout.as_str()), (0, "nothing is stored under c-3\n"));
    assert_eq!((late.status, late.stdout.as_str()), (0, "nothing is stored under c-1\n"));
    let json: Value = serde_json::from_str(&json.stdout)?;
    let messages = json["messages"].as_array().ok_or("there are no messages")?;
    assert_eq!(messages.len(), 7);
    assert_eq!(messages[3]["cause"], json!({ "stream": "SAGAS", "sequence": 2 }));
    assert_eq!(messages[5]["dead_letter"]["reason"], "exhausted");
    assert_eq!((&json["seen"]["RULES"], &messages[2]["saga"]["what"]), (&json!(5), &json!("command")));
    Ok(())
}

#[tokio::test]
async fn what_may_not_be_read_is_said() -> Outcome {
    let denied = r#"authorization { users = [
        { user: admin, password: secret }
        { user: curious, password: secret, permissions: { publish: { deny: [
            "$JS.API.CONSUMER.CREATE.LETTERS.>", "$JS.API.STREAM.MSG.GET.LETTERS", "$JS.API.DIRECT.GET.LETTERS.>",
            "$JS.API.DIRECT.GET.LETTERS", "$JS.API.CONSUMER.CREATE.RULES.>" ] } } }
    ] }"#;
    let scene = Scene::start(denied, "admin").await?;
    scene.fill().await?;
    let url = scene.server.url();

    let run = trace(&url, &["c-1", "--config", "curious.toml"]).await?;
    let json = trace(&url, &["c-1", "--format", "json", "--config", "curious.toml"]).await?;

    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stdout.contains("rule.activated  RULES 3") && !run.stdout.contains("DEAD LETTER"), "{}", run.stdout);
    assert!(run.stderr.contains("LETTERS could not be read: ") && run.stderr.ends_with("1 unread\n"), "{}", run.stderr);
    let json: Value = serde_json::from_str(&json.stdout)?;
    assert_eq!(json["unread"][0]["stream"], "LETTERS", "{json}");
    Ok(())
}

#[tokio::test]
async fn the_permissions_of_the_guide_are_enough() -> Outcome {
    let named = subjects("docs/trace.md", "It needs the permission", "without those of consumers");
    let streams = ["RULES", "LETTERS", "SAGAS", "WORK"];
    let of_streams = named.iter().flat_map(|subject| {
        let of = |stream: &&str| {
            format!("{subject}.").replace(".S.", &format!(".{stream}.")).trim_end_matches('.').to_owned()
        };
        streams.iter().map(of).collect::<Vec<_>>()
    });
    // A work queue is read message by message.
    let allowed: Vec<String> = of_streams.chain(["$JS.API.STREAM.MSG.GET.WORK".to_owned()]).collect();
    let config = format!(
        "authorization {{ users = [ {{ user: admin, password: secret }}, {{ user: curious, password: secret, permissions: {{ \
         publish: {allowed:?}, subscribe: \"_INBOX.>\" }} }} ] }}"
    );
    let scene = Scene::start(&config, "admin").await?;
    scene.fill().await?;

    let run = trace(&scene.server.url(), &["c-1", "--config", "curious.toml"]).await?;

    assert_eq!(
        (run.status, run.stderr.as_str()),
        (0, "7 messages of 9 messages in 4 streams, 0 not printed, 0 unread\n")
    );
    Ok(())
}

const SAGAS: StreamDescriptor = StreamDescriptor::new("SAGAS", &["rules.saga.>"]).sagas(&["checkout"]);
const STATE: &[u8] =
    br#"{"transaction_id": "txn_01KJQ4T9Q6MZ", "customer_id": "cus_01KJQ4T9Q6MZ", "status": "running", "steps": [],
    "updated_at": "2026-11-23T10:00:00Z"}"#;
const COMMAND: &[u8] = br#"{"rule_id": "rul_01KJQ5B2W8HD", "requested_by": "usr_ben-okafor"}"#;
const REPLY: &[u8] = br#"{"rule_id": "rul_01KJQ5B2W8HD", "activated_at": "2026-03-01T15:00:00+01:00",
    "effective_at": "2026-03-01T15:00:00+01:00"}"#;

async fn activate(_: Received<RuleActivate>) -> Result<RuleActivateReply, Refusal<<RuleActivate as Request>::Error>> {
    Ok(RuleActivateReply::decode(REPLY).unwrap())
}

#[tokio::test]
async fn a_saga_that_ran_is_one_chain_of_causes() -> Outcome {
    let server = NatsServer::start().await?;
    let bus = Bus::connect(Config { servers: vec![server.url().into()], ..Config::default() }).await?;
    bus.provision(&[SAGAS]).await?;
    let sagas = Sagas::of(&bus, &[SAGAS]);
    let ask = |_: &CheckoutSummary| RuleActivate::decode(1, COMMAND).unwrap();
    let checkout = || Saga::new("checkout", 3).step(Step::asks("first", ask)).step(Step::asks("second", ask));
    let never = std::future::pending::<()>;
    let service = tokio::spawn(bus.service("rules").answer(activate).run(never()));
    let runner = tokio::spawn(sagas.runner("checkout").saga(checkout()).run(never()));
    let options = StartOptions { correlation_id: Some("order-7".to_owned()), ..StartOptions::default() };
    sagas.start_with(&checkout(), "k-1", &CheckoutSummary::decode(1, STATE)?, options).await?;
    while sagas.status("checkout", "k-1").await? != Some(SagaStatus::Completed) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let run = trace(&server.url(), &["order-7"]).await?;

    let drawn = lines(&run);
    let told: Vec<&str> = drawn.iter().map(|line| line.trim_start_matches(['|', '`', '-', ' '])).collect();
    let at = |text: &str| told.iter().position(|line| line.starts_with(text));
    let asked: Vec<usize> =
        (0..told.len()).filter(|line| told[*line].starts_with("saga checkout k-1 asks rule.activate")).collect();
    let done = at("saga checkout k-1 done").ok_or(run.stdout.clone())?;
    assert_eq!((run.status, asked.len()), (0, 2), "{}{}", run.stdout, run.stderr);
    assert!(at("saga checkout k-1 started") < Some(asked[0]) && asked[0] < done, "{}", run.stdout);
    // The end stands below the second request, which stands below the first.
    let depth = |line: usize| drawn[line].len() - told[line].len();
    assert!(!run.stdout.contains("not stored any more"), "{}", run.stdout);
    assert!(depth(asked[0]) < depth(asked[1]), "{}", run.stdout);
    service.abort();
    runner.abort();
    Ok(())
}
