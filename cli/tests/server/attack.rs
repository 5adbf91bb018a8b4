//! Every user tries everything: what its service declares is let through, all else is denied, and nothing by silence.

use std::collections::BTreeSet;

use rules_events::SERVICES;

use crate::Outcome;
use crate::attempts::{may_publish, may_subscribe, subjects, wildcards};
use crate::scene::{Intruder, Scene};

/// Fewer than a client keeps of what a server tells it.
const AT_A_TIME: usize = 40;

/// What of these the server denies.
pub(crate) async fn denied(intruder: &Intruder, subjects: &[String], publishes: bool) -> Outcome<BTreeSet<String>> {
    let mut denied = BTreeSet::new();
    for some in subjects.chunks(AT_A_TIME) {
        let mut subscribers = Vec::new();
        for subject in some {
            if publishes {
                intruder.client.publish(subject.clone(), "".into()).await?;
            } else {
                subscribers.push(intruder.client.subscribe(subject.clone()).await?);
            }
        }
        denied.extend(intruder.denied().await?);
    }
    Ok(denied)
}

fn compare(who: &str, verb: &str, tried: &[String], denied: &BTreeSet<String>, may: &BTreeSet<String>) -> Vec<String> {
    let wrong = tried.iter().filter(|subject| denied.contains(*subject) == may.contains(*subject));
    let told = |subject: &String| {
        let is = if denied.contains(subject) { "may not" } else { "may" };
        format!("{who} {is} {verb} {subject}")
    };
    let unknown =
        may.iter().filter(|subject| !tried.contains(subject)).map(|subject| format!("{subject} was not tried"));
    wrong.map(told).chain(unknown).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn services_may_do_what_they_declare_and_nothing_else() -> Outcome {
    let scene = Scene::start(1).await?;
    scene.provision()?;
    let (published, subscribed) = (subjects(), [subjects(), wildcards()].concat());
    let (mut tried, mut refused, mut wrong) = (0, 0, Vec::new());

    for service in SERVICES {
        let user = format!("services/{}", service.name);
        let intruder = scene.client(&user).await?;
        for (publishes, all, may) in
            [(true, &published, may_publish(service)), (false, &subscribed, may_subscribe(service))]
        {
            let denied = denied(&intruder, all, publishes).await?;
            tried += all.len();
            refused += denied.len();
            wrong.extend(compare(&user, if publishes { "publish" } else { "subscribe" }, all, &denied, &may));
        }
    }

    println!("{} services, {tried} attempts, {refused} denied", SERVICES.len());
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 10_000 && refused > 9_000, "{tried} {refused}");
    Ok(())
}

/// What operators may not, each of them: a key that was stolen opens one thing.
#[tokio::test(flavor = "multi_thread")]
async fn operators_may_do_what_they_are_for() -> Outcome {
    let scene = Scene::start(1).await?;
    scene.provision()?;
    let all = subjects();
    let changes = |subject: &str| {
        let is_reading = ["INFO", "NAMES", "LIST", "MSG.GET", "DIRECT.GET", "SNAPSHOT"];
        let is_api = subject.starts_with("$JS.API.");
        !(is_api && is_reading.iter().any(|call| subject.contains(&format!(".{call}"))))
    };
    // A consumer that is made for reading, and asked for messages, changes nothing of what is there.
    let is_for_reading = |subject: &str| subject.contains(".evil") || subject.starts_with("$JS.FC.");
    let mut refused = 0;

    for (user, allowed) in [
        ("operators/exporter", &[][..]),
        ("operators/backup", &["$JS.SNAPSHOT.ACK."]),
        (
            "operators/restore",
            &[
                "$JS.API.STREAM.RESTORE.",
                "$JS.SNAPSHOT.ACK.",
                "$JS.API.STREAM.DELETE.",
                "$JS.API.STREAM.UPDATE.",
                "$JS.API.CONSUMER.CREATE.",
            ],
        ),
    ] {
        let intruder = scene.client(user).await?;
        let own = format!("_INBOX.{}.", user.replace('/', "."));
        let denied = denied(&intruder, &all, true).await?;
        refused += denied.len();
        let wrong: Vec<&String> = all
            .iter()
            .filter(|subject| changes(subject) && !is_for_reading(subject) && !denied.contains(*subject))
            .filter(|subject| !subject.starts_with(&own) && !allowed.iter().any(|start| subject.starts_with(start)))
            .collect();
        assert!(wrong.is_empty(), "{user} may publish {wrong:?}");
    }
    for (user, never) in [
        (
            "operators/provision",
            &["rules.domain.", "rules.command.", "$KV.", "MSG.GET", "PURGE", "STREAM.DELETE", "MSG.NEXT"][..],
        ),
        (
            "operators/operator",
            &[
                "STREAM.CREATE",
                "STREAM.UPDATE",
                "STREAM.DELETE",
                "STREAM.SNAPSHOT.",
                "STREAM.RESTORE.",
                "rules.command.",
                "MSG.NEXT.RULES_RULE.promotions",
                "CONSUMER.DELETE.RULES_RULE.promotions",
                "CREATE.RULES_RULE.promotions",
                "$SYS.",
                "ACCOUNT.PURGE",
            ],
        ),
    ] {
        let intruder = scene.client(user).await?;
        let denied = denied(&intruder, &all, true).await?;
        refused += denied.len();
        let meant = |subject: &&String| never.iter().any(|part| subject.contains(part));
        let wrong: Vec<&String> = all.iter().filter(meant).filter(|subject| !denied.contains(*subject)).collect();
        assert!(wrong.is_empty(), "{user} may publish {wrong:?}");
    }
    println!("5 operators, {} attempts, {refused} denied", 5 * all.len());
    Ok(())
}
