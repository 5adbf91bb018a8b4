//! Who is not known is not let in; who was known is not any more; keys change while programs run.

use std::fs;
use std::time::Duration;

use eventsmith::{Bus, Config, ConnectError};
use nkeys::KeyPair;
use rules_events::evaluation::EvaluationStarted;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::Outcome;
use crate::scene::{PATIENCE, SCHEMAS, Scene, run, said, text};
use crate::verified::expired;
use crate::works::event;

const USER: &str = "services/rules-evaluation";

async fn refusal(config: Config) -> ConnectError {
    Bus::connect(config).await.map(drop).unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_of_ours_or_against_another_authority_nobody_connects() -> Outcome {
    let scene = Scene::start(1).await?;
    let known = scene.config(USER);
    let stranger = KeyPair::new_user().seed()?;

    let unknown = Config { nkey_seed_file: None, nkey_seed: Some(stranger.into()), ..known.clone() };
    let nobody = Config { nkey_seed_file: None, ..known.clone() };
    let password =
        Config { nkey_seed_file: None, user: Some("promotions".into()), password: Some("x".into()), ..known.clone() };
    for config in [unknown, nobody, password] {
        let error = refusal(config).await;
        assert!(matches!(error, ConnectError::Unauthorized { .. }), "{error:?}");
    }
    // The authority of routes is none for clients, and one of somebody else is none at all.
    let others = scene.path("others");
    let made = run(&["server", "keys", "--schemas", SCHEMAS, "--out", text(&others)]);
    assert!(made.status.success(), "{}", said(&made));
    for authority in [scene.path("keys/tls/route-ca.crt"), others.join("tls/ca.crt")] {
        let error = refusal(Config { tls_ca_file: Some(authority), ..known.clone() }).await;
        assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
    }
    Bus::connect(known).await?.shutdown().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_is_not_answered() -> Outcome {
    let scene = Scene::start(1).await?;
    let port = scene.port();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"CONNECT {\"verbose\":true}\r\nPUB rules.domain.x 0\r\n\r\nPING\r\n").await?;
    let mut said = Vec::new();

    let ended = timeout(PATIENCE, stream.read_to_end(&mut said)).await;

    let said = String::from_utf8_lossy(&said);
    assert!(ended.is_ok() && !said.contains("PONG") && !said.contains("+OK"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_while_programs_run() -> Outcome {
    let scene = Scene::start(1).await?;
    scene.provision()?;
    let bus = scene.bus(USER).await?;
    let before = fs::read_to_string(scene.path(&format!("keys/{USER}.nk")))?;
    bus.publish(&event::<EvaluationStarted>()?).await?;

    scene.keys(&["--rotate", USER])?;
    scene.write()?;
    scene.nodes[0].reload()?;
    let new_is_let_in = async || Bus::connect(scene.config(USER)).await.is_ok();
    until(new_is_let_in).await?;
    // The program of before is still there, and one more may start with the old key.
    bus.publish(&event::<EvaluationStarted>()?).await?;
    let old =
        || Config { nkey_seed_file: None, nkey_seed: Some(before.trim().to_owned().into()), ..scene.config(USER) };
    Bus::connect(old()).await?.shutdown().await?;

    scene.keys(&["--retire", USER])?;
    scene.write()?;
    scene.nodes[0].reload()?;
    until(async || Bus::connect(old()).await.is_err()).await?;

    // It was sent away with its old key, and has come back with the new one.
    let stored = bus.publish(&event::<EvaluationStarted>()?).await?;
    assert_eq!(stored.sequence, 3);
    let error = refusal(old()).await;
    assert!(matches!(error, ConnectError::Unauthorized { .. }), "{error:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_certificate_has_expired_is_not_believed() -> Outcome {
    let mut scene = Scene::start(1).await?;
    Bus::connect(scene.config(USER)).await?.shutdown().await?;
    scene.nodes[0].kill();
    expired(&scene.path("keys/tls"), "rules-1", "localhost")?;
    scene.nodes[0].start_again()?;

    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = refusal(scene.config(USER)).await;
        if matches!(error, ConnectError::Tls { .. }) {
            assert!(error.to_string().to_lowercase().contains("expired"), "{error}");
            return Ok(());
        }
        // It has not started yet.
        assert!(Instant::now() < deadline, "{error:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_revoked_is_sent_away_by_one_file() -> Outcome {
    let scene = Scene::start(1).await?;
    scene.provision()?;
    let stolen = fs::read_to_string(scene.path(&format!("keys/{USER}.nk")))?;
    let thief = Config { nkey_seed_file: None, nkey_seed: Some(stolen.trim().to_owned().into()), ..scene.config(USER) };
    Bus::connect(thief.clone()).await?.shutdown().await?;
    let before = fs::read_to_string(scene.path("config/rules-1.conf"))?;

    scene.keys(&["--revoke", USER])?;
    scene.write_users()?;
    scene.nodes[0].reload()?;
    until(async || Bus::connect(thief.clone()).await.is_err()).await?;

    let error = refusal(thief).await;
    assert!(matches!(error, ConnectError::Unauthorized { .. }), "{error:?}");
    assert_eq!(before, fs::read_to_string(scene.path("config/rules-1.conf"))?);
    Bus::connect(scene.config(USER)).await?.publish(&event::<EvaluationStarted>()?).await?;
    Ok(())
}

async fn until(condition: impl AsyncFn() -> bool) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        if Instant::now() > deadline {
            return Err("it did not come".into());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
