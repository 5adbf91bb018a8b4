//! `eventsmith streams`, through the binary, against a real server.

use crate::support::{Folder, Run};
use eventsmith::admin::{BusAdmin, Topology};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config};
use rules_events::{BUCKETS, CATALOGUE, SERVICES, STREAMS};
use serde_json::Value;

const MANIFEST: &str = r#"root = "rules"

[streams.RULES]
subjects = ["rules.domain.>"]
max_age = "7d"
replicas = 3

[streams.LETTERS]
subjects = ["rules.dlq.>"]
atomic = false

[services.promotions]
consumes = ["rule.created"]

[services.promotions.consumer]
ack_wait = "1m"
max_ack_pending = 100
max_deliver = 20
deliver = "new"
"#;

/// A catalogue with a service that consumes, and a server.
async fn folder_and_server() -> (Folder, NatsServer) {
    let folder = Folder::with(&[("eventsmith.toml", MANIFEST), ("domain/rule/created.v1.json", "true")]);
    (folder, NatsServer::start().await.unwrap())
}

fn streams(folder: &Folder, server: &NatsServer, arguments: &[&str]) -> Run {
    let url = server.url();
    let mut all = vec!["streams"];
    all.extend(arguments);
    all.extend(["--server", url.as_str()]);
    folder.run(&all)
}

#[tokio::test]
async fn a_plan_is_printed_applied_and_then_empty() {
    let (folder, server) = folder_and_server().await;

    let plan = streams(&folder, &server, &["plan", "--replicas", "1"]);
    let verbose = streams(&folder, &server, &["plan", "--replicas", "1", "--verbose"]);
    let applied = streams(&folder, &server, &["apply", "--replicas", "1"]);
    let again = streams(&folder, &server, &["apply", "--replicas", "1"]);
    let empty = streams(&folder, &server, &["plan", "--replicas", "1"]);

    assert_eq!((plan.status, plan.stderr.as_str()), (1, ""), "{plan:?}");
    let lines: Vec<&str> = plan.stdout.lines().map(|line| line.split(" (and ").next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "+ stream LETTERS: subjects $JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.RULES.*, rules.dlq.>, max_age unlimited, replicas 1",
            "+ stream RULES: subjects rules.domain.>, max_age 7d, replicas 1",
            "+ consumer promotions of RULES: filters rules.domain.rule.created",
            "    note: it begins with what is published from now on",
            "3 to create, 0 to update, 0 to recreate, 0 refused, 0 as they should be",
        ]
    );
    for line in [
        "+ stream RULES",
        "    max_age 7d",
        "    replicas 1",
        "    subjects $JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.RULES.*, rules.dlq.>",
        "+ consumer promotions of RULES",
        "    filters rules.domain.rule.created",
        "    ack_wait 1m",
        "    max_ack_pending 100",
        "    max_deliver 20",
        "3 to create, 0 to update, 0 to recreate, 0 refused, 0 as they should be",
    ] {
        assert!(verbose.stdout.lines().any(|found| found == line), "{line}: {}", verbose.stdout);
    }
    assert_eq!((applied.status, applied.stdout, &*applied.stderr), (0, plan.stdout, "3 changes applied\n"));
    let nothing = "0 to create, 0 to update, 0 to recreate, 0 refused, 3 as they should be\n";
    assert_eq!((again.status, again.stdout.as_str(), again.stderr.as_str()), (0, nothing, "0 changes applied\n"));
    assert_eq!((empty.status, empty.stdout.as_str()), (0, nothing));
}

#[tokio::test]
async fn what_is_refused_keeps_everything_as_it_is() {
    let (folder, server) = folder_and_server().await;
    streams(&folder, &server, &["apply", "--replicas", "1"]);
    let other = MANIFEST.replace("max_age = \"7d\"", "storage = \"memory\"").replace("\"1m\"", "\"2m\"");
    folder.write("eventsmith.toml", &other);

    let refused = streams(&folder, &server, &["apply", "--replicas", "1"]);
    let plan = streams(&folder, &server, &["plan", "--replicas", "1", "--format", "json"]);

    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stdout.contains("! stream RULES: storage file -> memory\n    refused: "), "{refused:?}");
    assert!(refused.stdout.contains("~ consumer promotions of RULES: ack_wait 1m -> 2m\n"), "{refused:?}");
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let change = plan["changes"].as_array().unwrap().iter().find(|change| change["consumer"] == "promotions").unwrap();
    assert_eq!(change["action"], "update");
    let field = &change["fields"][0];
    assert_eq!(
        (&field["field"], &field["from"], &field["to"], &field["effect"]),
        (&"ack_wait".into(), &"1m".into(), &"2m".into(), &"update".into())
    );
}

