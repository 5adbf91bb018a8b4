//! `eventsmith projections`, through the binary and against a real server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::StreamDescriptor;
use eventsmith::generated::Schema;
use eventsmith::state::{Generation, Projection, ProjectionConfig, ProjectionStore};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, DecodeError, Event, HandlerError, Invalid, Kind, Received};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::support::{Folder, Run};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const RULES: StreamDescriptor = StreamDescriptor::new("RULES", &["rules.domain.>"]);

#[derive(Serialize, Deserialize)]
struct Activated {
    rule_id: String,
}

impl Event for Activated {
    const TOKEN: eventsmith::generated::Token = eventsmith::generated::Token::of_generated_code();
    const KIND: Kind = Kind::Domain;
    const TYPE: &'static str = "rule.activated";
    const VERSION: u32 = 1;
    const SUBJECT: &'static str = "rules.domain.rule.activated";
    const SCHEMA: &'static str = "true";
    const KEY: Option<&'static str> = None;

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema = Schema::new(Activated::TYPE, Activated::VERSION, <Activated as Event>::SCHEMA);
        &SCHEMA
    }

    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }

    fn decode(version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(data).map_err(|_| Invalid::new(Self::TYPE, version, Vec::new()).into())
    }
}

/// Checkpoints alone.
#[derive(Clone, Default)]
struct Checkpoints(Arc<Mutex<HashMap<String, String>>>);

impl ProjectionStore for Checkpoints {
    type Transaction = ();

    async fn checkpoint(&self, name: &str, generation: Generation) -> Result<Option<String>, HandlerError> {
        Ok(self.0.lock().unwrap().get(&format!("{name} {generation}")).cloned())
    }

    async fn begin(&self, _: &str, _: Generation) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn commit(
        &self,
        (): (),
        name: &str,
        generation: Generation,
        expected: Option<&str>,
        checkpoint: &str,
    ) -> Result<bool, HandlerError> {
        let (mut all, key) = (self.0.lock().unwrap(), format!("{name} {generation}"));
        let is_expected = all.get(&key).map(String::as_str) == expected;
        if is_expected {
            all.insert(key, checkpoint.to_owned());
        }
        Ok(is_expected)
    }
}

fn projection(store: &Checkpoints) -> Projection<eventsmith::state::Transactions<Checkpoints>> {
    let config = ProjectionConfig { status_interval: Duration::from_millis(50), ..ProjectionConfig::default() };
    let handle = |event: Received<Activated>| match event.rule_id.as_str() {
        "odd" => Err(HandlerError::reject("an odd \u{1b}[31mrule")),
        _ => Ok(()),
    };
    Projection::in_store("rules", 1, store.clone())
        .config(config)
        .on(move |(): &mut (), event: Received<Activated>| async move { handle(event) }.boxed())
}

#[tokio::test]
async fn projections_are_listed_shown_and_built_anew() -> Outcome {
    let server = NatsServer::start().await?;
    let bus = Bus::connect(Config { servers: vec![server.url().into()], ..Config::default() }).await?;
    bus.provision(&[RULES]).await?;
    let (url, folder) = (server.url(), Arc::new(Folder::with(&[])));
    let run = async |arguments: &'static [&'static str]| -> Outcome<Run> {
        let (url, folder) = (url.clone(), Arc::clone(&folder));
        let ran = spawn_blocking(move || folder.run(&[&["projections"], arguments, &["--server", &url]].concat()));
        Ok(ran.await?)
    };
    let publish = async |rule_id: &str| bus.publish(&Activated { rule_id: rule_id.to_owned() }).await;

    let no_bucket = run(&["list"]).await?;
    let made = run(&["init"]).await?;
    let none = run(&["list"]).await?;
    let unknown = run(&["rebuild", "rules"]).await?;
    for rule_id in ["a", "odd", "b"] {
        publish(rule_id).await?;
    }
    let store = Checkpoints::default();
    projection(&store).catch_up(&bus).await?;
    publish("c").await?;
    let stopped = run(&["status", "rules"]).await?;
    let listed = run(&["list"]).await?;
    let json = run(&["status", "--format", "json"]).await?;
    let rebuilt = run(&["rebuild", "rules"]).await?;
    projection(&store).catch_up(&bus).await?;
    let after = run(&["list"]).await?;

    assert_eq!(no_bucket.status, 2, "{}", no_bucket.stdout);
    assert!(no_bucket.stderr.contains("eventsmith projections init"), "{}", no_bucket.stderr);
    assert_eq!((made.status, none.status, none.stdout.as_str()), (0, 0, ""), "{}{}", made.stderr, none.stderr);
    assert_eq!(unknown.status, 2, "{}", unknown.stdout);
    // It serves, and nobody makes it any more.
    assert_eq!(stopped.status, 1, "{}{}", stopped.stdout, stopped.stderr);
    let lines: Vec<&str> = stopped.stdout.lines().collect();
    assert_eq!(lines[0], "rules 1-1: stopped, serves, 1 behind at most");
    assert!(lines[1].starts_with("  RULES: at 3 of 4, last event of 20"), "{lines:?}");
    assert_eq!(lines[2], "  2 events projected, 1 left out");
    let left_out = "  left out last: message 2 of RULES (rules.domain.rule.activated): an odd \\u{1b}[31mrule";
    assert_eq!(lines[3], left_out);
    assert!(stopped.stderr.ends_with("1 read model, 1 stuck\n"), "{}", stopped.stderr);
    assert_eq!(listed.stdout, "rules 1-1: stopped, serves, 1 behind at most\n");
    let json: Value = serde_json::from_str(&json.stdout)?;
    let model = &json["projections"][0]["models"][0];
    assert_eq!((&json["projections"][0]["serving"], &model["behind"]), (&"1-1".into(), &1.into()));
    assert_eq!((&model["skipped"], &model["last_skipped"]["sequence"]), (&1.into(), &2.into()));
    assert_eq!((rebuilt.status, rebuilt.stdout.as_str()), (0, "1-2\n"), "{}", rebuilt.stderr);
    assert!(after.stdout.contains("rules 1-2: stopped, serves, up to date\n"), "{}", after.stdout);
    Ok(())
}
