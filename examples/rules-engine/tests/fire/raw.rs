//! Messages that no client would publish, by a connection of one's own.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

/// A block of headers that the server stores and the client cannot read.
pub(crate) const MALFORMED: &[u8] = b"NATS/1.0\r\nno colon\r\n\r\n";
/// Another, over which the client's task ends.
pub(crate) const DEADLY: &[u8] = b"NATS/1.0\r\na: 1\r2\r\n\r\n";

/// Publishes a message, without headers if there are none.
pub(crate) async fn publish(port: u16, subject: &str, head: &[u8], payload: &[u8]) -> Outcome {
    let mut raw = TcpStream::connect(("127.0.0.1", port)).await?;
    raw.write_all(b"CONNECT {\"verbose\":false,\"headers\":true}\r\n").await?;
    let line = match head.len() {
        0 => format!("PUB {subject} {}\r\n", payload.len()),
        length => format!("HPUB {subject} {length} {}\r\n", length + payload.len()),
    };
    raw.write_all(&[line.as_bytes(), head, payload, b"\r\nPING\r\n"].concat()).await?;
    let mut answers = String::new();
    while !answers.contains("PONG") {
        let mut part = [0; 4096];
        let length = raw.read(&mut part).await?;
        answers.push_str(&String::from_utf8_lossy(&part[..length]));
        if length == 0 || answers.contains("-ERR") {
            return Err(answers.into());
        }
    }
    Ok(())
}
