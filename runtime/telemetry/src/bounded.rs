//! A listener that whoever connects cannot hold up: so many connections at a time, and none that waits for long.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// How many connections there are at a time. Whoever comes beyond that waits until one ends.
const MOST: usize = 64;
/// How long a connection lasts in which nothing is answered, whatever comes: a request that is sent byte by byte, or none.
const PATIENCE: Duration = Duration::from_secs(30);
/// After how long to accept again where that failed: no descriptor was left, perhaps.
const AGAIN: Duration = Duration::from_millis(100);

/// A listener with limits.
#[derive(Debug)]
pub(crate) struct Bounded {
    listener: TcpListener,
    open: Arc<Semaphore>,
    patience: Duration,
}

impl Bounded {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self { listener, open: Arc::new(Semaphore::new(MOST)), patience: PATIENCE }
    }
}

impl Listener for Bounded {
    type Io = Timed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Timed, SocketAddr) {
        loop {
            // It is closed by nobody.
            let Ok(permit) = Arc::clone(&self.open).acquire_owned().await else {
                std::future::pending::<()>().await;
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let (patience, end) = (self.patience, Box::pin(sleep(self.patience)));
                    return (Timed { stream, patience, end, _permit: permit }, address);
                }
                Err(_) => sleep(AGAIN).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends where nothing is answered for too long.
#[derive(Debug)]
pub(crate) struct Timed {
    stream: TcpStream,
    patience: Duration,
    end: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Timed {
    /// Fails once there was no answer for too long, and else waits.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.end.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing was answered for too long")))
    }
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Also where bytes come, one at a time.
        if let Poll::Ready(failed) = self.wait(context) {
            return Poll::Ready(failed);
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Timed {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(written) => {
                let end = Instant::now() + self.patience;
                self.end.as_mut().reset(end);
                Poll::Ready(written)
            }
            Poll::Pending => self.wait(context),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use axum::Router;
    use axum::routing::get;

    use super::*;

    async fn served(most: usize, patience: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bounded = Bounded { listener, open: Arc::new(Semaphore::new(most)), patience };
        let router = Router::new().route("/healthz", get(async || "ok\n"));
        tokio::spawn(async move { axum::serve(bounded, router).await });
        address
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_sends_no_request_or_a_slow_one_is_cut_off_and_makes_room() {
        let address = served(2, Duration::from_millis(300)).await;
        let idle = TcpStream::connect(address).unwrap();
        let mut slow = TcpStream::connect(address).unwrap();
        slow.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();

        // Both places are taken: it is answered once they are free.
        let mut third = TcpStream::connect(address).unwrap();
        third.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        third.read_to_string(&mut answer).unwrap();

        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
        for mut stream in [idle, slow] {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_lasts_as_long_as_it_is_used() {
        let address = served(1, Duration::from_secs(2)).await;
        let mut stream = TcpStream::connect(address).unwrap();

        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut answer = vec![0; 1_024];
            let read = stream.read(&mut answer).unwrap();
            assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{answer:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}
