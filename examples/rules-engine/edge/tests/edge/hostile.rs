//! Those who send too much, too slowly, or no HTTP at all.

use std::time::Duration;

use rules_engine_edge::api::{Api, ApiConfig};
use rules_engine_edge::serve::Limits;
use rules_events::CATALOGUE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::api::{World, world};
use crate::common::{Http, Outcome, TOKEN, bus, secret_file, served};

/// What a server answers to these bytes, until it closes the connection or nothing comes for a while.
async fn told(address: std::net::SocketAddr, bytes: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(bytes).await?;
    let mut read = Vec::new();
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut read)).await;
    Ok(String::from_utf8_lossy(&read).into_owned())
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_all_read() -> Outcome {
    let kept = world(|config| ApiConfig { max_body: 1_000, ..config }).await?;
    let World { http, served, .. } = &kept;

    let large = http.post("/commands/rule/activate", vec![b' '; 1_001]).await?;
    let claimed = format!(
        "POST /commands/rule/activate HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{}",
        " ".repeat(2_000)
    );
    let told = told(served.address, claimed.as_bytes()).await?;

    assert_eq!(large.status.as_u16(), 413);
    assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_body_that_comes_slowly_is_waited_for_no_longer_than_it_may_take() -> Outcome {
    let quick = |config| ApiConfig { body_timeout: Duration::from_millis(200), ..config };
    let kept = world(quick).await?;
    let World { served, .. } = &kept;

    let head = format!(
        "POST /commands/rule/activate HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    let told = told(served.address, head.as_bytes()).await?;

    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off_and_holds_nobody_up() -> Outcome {
    let (_secret, path) = secret_file(&format!("shop {TOKEN}"))?;
    let api = Api::new(&bus().await?, CATALOGUE, ApiConfig::new(path));
    let limits = Limits { header_timeout: Duration::from_millis(300), max_connections: 4, ..Limits::default() };
    let served = served(api.router(), limits).await?;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(served.address).await?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nx-slow: ").await?;
        slow.push(stream);
    }

    let answer = Http::at(served.address)?.get("/healthz").await?;

    assert_eq!(answer.status.as_u16(), 200);
    for mut stream in slow {
        let mut read = Vec::new();
        timeout(Duration::from_secs(5), stream.read_to_end(&mut read)).await??;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_json_no_text_or_no_http_is_an_error_of_its_own_and_ends_nothing() -> Outcome {
    let kept = world(|config| config).await?;
    let World { http, served, .. } = &kept;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [&[u8]; 6] =
        [b"", b"null", b"\xff\xfe", b"{\"rule_id\": \"a\", \"rule_id\": 1}", deep.as_bytes(), b"{} {}"];

    for body in bodies {
        let answer = http.post("/commands/rule/activate", body.to_vec()).await?;
        assert_eq!(answer.status.as_u16(), 400, "{:?}", String::from_utf8_lossy(&body[..body.len().min(40)]));
    }
    for (name, value, status) in [
        ("content-type", "text/plain", 415),
        ("eventsmith-timeout", "soon", 400),
        ("eventsmith-timeout", "0", 400),
        ("eventsmith-timeout", "-1", 400),
        ("eventsmith-correlation", "", 400),
    ] {
        let answer = http.with(name, value).post("/commands/rule/activate", "{}").await?;
        assert_eq!(answer.status.as_u16(), status, "{name}: {value}");
    }
    for path in
        ["/queries/rule/get?rule_id=%", "/queries/rule/get?rule_id=%FF", "/queries/rule/get?rule_id=a&rule_id=b"]
    {
        assert_eq!(http.get(path).await?.status.as_u16(), 400, "{path}");
    }
    let garbage = told(served.address, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").await?;
    assert!(garbage.is_empty() || garbage.starts_with("HTTP/1.1 400 "), "{garbage}");
    assert_eq!(http.get("/healthz").await?.status.as_u16(), 200);
    Ok(())
}

#[tokio::test]
async fn more_at_once_than_may_be_are_turned_away() -> Outcome {
    let kept = world(|config| ApiConfig { max_concurrent: 1, ..config }).await?;
    let http = &kept.http;
    let http = http.with("eventsmith-timeout", "700");

    let asked = (0..8).map(|_| http.post("/queries/rule/get", r#"{"rule_id": "rul_1"}"#));
    let answers = futures_util::future::join_all(asked).await;

    let busy: Vec<_> = answers.iter().flatten().filter(|answer| answer.status.as_u16() == 429).collect();
    assert!(!busy.is_empty() && busy.iter().all(|answer| answer.headers.contains_key("retry-after")));
    Ok(())
}
