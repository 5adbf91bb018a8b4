//! Who makes a consumer chooses where the server delivers to, whatever that user may publish: so no service makes one.

use std::collections::BTreeSet;

use rules_events::{BUCKETS, SERVICES};
use serde_json::{Value, json};

use crate::Outcome;
use crate::attempts::topology;
use crate::scene::Scene;

/// Fewer than a client keeps of what a server tells it.
const AT_A_TIME: usize = 40;

/// The subject of a request, and what it says.
fn wishes(stream: &str, names: &[&str], filters: &[String], targets: &[String]) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (number, name) in names.iter().enumerate() {
        for (filter, target) in filters.iter().flat_map(|filter| targets.iter().map(move |target| (filter, target))) {
            let config =
                json!({ "name": name, "filter_subject": filter, "deliver_subject": target, "ack_policy": "none" });
            let request = json!({ "stream_name": stream, "config": config, "action": "create" });
            all.push((format!("$JS.API.CONSUMER.CREATE.{stream}.{name}.{filter}"), request.clone()));
            all.push((format!("$JS.API.CONSUMER.CREATE.{stream}.{name}"), request.clone()));
            let durable = json!({ "durable_name": name, "deliver_subject": target, "ack_policy": "none" });
            let request = json!({ "stream_name": stream, "config": durable });
            all.push((format!("$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{name}"), request.clone()));
            if number == 0 {
                all.push((format!("$JS.API.CONSUMER.CREATE.{stream}"), request));
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_service_makes_a_consumer_that_delivers_elsewhere() -> Outcome {
    let scene = Scene::start(1).await?;
    scene.provision()?;
    let topology = topology();
    let wanted: BTreeSet<(String, String)> =
        topology.consumers.iter().map(|consumer| (consumer.stream.clone(), consumer.name.clone())).collect();
    let mut tried = 0;

    for service in SERVICES {
        let intruder = scene.client(&format!("services/{}", service.name)).await?;
        let targets = [
            "rules.domain.payment.captured.p1".to_owned(),
            "rules.command.rule.activate".to_owned(),
            "_INBOX.operators.operator.x1".to_owned(),
            format!("_INBOX.services.{}.x1", service.name),
        ];
        let buckets = BUCKETS.iter().map(|bucket| format!("KV_{}", bucket.name));
        for stream in topology.streams.iter().map(|stream| stream.name.clone()).chain(buckets).collect::<BTreeSet<_>>()
        {
            let own = topology.consumers.iter().filter(|consumer| consumer.stream == stream);
            let names: Vec<&str> = ["evil", "eventsmith-0123456789abcdef"]
                .into_iter()
                .chain(own.map(|consumer| consumer.name.as_str()))
                .collect();
            let keys = stream.strip_prefix("KV_").map(|bucket| format!("$KV.{bucket}.>"));
            let filters: Vec<String> = [">".to_owned(), "rules.domain.>".to_owned()].into_iter().chain(keys).collect();
            for some in wishes(&stream, &names, &filters, &targets).chunks(AT_A_TIME) {
                for (subject, request) in some {
                    intruder.client.publish(subject.clone(), request.to_string().into()).await?;
                }
                let denied: BTreeSet<String> = intruder.denied().await?.into_iter().collect();
                let let_through: Vec<&String> =
                    some.iter().map(|(subject, _)| subject).filter(|subject| !denied.contains(*subject)).collect();
                assert!(let_through.is_empty(), "{}: {let_through:?}", service.name);
                tried += some.len();
            }
        }
    }

    println!("{} services, {tried} consumers tried, all denied", SERVICES.len());
    assert!(tried > 10_000, "{tried}");
    // Nothing was made, and nothing that was there is another one.
    let operator = scene.client("operators/operator").await?;
    for stream in &topology.streams {
        let request = operator.client.request(format!("$JS.API.CONSUMER.NAMES.{}", stream.name), "".into()).await?;
        let answer: Value = serde_json::from_slice(&request.payload)?;
        for name in answer["consumers"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(wanted.contains(&(stream.name.clone(), name.to_owned())), "{} has {name}", stream.name);
        }
    }
    let planned = scene.run_as("operators/provision", &["streams", "plan"]);
    assert!(planned.status.success(), "{}", crate::scene::said(&planned));
    Ok(())
}
