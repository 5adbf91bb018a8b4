//! What `eventsmith server` and `eventsmith permissions` write, print and refuse.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::Outcome;
use crate::process::is_accepted;
use crate::scene::{SCHEMAS, run, said, text};

fn keys(folder: &TempDir) -> String {
    let keys = text(&folder.path().join("keys")).to_owned();
    let made = run(&["server", "keys", "--schemas", SCHEMAS, "--cluster", "--out", &keys]);
    assert!(made.status.success(), "{}", said(&made));
    keys
}

fn config<'a>(keys: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["server", "config", "--schemas", SCHEMAS, "--keys", keys, "--out", out], more].concat()
}

#[test]
fn the_server_takes_configurations_without_secrets_and_drift_is_told() -> Outcome {
    let folder = TempDir::new()?;
    let keys = keys(&folder);
    let out = folder.path().join("config");
    let tls = format!("{keys}/tls");
    let store = text(&folder.path().join("store")).to_owned();
    let more = ["--cluster", "--tls", &tls, "--store", &store, "--log-file", "/tmp/nats.log"];

    let written = run(&config(&keys, text(&out), &more));
    assert!(written.status.success(), "{}", said(&written));
    for number in 1..=3 {
        let file = out.join(format!("rules-{number}.conf"));
        let (is_accepted, said) = is_accepted(&file)?;
        assert!(is_accepted, "{said}");
        let config = fs::read_to_string(&file)?;
        for seed in seeds(Path::new(&keys))? {
            assert!(!config.contains(seed.trim()));
        }
        assert!(!config.contains("PRIVATE KEY") && config.contains("sync_interval: \"5s\""));
        assert!(!config.contains("nkey") && config.contains("include \"users.conf\""));
    }
    assert!(fs::read_to_string(out.join("users.conf"))?.contains("services/promotions"));

    let check = run(&config(&keys, text(&out), &[&more[..], &["--check"]].concat()));
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));
    let file = out.join("rules-2.conf");
    fs::write(&file, fs::read_to_string(&file)?.replace("max_payload: 1048576", "max_payload: 8388608"))?;
    let check = run(&config(&keys, text(&out), &[&more[..], &["--check"]].concat()));
    let text = said(&check);
    assert_eq!(check.status.code(), Some(1), "{text}");
    assert!(text.contains("-max_payload: 8388608\n+max_payload: 1048576") && text.contains("1 stale"), "{text}");
    Ok(())
}

fn seeds(folder: &Path) -> Outcome<Vec<String>> {
    let mut seeds = Vec::new();
    for below in ["services", "operators"] {
        for entry in fs::read_dir(folder.join(below))? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "nk") {
                seeds.push(fs::read_to_string(path)?);
            }
        }
    }
    assert!(seeds.len() >= 15, "{}", seeds.len());
    Ok(seeds)
}

#[test]
fn one_server_for_three_replicas_or_too_little_room_is_refused_with_figures() -> Outcome {
    let folder = TempDir::new()?;
    let keys = keys(&folder);
    let out = text(&folder.path().join("config")).to_owned();

    let alone = run(&config(&keys, &out, &[]));
    let small = run(&config(&keys, &out, &["--replicas", "1", "--max-file", "5GiB"]));
    let enough = run(&config(&keys, &out, &["--replicas", "1", "--max-file", "100GiB"]));
    let even = run(&config(&keys, &out, &["--node", "a=a", "--node", "b=b"]));
    let missing = run(&config(text(folder.path()), &out, &["--replicas", "1"]));

    assert_eq!(alone.status.code(), Some(2));
    assert!(said(&alone).contains("RULES_RULE is to have 3 replicas, and there are 1 nodes"), "{}", said(&alone));
    let text = said(&small);
    assert!(
        small.status.code() == Some(2)
            && text.contains("is given 5 GiB: 3 streams have limits")
            && text.contains("on rules-1 "),
        "{text}"
    );
    assert!(enough.status.success(), "{}", said(&enough));
    assert!(said(&even).contains("three nodes, or five"), "{}", said(&even));
    assert!(said(&missing).contains("there is no public key of services/calculator"), "{}", said(&missing));
    Ok(())
}

