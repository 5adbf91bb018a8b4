//! `eventsmith dlq`, through the binary and against a real server.

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use eventsmith::admin::{BusAdmin, Topology};
use eventsmith::catalogue::{ConsumerDescriptor, Storage, StreamDescriptor};
use eventsmith::generated::Schema;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, DecodeError, Event, HandlerError, Invalid, Kind, Received};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::support::{Folder, Run};

const RULES: StreamDescriptor =
    StreamDescriptor::new("RULES", &["rules.domain.>"]).description("Events").storage(Storage::Memory);
const LETTERS: StreamDescriptor = RULES.name("LETTERS").subjects(&["rules.dlq.>"]);

macro_rules! event {
    ($name:ident, $type:literal) => {
        #[derive(Serialize, Deserialize)]
        struct $name {
            rule_id: String,
        }

        impl Event for $name {
            const TOKEN: eventsmith::generated::Token = eventsmith::generated::Token::of_generated_code();
            const KIND: Kind = Kind::Domain;
            const TYPE: &'static str = $type;
            const VERSION: u32 = 1;
            const SUBJECT: &'static str = concat!("rules.domain.", $type);
            const SCHEMA: &'static str = "true";
            const KEY: Option<&'static str> = None;

            fn payload_schema() -> &'static Schema {
                static SCHEMA: Schema = Schema::new($name::TYPE, $name::VERSION, $name::SCHEMA);
                &SCHEMA
            }

            fn validate(&self) -> Result<(), Invalid> {
                Ok(())
            }

            fn decode(version: u32, data: &[u8]) -> Result<Self, DecodeError> {
                serde_json::from_slice(data).map_err(|_| Invalid::new(Self::TYPE, version, Vec::new()).into())
            }
        }
    };
}

event!(Activated, "rule.activated");
event!(Updated, "rule.updated");

/// A server with dead letters, made by consumers that reject everything, and a catalogue.
struct Scene {
    server: NatsServer,
    bus: Bus,
    folder: Folder,
}

impl Scene {
    /// Three dead letters: of promotions about two types, then of loyalty about one.
    async fn new() -> Self {
        let server = NatsServer::start().await.unwrap();
        let config = Config { servers: vec![server.url().into()], create_consumers: true, ..Config::default() };
        let bus = Bus::connect(config).await.unwrap();
        bus.provision(&[RULES, LETTERS]).await.unwrap();
        let folder = Folder::with(&[("eventsmith.toml", "root = \"rules\"\n")]);
        let scene = Self { server, bus, folder };
        scene.bus.publish(&Activated { rule_id: "r1".to_owned() }).await.unwrap();
        scene.reject::<Activated>("promotions").await;
        scene.bus.publish(&Updated { rule_id: "r2".to_owned() }).await.unwrap();
        scene.reject::<Updated>("promotions").await;
        scene.reject::<Activated>("loyalty").await;
        scene
    }

    /// Lets a service reject the one event that waits for it.
    async fn reject<E: Event>(&self, service: &str) {
        let (tell, mut told) = mpsc::unbounded_channel();
        let handler = move |_: Received<E>| {
            let _ = tell.send(());
            async { Err(HandlerError::reject("no such \u{1b}[31mcustomer")) }
        };
        // When the consumer has stopped, what it began is dead-lettered.
        self.bus.consumer(service).on(handler).run(async move { told.recv().await }).await.unwrap();
    }

