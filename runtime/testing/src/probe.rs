//! Whether a cluster can do what it is for: hold a stream on all its servers.
//!
//! Nothing that a server reports about itself says that. A leader places replicas only on servers whose statistics it
//! has received, and until then (seen with nats-server 2.10) it answers "no suitable peers for placement" though all are
//! healthy, connected and up to date. So a stream is created and deleted again, in the few words of the client protocol
//! (<https://docs.nats.io/reference/reference-protocols/nats-protocol>) that this takes.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

const STREAM: &str = "EVENTSMITH_TESTING_PROBE";
const INBOX: &str = "_INBOX.eventsmith-testing-probe";
/// A leader that is not there yet does not answer at all.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Whether the server at a port of 127.0.0.1 has a stream with so many replicas created and deleted.
pub(super) async fn can_replicate(port: u16, replicas: usize) -> bool {
    matches!(timeout(ANSWER_WITHIN, create_and_delete(port, replicas)).await, Ok(Ok(true)))
}

async fn create_and_delete(port: u16, replicas: usize) -> io::Result<bool> {
    let mut stream = BufReader::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?);
    stream.write_all(format!("CONNECT {{\"verbose\":false}}\r\nSUB {INBOX} 1\r\n").as_bytes()).await?;
    let config = json!({
        "name": STREAM,
        "subjects": [STREAM],
        "retention": "limits",
        "storage": "memory",
        "num_replicas": replicas,
    });
    let created = ask(&mut stream, "CREATE", &config.to_string()).await?;
    if created.get("error").is_some() {
        return Ok(false);
    }
    let deleted = ask(&mut stream, "DELETE", "").await?;
    Ok(deleted["success"] == true)
}

/// Sends a request about the stream and reads messages until the one that answers it.
async fn ask(stream: &mut BufReader<TcpStream>, operation: &str, request: &str) -> io::Result<Value> {
    let publish = format!("PUB $JS.API.STREAM.{operation}.{STREAM} {INBOX} {}\r\n{request}\r\n", request.len());
    stream.write_all(publish.as_bytes()).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if let Some(message) = line.strip_prefix("MSG ") {
            let length = message.trim_end().rsplit(' ').next().and_then(|length| length.parse().ok()).unwrap_or(0);
            let mut payload = vec![0; length];
            stream.read_exact(&mut payload).await?;
            return Ok(serde_json::from_slice(&payload)?);
        }
        line.clear();
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}
