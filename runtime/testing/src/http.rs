//! The one HTTP request that the harness needs: a GET at a server's monitoring port.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The body of `GET path` at a port of 127.0.0.1, whatever the status: the monitoring endpoint of nats-server answers
/// an unhealthy 503 with JSON as well.
///
/// HTTP/1.0, because then the body simply ends where the connection does.
pub(super) async fn get(port: u16, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    body(&answer)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not one of HTTP"))
}

fn body(answer: &[u8]) -> Option<&[u8]> {
    let end_of_head = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    answer.starts_with(b"HTTP/1.").then(|| &answer[end_of_head + 4..])
}

#[cfg(test)]
mod tests {
    use super::body;

    #[test]
    fn the_body_is_what_follows_the_first_empty_line() {
        let answer = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":\r\n\r\n1}";

        assert_eq!(body(answer), Some(&b"{\"a\":\r\n\r\n1}"[..]));
    }

    #[test]
    fn what_is_not_http_has_no_body() {
        assert_eq!(body(b"INFO {}\r\n\r\n"), None);
        assert_eq!(body(b"HTTP/1.0 200 OK\r\n"), None);
    }
}