    fn dlq(&self, arguments: &[&str]) -> Run {
        let url = self.server.url();
        self.folder.run(&[&["dlq"], arguments, &["--server", &url]].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let run = self.dlq(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&run.stdout).map_err(|error| format!("{error}: {run:?}")).unwrap()
    }

    /// How many dead letters there are.
    fn total(&self) -> u64 {
        self.json(&["list", "--summary"])["total"].as_u64().unwrap()
    }
}

#[tokio::test]
async fn dead_letters_are_listed_with_what_they_died_of_and_counted() {
    let scene = Scene::new().await;

    let run = scene.dlq(&["list"]);

    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    let words = |line: &str| line.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    let guide = include_str!("../../../docs/dead-letters.md");
    assert!(guide.lines().any(|line| words(line) == words(lines[0])), "the guide shows other columns");
    assert_eq!(words(lines[0]), ["NUMBER", "AGE", "CONSUMER", "EVENT", "REASON", "ATTEMPTS", "ERROR"]);
    let first = words(lines[1]);
    assert_eq!(first[0], "1");
    assert_eq!(first[2..6], ["promotions", "rule.activated", "rejected", "1"]);
    assert!(!run.stdout.contains('\u{1b}') && run.stdout.contains("customer"), "{run:?}");
    assert_eq!(lines[4], "3 dead letters: loyalty 1 rejected, promotions 2 rejected");
    assert_eq!(scene.dlq(&["list", "--summary"]).stdout.trim_end(), lines[4]);
}

#[tokio::test]
async fn a_list_can_be_filtered_and_read_by_programs() {
    let scene = Scene::new().await;
    let numbers = |filter: &[&str]| {
        let list = scene.json(&[&["list"], filter].concat());
        list["letters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dead_letter| dead_letter["sequence"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };

    assert_eq!(numbers(&[]), [1, 2, 3]);
    assert_eq!(numbers(&["--consumer", "promotions"]), [1, 2]);
    assert_eq!(numbers(&["--event", "rule.activated"]), [1, 3]);
    assert_eq!(numbers(&["--event", "rule.activated", "--consumer", "loyalty"]), [3]);
    assert_eq!(numbers(&["--newer-than", "1h", "--reason", "rejected", "--stream", "RULES"]), [1, 2, 3]);
    assert!(numbers(&["--older-than", "1h"]).is_empty());
    assert!(numbers(&["--reason", "too-old"]).is_empty());
    let dead_letter = &scene.json(&["list", "--consumer", "loyalty"])["letters"][0];
    assert_eq!(
        (&dead_letter["stream"], &dead_letter["stream_sequence"], &dead_letter["attempts"]),
        (&"RULES".into(), &1.into(), &1.into())
    );
}

#[tokio::test]
async fn a_dead_letter_is_shown_with_its_headers_and_its_payload() {
    let scene = Scene::new().await;

    let run = scene.dlq(&["show", "2"]);
    let shown = &scene.json(&["show", "2"])["letters"][0];

    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.starts_with("2 of rules.domain.rule.updated, stored 20"), "{run:?}");
    assert!(run.stdout.contains("\nEventsmith-Dead-Reason: rejected\n"), "{run:?}");
    assert!(run.stdout.contains("\n  \"data\": {\n    \"rule_id\": \"r2\"\n  }\n}\n"), "{run:?}");
    assert_eq!(shown["payload"]["data"]["rule_id"], "r2");
    assert!(shown["headers"].as_array().unwrap().contains(&serde_json::json!(["Eventsmith-Type", "rule.updated"])));
}

#[tokio::test]
async fn a_number_without_a_dead_letter_is_reported() {
    let scene = Scene::new().await;

    let run = scene.dlq(&["show", "9", "1"]);

    assert_eq!(run.status, 1);
    assert_eq!(run.stderr, "there is no dead letter 9 in LETTERS\n1 dead letter shown\n");
    assert!(run.stdout.starts_with("1 of "), "{run:?}");
}

#[tokio::test]
async fn a_replay_can_be_tried_out_and_replays_what_was_chosen() {
    let scene = Scene::new().await;

    let tried = scene.dlq(&["replay", "--consumer", "promotions", "--dry-run"]);
    let before = scene.total();
    let run = scene.dlq(&["replay", "--consumer", "promotions", "--to-consumer"]);

    assert_eq!(tried.status, 0, "{tried:?}");
    assert!(tried.stdout.lines().count() == 4 && tried.stdout.ends_with("\n2 would be replayed\n"), "{tried:?}");
    assert_eq!(before, 3);
    assert_eq!(run.status, 0, "{run:?}");
    let expected = "1 (rule.activated of promotions): stored in RULES as 3\n\
                    2 (rule.updated of promotions): stored in RULES as 4\n2 replayed\n";
    assert_eq!(run.stdout, expected);
    assert_eq!(scene.total(), 1);
    // It is there for promotions, whose attempts begin anew.
    scene.reject::<Updated>("promotions").await;
    let again = &scene.json(&["list", "--event", "rule.updated"])["letters"][0];
    assert_eq!((&again["stream_sequence"], &again["attempts"]), (&4.into(), &1.into()));
}

#[tokio::test]
async fn a_replay_that_fails_leaves_the_dead_letter_and_says_why() {
    let scene = Scene::new().await;
    let elsewhere = RULES.subjects(&["rules.integration.>"]);
    scene.bus.provision(&[elsewhere]).await.unwrap();

    let run = scene.dlq(&["replay", "1"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stderr.contains("dead letter 1") && run.stderr.contains("rules.domain.rule.activated"), "{run:?}");
    assert_eq!((run.stdout.as_str(), scene.total()), ("0 replayed, 1 could not be\n", 3));
}

#[tokio::test]
async fn a_purge_deletes_what_was_chosen_and_no_more() {
    let scene = Scene::new().await;

    let run = scene.dlq(&["purge", "2"]);
    let rest = scene.json(&["purge", "--all", "--dry-run"]);

    assert_eq!(
        (run.status, run.stdout.as_str()),
        (0, "2 (rule.updated of promotions): deleted\n1 purged\n"),
        "{run:?}"
    );
    assert_eq!((&rest["total"], &rest["dry_run"]), (&2.into(), &true.into()));
    assert_eq!(scene.json(&["purge", "--all"])["purged"].as_array().unwrap().len(), 2);
    assert_eq!(scene.total(), 0);
    assert_eq!(scene.dlq(&["list"]).stdout, "0 dead letters\n");
    assert_eq!(scene.json(&["list"]), serde_json::json!({ "letters": [], "counts": [], "total": 0 }));
}

#[tokio::test]
async fn an_event_that_the_catalogue_does_not_have_is_reported() {
    let scene = Scene::new().await;

    let run = scene.dlq(&["list", "--event", "rule.activatd"]);

    assert_eq!((run.status, run.stdout.as_str()), (0, "0 dead letters\n"), "{run:?}");
    let warning = "warning: the catalogue has no event \"rule.activatd\"";
    assert!(run.stderr.contains(warning), "{run:?}");

    for command in ["purge", "replay"] {
        let run = scene.dlq(&[command, "--event", "rule.activatd"]);
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains("the catalogue has no event \"rule.activatd\""), "{run:?}");
    }
    assert_eq!(scene.total(), 3);
}

#[tokio::test]
async fn nothing_is_done_to_dead_letters_that_nobody_chose() {
    let scene = Scene::new().await;

    for command in ["replay", "purge"] {
        let none = scene.dlq(&[command]);
        let both = scene.dlq(&[command, "1", "--all"]);
        let filtered = scene.dlq(&[command, "1", "--consumer", "loyalty"]);

        assert_eq!([none.status, both.status, filtered.status], [2; 3]);
        assert!(none.stderr.contains("--all") && both.stderr.contains("exclude"), "{none:?} {both:?}");
    }
    assert_eq!(scene.total(), 3);
}

#[test]
fn a_filter_that_means_nothing_is_refused() {
    let folder = Folder::with(&[("eventsmith.toml", "root = \"rules\"\n")]);

    for arguments in [["--reason", "bored"], ["--older-than", "5"], ["--consumer", "a.>"]] {
        let run = folder.run(&[&["dlq", "list"], arguments.as_slice()].concat());
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
        assert!(run.stderr.contains(arguments[0]), "{run:?}");
    }
}

#[tokio::test]
async fn without_a_stream_for_dead_letters_nothing_can_be_said() {
    let server = NatsServer::start().await.unwrap();
    let folder = Folder::with(&[("eventsmith.toml", "root = \"rules\"\n")]);

    let run = folder.run(&["dlq", "list", "--server", &server.url()]);

    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("rules.dlq.>") && run.stderr.contains("eventsmith.toml"), "{run:?}");
}

#[tokio::test]
async fn what_the_server_gave_up_on_is_recovered_without_an_instance_of_the_service() {
    let server = NatsServer::start().await.unwrap();
    let config = Config { servers: vec![server.url().into()], ..Config::default() };
    let bus = Bus::connect(config).await.unwrap();
    let folder = Folder::with(&[("eventsmith.toml", "root = \"rules\"\n")]);
    let once = ConsumerDescriptor::DEFAULT.ack_wait(Duration::from_millis(100)).max_deliver(1);
    let topology = Topology::from(&[RULES, LETTERS]).with_service("promotions", &[Activated::SUBJECT], &once);
    bus.provision(topology).await.unwrap();
    bus.publish(&Activated { rule_id: "r1".to_owned() }).await.unwrap();
    let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let consumer: PullConsumer = context.get_consumer_from_stream("promotions", "RULES").await.unwrap();
    drop(consumer.fetch().max_messages(1).messages().await.unwrap().next().await.unwrap().unwrap());
    // The server reports it when somebody asks for more after `ack_wait`.
    while bus
        .status(None)
        .await
        .unwrap()
        .streams
        .iter()
        .all(|stream| stream.messages < 1 || stream.settings.name == "RULES")
    {
        let _ =
            consumer.fetch().max_messages(1).expires(Duration::from_millis(200)).messages().await.unwrap().next().await;
    }

    let recover = || folder.run(&["dlq", "recover", "RULES", "promotions", "--server", &server.url()]);
    let (first, second) = (recover(), recover());

    assert_eq!(first.status, 0, "{first:?}");
    assert_eq!(first.stdout.trim(), "1 dead-lettered by advisories, 0 by the search, 0 without a dead letter");
    assert_eq!(second.stdout.trim(), "0 dead-lettered by advisories, 0 by the search, 0 without a dead letter");
}
