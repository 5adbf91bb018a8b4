//! Blocks of headers as streams keep them, and which of them the client cannot read.
//!
//! The server stores whatever a producer writes there. The client closes its connection over a block that it cannot read,
//! and over some its task panics. (async-nats 0.51, src/connection.rs, `try_read_op`; a test delivers every kind to a client.)

use std::borrow::Cow;

use async_nats::StatusCode;
use async_nats::header::{HeaderName, HeaderValue};
use bytes::Bytes;

use crate::transport::{Headers, MalformedBlock};

/// What of a message the client may not be able to read.
pub(super) const HEADERS: &str = "its headers";
pub(super) const SUBJECT: &str = "its subject";

/// A header as long as the one that the server adds for a pinned consumer.
const PIN_HEADER: &[u8] = b"Nats-Pin-Id: 0000000000000000000000\r\n\r\n";

/// The headers of a message that came beside all consumers: those that can be read, and the whole block if the client
/// could not read it.
pub(super) fn read(block: Bytes) -> Headers {
    match defect(&block) {
        None => legible(&block),
        Some(defect) => malformed(block, HEADERS, defect),
    }
}

/// The headers of a message of which the client cannot read a part, for this reason.
pub(super) fn malformed(block: Bytes, part: &'static str, defect: &'static str) -> Headers {
    let headers = legible(&block);
    headers.with_malformed(MalformedBlock { block, part, defect })
}

/// Why the client cannot read a message of a consumer that has this block of headers. For a pinned consumer the server
/// replaces the last two bytes, whatever they are, by a header of its own.
pub(super) fn defect_as_delivered(block: &[u8], is_pinned: bool) -> Option<&'static str> {
    let delivered = match block {
        _ if !is_pinned => Cow::Borrowed(block),
        [before @ .., _, _] if !before.is_empty() => Cow::Owned([before, PIN_HEADER].concat()),
        _ => return None,
    };
    defect(&delivered)
}

/// Why the client cannot read a block of headers. Of an empty block the server says nothing to it.
fn defect(block: &[u8]) -> Option<&'static str> {
    if block.is_empty() { None } else { check(block).err() }
}

/// Takes a block apart as the client does, with its own types where they do not panic.
fn check(block: &[u8]) -> Result<(), &'static str> {
    let text = std::str::from_utf8(block).map_err(|_| "they are not UTF-8")?;
    let mut lines = text.lines().peekable();
    let version = lines.next().and_then(|line| line.strip_prefix("NATS/1.0"));
    let version = version.ok_or("they do not begin with NATS/1.0")?.trim();
    let status = version.split_once(' ').map_or(version, |(status, _)| status.trim());
    if !status.is_empty() && status.parse::<StatusCode>().is_err() {
        return Err("what follows NATS/1.0 is not a status");
    }
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once(':').ok_or("a line has no colon")?;
        name.parse::<HeaderName>().map_err(|_| "a name has other characters than visible ASCII")?;
        let mut value = value.trim_start().to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with(char::is_whitespace)) {
            value.push_str(more);
        }
        value.trim_end().parse::<HeaderValue>().map_err(|_| "a value has a carriage return")?;
    }
    Ok(())
}