#[cfg(unix)]
#[test]
fn secrets_are_for_their_owner_alone_and_rotation_keeps_the_last_key() -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = TempDir::new()?;
    let keys = keys(&folder);
    let mode =
        |path: &str| Ok::<_, std::io::Error>(fs::metadata(format!("{keys}/{path}"))?.permissions().mode() & 0o777);
    for path in
        ["services/promotions.nk", "operators/system.nk", "tls/ca.key", "tls/rules-1.key", "tls/rules-1.route.key"]
    {
        assert_eq!(mode(path)?, 0o600, "{path}");
    }
    let public = || fs::read_to_string(format!("{keys}/services/promotions.pub"));
    let (first, other) = (public()?, fs::read_to_string(format!("{keys}/services/coupons.pub"))?);

    for option in ["--rotate", "--retire"] {
        let done =
            run(&["server", "keys", "--schemas", SCHEMAS, "--cluster", "--out", &keys, option, "services/promotions"]);
        assert!(done.status.success(), "{}", said(&done));
        let lines = public()?;
        assert_eq!(
            (lines.lines().count(), lines.contains(first.trim())),
            if option == "--rotate" { (2, true) } else { (1, false) }
        );
    }
    assert_eq!(other, fs::read_to_string(format!("{keys}/services/coupons.pub"))?);
    let unknown = run(&["server", "keys", "--schemas", SCHEMAS, "--out", &keys, "--rotate", "services/promotion"]);
    assert!(unknown.status.code() == Some(2) && said(&unknown).contains("there is no user services/promotion"));
    Ok(())
}

#[test]
fn a_permission_is_explained_by_the_line_that_gives_it_or_would() {
    let explain = |arguments: &[&str]| {
        let output = run(&[&["permissions", "explain", "--schemas", SCHEMAS], arguments].concat());
        (output.status.code(), said(&output))
    };

    let (status, allowed) = explain(&["promotions", "rules.domain.promotion.created.p1"]);
    assert_eq!(status, Some(0), "{allowed}");
    assert!(allowed.contains("it publishes promotion.created") && allowed.contains("eventsmith.toml:"), "{allowed}");
    let (status, denied) = explain(&["promotions", "rules.domain.rule.activated.r1", "--verb", "subscribe"]);
    assert_eq!(status, Some(1), "{denied}");
    assert!(denied.contains("it receives rule.activated all the same, by its durable consumer"), "{denied}");
    let (status, hinted) = explain(&["promotions", "rules.command.coupon.reserve"]);
    assert_eq!(status, Some(1), "{hinted}");
    assert!(hinted.contains("`asks` with \"coupon.reserve\" in [services.promotions] would give it"), "{hinted}");
    let (status, durable) = explain(&["operators/operator", "$JS.API.CONSUMER.DELETE.RULES_RULE.promotions"]);
    assert!(status == Some(1) && durable.contains("taken away by"), "{durable}");
    let (status, _) = explain(&["promotions", "rules..x"]);
    assert_eq!(status, Some(2));
}

const EVENT: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}"#;

