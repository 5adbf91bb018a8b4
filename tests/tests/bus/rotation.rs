//! Credentials that change while a program runs.

use std::fs;
use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, ConsumeError, Received};
use jiff::Timestamp;
use nkeys::{KeyPair, KeyPairType};
use rules_events::rule::RuleGet;
use serde_json::json;
use tempfile::TempDir;

use crate::buckets::common::{COMPILED, Compiled};
use crate::common::*;
use crate::login::jwt;

/// A server of an operator, and a user whose credentials are in a file.
struct Scene {
    server: NatsServer,
    account: KeyPair,
    user: KeyPair,
    folder: TempDir,
}

impl Scene {
    async fn new() -> Outcome<Self> {
        let key = KeyPair::new;
        let (operator, account, system, user) =
            (key(KeyPairType::Operator), key(KeyPairType::Account), key(KeyPairType::Account), key(KeyPairType::User));
        let account_of = |storage: i64| {
            let limits = json!({
                "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "conn": -1, "leaf": -1,
                "mem_storage": storage, "disk_storage": storage, "streams": -1, "consumer": -1,
            });
            json!({ "type": "account", "version": 2, "limits": limits })
        };
        let config = format!(
            "operator: {}\nsystem_account: {sys}\nresolver: MEMORY\nresolver_preload: {{ {acc}: {}, {sys}: {} }}",
            jwt(&operator, &operator, json!({ "type": "operator", "version": 2 }), None)?,
            jwt(&operator, &account, account_of(-1), None)?,
            jwt(&operator, &system, account_of(0), None)?,
            sys = system.public_key(),
            acc = account.public_key(),
        );
        let server = NatsServer::builder().config(config).start().await?;
        Ok(Self { server, account, user, folder: TempDir::new()? })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("test.creds")
    }

    /// Writes the file as those do who renew it: at once.
    fn renew(&self, expires: Option<Timestamp>) -> Outcome {
        let claims = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            jwt(&self.account, &self.user, claims, expires)?,
            self.user.seed()?
        );
        let next = self.folder.path().join("next");
        fs::write(&next, text)?;
        Ok(fs::rename(next, self.file())?)
    }

    fn config(&self) -> Config {
        Config { credentials_file: Some(self.file()), ..config(self.server.url()) }
    }

    /// Waits until the server has ended a connection because its credentials expired.
    async fn until_expired(&self) -> Outcome {
        let wait = async {
            loop {
                let closed = self.server.monitor("/connz?state=closed").await?;
                let reasons = closed["connections"].as_array().into_iter().flatten();
                if reasons.filter_map(|it| it["reason"].as_str()).any(|reason| reason.contains("Expired")) {
                    return Outcome::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await?
    }
}

/// The shortest time that lies ahead: claims count in seconds.
fn soon() -> Outcome<Timestamp> {
    Ok(Timestamp::now().checked_add(jiff::SignedDuration::from_secs(3))?)
}

#[tokio::test]
async fn credentials_that_are_renewed_before_they_expire_are_used_when_they_do() -> Outcome {
    let scene = Scene::new().await?;
    scene.renew(Some(soon()?))?;
    let bus = Bus::connect(scene.config()).await?;
    bus.provision(&[STREAM, DEAD_LETTERS]).await?;
    let (consumer, mut told) = run_and_tell(&bus);
    bus.publish(&activated("before")).await?;
    assert_eq!(next(&mut told).await?, "before");

    scene.renew(None)?;
    scene.until_expired().await?;
    bus.publish(&activated("after")).await?;

    assert_eq!(next(&mut told).await?, "after");
    assert_eq!(consumer.stop().await?.handled, 2);
    Ok(())
}

#[tokio::test]
async fn a_consumer_that_is_not_let_in_any_more_ends_with_an_error() -> Outcome {
    let scene = Scene::new().await?;
    scene.renew(Some(soon()?))?;
    let config = Config { login_timeout: Duration::from_millis(500), ..scene.config() };
    let bus = Bus::connect(config).await?;
    bus.provision(&[STREAM, DEAD_LETTERS]).await?;
    let consumer = bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) });

    let ended = consumer.run(std::future::pending::<()>());
    let error = tokio::time::timeout(Duration::from_secs(60), ended).await?.unwrap_err();

    assert!(matches!(&error, ConsumeError::Unauthorized { stream, .. } if stream == STREAM.name), "{error}");
    assert!(error.to_string().contains("500ms"), "{error}");
    Ok(())
}

#[tokio::test]
async fn whoever_listens_and_is_not_let_in_any_more_ends_with_an_error() -> Outcome {
    let scene = Scene::new().await?;
    scene.renew(None)?;
    let operator = Bus::connect(scene.config()).await?;
    operator.provision(&[COMPILED]).await?;
    scene.renew(Some(soon()?))?;
    let config = Config { login_timeout: Duration::from_millis(500), ..scene.config() };
    let bus = Bus::connect(config).await?;
    let service = bus.service("rules").answer(async |_: Received<RuleGet>| Err("nobody asks".into()));
    let mut events = bus.subscribe::<Activated>().await?;
    let mut watcher = bus.bucket::<Compiled>().watch(">").await?;

    let all = async { tokio::join!(service.run(pending::<()>()), events.next(), watcher.next()) };
    let (service, event, change) = tokio::time::timeout(Duration::from_secs(60), all).await?;

    let told = [
        service.unwrap_err().to_string(),
        event.unwrap().unwrap_err().to_string(),
        change.unwrap().unwrap_err().to_string(),
    ];
    assert!(told.iter().all(|text| text.contains("refused the login for 500ms")), "{told:?}");
    assert!(events.next().await.is_none() && watcher.next().await.is_none());
    Ok(())
}

#[tokio::test]
async fn a_password_a_token_and_a_seed_may_be_in_files() -> Outcome {
    let (folder, key) = (TempDir::new()?, KeyPair::new_user());
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("{text}\n")).map(|()| path)
    };
    let (secret, seed) = (file("secret", "lovelace")?, file("seed", &key.seed()?)?);
    let user = format!("{{ nkey: {} }}, {{ user: ada, password: lovelace }}", key.public_key());
    let users = NatsServer::builder().config(format!("authorization {{ users: [ {user} ] }}")).start().await?;
    let tokens = NatsServer::builder().config("authorization { token: lovelace }").start().await?;

    for config in [
        Config { user: Some("ada".to_owned()), password_file: Some(secret.clone()), ..config(users.url()) },
        Config { nkey_seed_file: Some(seed), ..config(users.url()) },
        Config { token_file: Some(secret), ..config(tokens.url()) },
    ] {
        Bus::connect(config).await?.provision(&[STREAM]).await?;
    }
    Ok(())
}
