//! Commands and queries over HTTP, beside the services.

use eventsmith::Bus;
use rules_engine::running::Running;
use rules_engine::{Config, http};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::common::{Outcome, bus};

/// Asks a route, and returns the head and the body of the answer.
async fn post(
    port: u16,
    route: &str,
    token: &str,
    body: &Value,
) -> Result<(String, String), Box<dyn std::error::Error>> {
    let body = body.to_string();
    let request = format!(
        "POST {route} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok((head.to_owned(), body.to_owned()))
}

#[tokio::test]
async fn a_service_is_asked_over_http_by_those_who_have_a_token() -> Outcome {
    let (bus, folder): (Bus, _) = (bus().await?, tempfile::tempdir()?);
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "shop tok-1\n")?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let mut running = Running::start(&bus, &Config::default(), &["taxes".to_owned()])?;
    running.run("http", http::parts(&bus, listener, tokens));
    let sale = json!({"transaction_id": "t_1", "items": [
        {"jurisdiction": "DE", "amount": {"amount_minor": 10_000, "currency": "EUR"}}]});

    let (stranger, _) = post(port, "/commands/tax/calculate", "tok-2", &sale).await?;
    let (head, body) = post(port, "/commands/tax/calculate", "tok-1", &sale).await?;

    assert!(stranger.starts_with("HTTP/1.1 401"), "{stranger}");
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    assert_eq!(serde_json::from_str::<Value>(&body)?["total"], json!({"amount_minor": 1_900, "currency": "EUR"}));
    running.stop().await?;
    Ok(())
}