#[tokio::test]
async fn the_status_is_a_table_and_an_object() {
    let (folder, server) = folder_and_server().await;

    let before = streams(&folder, &server, &["status"]);
    streams(&folder, &server, &["apply", "--replicas", "1"]);
    let table = streams(&folder, &server, &["status"]);
    let object = streams(&folder, &server, &["status", "--format", "json"]);
    folder.write("eventsmith.toml", "no longer TOML");
    let all = streams(&folder, &server, &["status", "--all"]);

    assert_eq!(before.status, 1, "{before:?}");
    assert!(before.stdout.contains("missing: the stream RULES\n"), "{before:?}");
    assert!(before.stdout.contains("missing: the consumer promotions of RULES\n"), "{before:?}");
    assert_eq!((table.status, table.stderr.as_str()), (0, "2 streams, 0 missing\n"), "{table:?}");
    let words: Vec<Vec<&str>> = table.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(words.contains(&vec!["RULES", "0", "0", "0", "0", "7d", "unlimited", "unlimited"]), "{table:?}");
    assert!(words.contains(&vec!["promotions", "RULES", "0", "0", "0", "0", "0", "0"]), "{table:?}");
    let object: Value = serde_json::from_str(&object.stdout).unwrap();
    let stream = &object["streams"][1];
    assert_eq!((&stream["name"], &stream["max_age"], &stream["messages"]), (&"RULES".into(), &"7d".into(), &0.into()));
    assert_eq!((&stream["consumers"][0]["name"], &stream["consumers"][0]["lag"]), (&"promotions".into(), &0.into()));
    assert_eq!((all.status, all.stdout), (0, table.stdout));
}

#[tokio::test]
async fn a_configuration_comes_from_a_file_and_its_secrets_stay_there() {
    let accounts = "authorization { user: eventsmith, password: \"correct horse\" }";
    let server = NatsServer::builder().config(accounts).start().await.unwrap();
    let folder = Folder::with(&[("eventsmith.toml", MANIFEST), ("domain/rule/created.v1.json", "true")]);
    let connection = |password: &str| {
        format!("servers = [\"{}\"]\nuser = \"eventsmith\"\npassword = \"{password}\"\nreplicas = 1\n", server.url())
    };
    folder.write("right.toml", &connection("correct horse"));
    folder.write("wrong.toml", &connection("battery staple"));

    let right = folder.run(&["streams", "apply", "--config", "right.toml"]);
    let wrong = folder.run(&["streams", "plan", "--config", "wrong.toml"]);

    assert_eq!((right.status, right.stderr.as_str()), (0, "3 changes applied\n"), "{right:?}");
    assert_eq!((wrong.status, wrong.stdout.as_str()), (2, ""), "{wrong:?}");
    assert!(!wrong.stderr.contains("battery"), "{wrong:?}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let folder = Folder::with(&[("eventsmith.toml", MANIFEST), ("domain/rule/created.v1.json", "true")]);

    // Port 1 is reserved, and nobody listens there.
    let run = folder.run(&["streams", "status", "--server", "nats://127.0.0.1:1"]);

    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(run.stderr.contains("127.0.0.1:1"), "{run:?}");
}

#[tokio::test]
async fn the_catalogue_of_this_repository_and_the_code_that_is_generated_for_it_say_the_same() {
    let folder = Folder::with(&[]);
    let server = NatsServer::start().await.unwrap();
    let config = Config { servers: vec![server.url().into()], replicas: Some(1), ..Config::default() };
    let bus = Bus::connect(config).await.unwrap();
    bus.provision(Topology::of(CATALOGUE, STREAMS, SERVICES).with_buckets(BUCKETS)).await.unwrap();
    let schemas = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas");

    let plan = streams(&folder, &server, &["plan", "--replicas", "1", "--schemas", schemas]);

    assert_eq!(plan.status, 0, "{plan:?}");
    assert!(plan.stdout.starts_with("0 to create, 0 to update"), "{plan:?}");
    assert!(STREAMS.len() + SERVICES.len() > 4, "there is nothing to compare");
}