#[test]
fn what_a_change_opens_is_a_finding_and_what_it_closes_is_advice() -> Outcome {
    let folder = TempDir::new()?;
    let write = |name: &str, services: &str| -> Outcome {
        let dir = folder.path().join(name);
        fs::create_dir_all(dir.join("domain/order"))?;
        fs::write(dir.join("domain/order/placed.v1.json"), EVENT)?;
        fs::write(dir.join("domain/order/paid.v1.json"), EVENT)?;
        let manifest = "root = \"shop\"\n[streams.ORDERS]\nsubjects = [\"shop.domain.>\"]\n";
        fs::write(dir.join("eventsmith.toml"), format!("{manifest}{services}"))?;
        Ok(())
    };
    write("before", "[services.orders]\npublishes = [\"order.placed\"]\n")?;
    write("after", "[services.orders]\npublishes = [\"order.placed\", \"order.paid\"]\n")?;
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let diff = |now: &str, before: &str, format: &str| {
        run(&["permissions", "diff", "--schemas", &path(now), "--against", &path(before), "--format", format])
    };

    let opened = diff("after", "before", "json");
    let closed = diff("before", "after", "text");
    let same = diff("after", "after", "text");

    assert_eq!(opened.status.code(), Some(1), "{}", said(&opened));
    let found: Value = serde_json::from_slice(&opened.stdout)?;
    let rules: Vec<&str> = found["findings"].as_array().unwrap().iter().filter_map(|it| it["rule"].as_str()).collect();
    assert!(rules.contains(&"opened-permission"), "{found}");
    assert_eq!(
        (
            &found["findings"][0]["line"],
            found["findings"][0]["message"].as_str().unwrap().contains("shop.domain.order.paid")
        ),
        (&5.into(), true),
        "{found}"
    );
    assert_eq!(closed.status.code(), Some(0), "{}", said(&closed));
    assert!(
        said(&closed).contains("advice[closed-permission]") && said(&closed).contains("0 opened"),
        "{}",
        said(&closed)
    );
    assert_eq!((same.status.code(), same.stdout.is_empty()), (Some(0), true), "{}", said(&same));
    Ok(())
}

#[test]
fn what_reaches_a_service_by_filters_and_streams_is_told_by_its_cause() -> Outcome {
    let folder = TempDir::new()?;
    let write = |name: &str, streams: &str, consumes: &str| -> Outcome {
        let dir = folder.path().join(name);
        fs::create_dir_all(dir.join("domain/order"))?;
        fs::write(dir.join("domain/order/placed.v1.json"), EVENT)?;
        fs::write(dir.join("domain/order/paid.v1.json"), EVENT)?;
        let manifest = format!("root = \"shop\"\n[streams.ORDERS]\nsubjects = {streams}\n");
        fs::write(dir.join("eventsmith.toml"), format!("{manifest}[services.mail]\nconsumes = {consumes}\n"))?;
        Ok(())
    };
    write("before", "[\"shop.domain.order.*\"]", "[\"order.placed\"]")?;
    write("wider", "[\"shop.domain.>\"]", "[\"order.placed\"]")?;
    write("more", "[\"shop.domain.>\"]", "[\"order.placed\", \"order.paid\"]")?;
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let diff = |now: &str, before: &str| {
        let arguments = ["permissions", "diff", "--schemas", &path(now), "--against", &path(before)];
        run(&[&arguments[..], &["--markdown", &path("comment.md")]].concat())
    };

    // Nothing of the permissions has changed: the stream that it reads is another one.
    let wider = diff("wider", "before");
    assert_eq!(wider.status.code(), Some(1), "{}", said(&wider));
    assert!(said(&wider).contains("services/mail may read shop.domain.> now: ORDERS captures it"), "{}", said(&wider));
    let more = diff("more", "wider");
    assert_eq!(more.status.code(), Some(1), "{}", said(&more));
    assert!(said(&more).contains("services/mail may receive shop.domain.order.paid now: it consumes order.paid"));
    let comment = fs::read_to_string(path("comment.md"))?;
    assert!(
        comment.contains("**services/mail**") && comment.contains("| **opens** | it consumes order.paid, "),
        "{comment}"
    );
    assert!(comment.contains("receive `shop.domain.order.paid`"), "{comment}");
    let fewer = diff("before", "more");
    assert_eq!(fewer.status.code(), Some(0), "{}", said(&fewer));
    Ok(())
}