/// The headers of a block that can be read. A line that is no header is left out: the rest of the message counts.
fn legible(block: &[u8]) -> Headers {
    let mut headers = Headers::default();
    let mut lines = block.split(|byte| *byte == b'\n');
    if lines.next().is_some_and(|version| version.starts_with(b"NATS/1.0")) {
        let header = |line| std::str::from_utf8(line).ok()?.split_once(':');
        for (name, value) in lines.filter_map(header) {
            headers.push(name.to_owned(), value.trim());
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn all(headers: &Headers) -> Vec<(&str, &str)> {
        headers.iter().collect()
    }

    #[test]
    fn a_header_keeps_all_its_values() {
        let headers = read(Bytes::from_static(b"NATS/1.0\r\na: 1\r\nb:x: y\r\na:2\r\n\r\n"));

        assert_eq!(all(&headers), [("a", "1"), ("b", "x: y"), ("a", "2")]);
        assert!(headers.malformed().is_none());
    }

    #[test]
    fn a_message_may_have_no_headers() {
        let headers = read(Bytes::new());

        assert!(all(&headers).is_empty() && headers.malformed().is_none());
    }

    #[test]
    fn what_is_no_block_of_headers_is_kept_as_it_is() {
        let block = b"HTTP/1.1\r\na: 1\r\n\r\n";

        let headers = read(Bytes::from_static(block));

        assert!(all(&headers).is_empty());
        assert_eq!(headers.malformed().unwrap().block, &block[..]);
    }

    #[test]
    fn a_line_that_is_no_header_does_not_hide_the_others() {
        for line in [&b"no colon"[..], b"a: \xff", b"\xff: 1"] {
            let block = [b"NATS/1.0\r\nb: 1\r\n", line, b"\r\nc: 2\r\n\r\n"].concat();

            let headers = read(block.into());

            assert_eq!(all(&headers), [("b", "1"), ("c", "2")], "{line:?}");
            assert!(headers.malformed().is_some(), "{line:?}");
        }
    }

    #[test]
    fn what_the_server_adds_for_a_pinned_consumer_may_mend_or_break_a_block() {
        for (block, is_plain, is_pinned) in [
            (&b"NATS/1.0\r\na: 1\r\n\r\n"[..], true, true),
            (b"", true, true),
            (b"\r\n", false, true),
            (b"N", false, true),
            (b"NATS/1.0", true, false),
            (b"NATS/1.0\r\n", true, false),
            (b"NATS/1.0\r\na: \xc3\xbc", true, true),
            (b"NATS/1.0\r\na: \xc3\xbc1", true, false),
            (b"NATS/1.0\r\na: 1\r2\r\n\r\n", false, false),
        ] {
            let is_legible = |is_pinned| defect_as_delivered(block, is_pinned).is_none();
            assert_eq!((is_legible(false), is_legible(true)), (is_plain, is_pinned), "{block:?}");
        }
    }

    /// Delivers a message with this block of headers to a client, as a server would. Returns whether it stays connected.
    async fn is_read_by_client(block: &[u8]) -> std::io::Result<bool> {
        async fn wait_for(socket: &mut TcpStream, text: &str) -> std::io::Result<bool> {
            let mut received = Vec::new();
            while !String::from_utf8_lossy(&received).contains(text) {
                // A client that goes may close in good order or not.
                if !matches!(socket.read_buf(&mut received).await, Ok(1..)) {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("nats://{}", listener.local_addr()?);
        let client = tokio::spawn(async move {
            let client = async_nats::connect(url).await.unwrap();
            let subscriber = client.subscribe("a").await.unwrap();
            (client, subscriber)
        });
        let (mut socket, _) = listener.accept().await?;
        let info =
            r#"{"server_id":"x","server_name":"x","version":"2.15.0","proto":1,"headers":true,"max_payload":1048576}"#;
        socket.write_all(format!("INFO {info}\r\n").as_bytes()).await?;
        assert!(wait_for(&mut socket, "PING").await?);
        socket.write_all(b"PONG\r\n").await?;
        assert!(wait_for(&mut socket, "SUB a 1").await?);
        let _client = client.await?;
        let line = format!("HMSG a 1 {} {}\r\n", block.len(), block.len());
        socket.write_all(&[line.as_bytes(), block, b"\r\nPING\r\n"].concat()).await?;
        // It keeps the old connection until it has a new one.
        tokio::select! {
            is_read = wait_for(&mut socket, "PONG") => is_read,
            again = listener.accept() => again.map(|_| false),
        }
    }

    #[tokio::test]
    async fn the_client_reads_what_has_no_defect_and_nothing_else() -> std::io::Result<()> {
        let parts: [&[u8]; 24] = [
            b"NATS/1.0",
            b"NATS/1.0",
            b"NATS/1.0\r\n",
            b"HTTP/1.1",
            b"\r\n",
            b"\r\n",
            b"\r\n",
            b"\n",
            b"\r",
            b":",
            b":",
            b" ",
            b"\t",
            b"a",
            b"b",
            b"a: 1\r\n",
            b"a: 1\r\n",
            b"200",
            b"99",
            b" 503 No",
            "\u{85}".as_bytes(),
            "\u{1f600}".as_bytes(),
            b"\xfc",
            b"\0",
        ];
        let mut drawn = StdRng::seed_from_u64(7);
        let mut blocks: Vec<Vec<u8>> =
            parts.iter().map(|part| [b"NATS/1.0\r\na: 1", *part, b"2\r\n\r\n"].concat()).collect();
        for _ in 0..400 {
            let count = drawn.random_range(1..9);
            let mut block: Vec<u8> = if drawn.random_bool(0.7) { b"NATS/1.0\r\n".to_vec() } else { Vec::new() };
            (0..count).for_each(|_| block.extend_from_slice(parts[drawn.random_range(0..parts.len())]));
            blocks.push(block);
        }

        let (mut read, mut unread) = (0, 0);
        for block in &blocks {
            let expected = defect(block);
            assert_eq!(
                is_read_by_client(block).await?,
                expected.is_none(),
                "{:?}: {expected:?}",
                String::from_utf8_lossy(block)
            );
            *(if expected.is_none() { &mut read } else { &mut unread }) += 1;
        }
        assert!(read > 50 && unread > 50, "{read} {unread}");
        Ok(())
    }
}
