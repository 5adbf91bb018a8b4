//! A proxy between a NATS client and its server that understands what passes and lets a test decide about it.

mod frame;

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

pub use frame::{Delivery, End, Frame};

/// How long a server may take to read what was sent before its connection ends.
const LINGER: Duration = Duration::from_secs(5);

/// A proxy on an ephemeral port of 127.0.0.1, gone with its handle.
///
/// It forwards everything until a test gives it a [`rule`](Self::rule). Clients learn of no other server through it.
/// Connections with TLS cannot be read, and end.
///
/// ```
/// use eventsmith::testing::NatsServer;
/// use eventsmith_tests::proxy::{Proxy, Verdict};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = NatsServer::start().await?;
/// let proxy = Proxy::start(server.port()).await?;
/// proxy.rule(|frame| if frame.payload == b"secret" { Verdict::Drop } else { Verdict::Forward });
///
/// let client = async_nats::connect(proxy.url()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Forward,
    /// It vanishes; what comes behind it passes.
    Drop,
    /// Its connection ends, and it and all behind it are lost.
    Cut,
    /// It passes, and its connection ends: all behind it is lost.
    CutAfter,
    /// It passes twice.
    Twice,
    /// It waits until [`Proxy::release`], and what comes behind it passes.
    Later,
    /// It waits, and all behind it in its direction too, until [`Proxy::release`].
    Hold,
}

type Rule = Arc<dyn Fn(&Frame) -> Verdict + Send + Sync>;

struct Shared {
    server_port: u16,
    rule: Mutex<Rule>,
    /// The version that the server is to seem to have, to those who connect from now on.
    version: Mutex<Option<String>>,
    /// Counts the calls of `cut`, `release` and the connections made.
    cuts: watch::Sender<u64>,
    releases: watch::Sender<u64>,
    connections: watch::Sender<u64>,
    refusing: watch::Sender<bool>,
}

impl Proxy {
    /// Listens, and connects whoever comes to this port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub async fn start(server_port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            server_port,
            rule: Mutex::new(Arc::new(|_| Verdict::Forward)),
            version: Mutex::new(None),
            cuts: watch::Sender::new(0),
            releases: watch::Sender::new(0),
            connections: watch::Sender::new(0),
            refusing: watch::Sender::new(false),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { port, shared, accepting })
    }

    /// What a client connects to instead of the server.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Decides about every frame from now on. The rule may do something before it answers, such as kill the client: the
    /// frame waits meanwhile.
    pub fn rule(&self, rule: impl Fn(&Frame) -> Verdict + Send + Sync + 'static) {
        *self.shared.rule.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rule);
    }

    /// Forwards everything from now on. What is held stays so until [`release`](Self::release).
    pub fn forward_all(&self) {
        self.rule(|_| Verdict::Forward);
    }

    /// Lets the server seem to be of another version, to those who connect from now on.
    pub fn pretend_version(&self, version: &str) {
        *self.shared.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(version.to_owned());
    }

    /// Lets pass what is held.
    pub fn release(&self) {
        self.shared.releases.send_modify(|count| *count += 1);
    }

    /// Ends all connections, wherever they are in a frame.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|count| *count += 1);
    }

    /// While `true`, new connections end before the server has greeted.
    pub fn refuse(&self, refusing: bool) {
        self.shared.refusing.send_replace(refusing);
    }

    /// Waits until this many connections have been made to the server, from the beginning on.
    pub async fn connected(&self, count: u64) {
        // The sender is ours, so it cannot be gone.
        let _ = self.shared.connections.subscribe().wait_for(|made| *made >= count).await;
    }

    /// How many connections were made to the server, from the beginning on.
    pub fn connections(&self) -> u64 {
        *self.shared.connections.borrow()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("server_port", &self.server_port).finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        if !*shared.refusing.borrow() {
            connections.spawn(serve(client, Arc::clone(&shared)));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// One connection, to its end.
async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.server_port)).await else { return };
    // Small frames must not wait for one another: the bus is measured and timed through this.
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    shared.connections.send_modify(|count| *count += 1);
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::select! {
        _ = pump(End::Client, &mut from_client, &mut to_server, &shared) => {}
        _ = pump(End::Server, &mut from_server, &mut to_client, &shared) => {}
        _ = cuts.changed() => {}
    }
    drop((from_client, to_client));
    // A socket that is closed before all was read from it resets its connection, and what was forwarded might go with
    // it. So the server is told that this was all, and heard out.
    let linger = async {
        to_server.shutdown().await?;
        tokio::io::copy(&mut from_server, &mut tokio::io::sink()).await
    };
    let _ = timeout(LINGER, linger).await;
}

/// Forwards frames in one direction until either side ends, or the rule says so.
async fn pump(from: End, input: &mut OwnedReadHalf, output: &mut OwnedWriteHalf, shared: &Shared) -> io::Result<()> {
    let (mut received, mut passed) = (Vec::new(), Vec::new());
    // What waits while others pass, and what it waits for.
    let mut later: Option<(watch::Receiver<u64>, Vec<u8>)> = None;
    loop {
        let mut done = 0;
        while let Some((frame, length)) = frame::next(from, &received[done..])? {
            let rule = Arc::clone(&shared.rule.lock().unwrap_or_else(PoisonError::into_inner));
            let mut releases = shared.releases.subscribe();
            let verdict = rule(&frame);
            if verdict == Verdict::Hold {
                output.write_all(&std::mem::take(&mut passed)).await?;
                // The sender lives as long as `shared`.
                let _ = releases.changed().await;
            }
            let version = shared.version.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let rewritten = frame.rewritten(version.as_deref());
            let bytes = rewritten.as_ref().map_or(&received[done..done + length], |text| text.as_bytes());
            match verdict {
                Verdict::Drop | Verdict::Cut => {}
                Verdict::Forward | Verdict::CutAfter | Verdict::Hold => passed.extend_from_slice(bytes),
                Verdict::Twice => passed.extend_from_slice(&[bytes, bytes].concat()),
                Verdict::Later => later.get_or_insert_with(|| (releases, Vec::new())).1.extend_from_slice(bytes),
            }
            if matches!(verdict, Verdict::Cut | Verdict::CutAfter) {
                return output.write_all(&passed).await;
            }
            done += length;
        }
        received.drain(..done);
        output.write_all(&std::mem::take(&mut passed)).await?;
        tokio::select! {
            read = input.read_buf(&mut received) => {
                if read? == 0 {
                    return Ok(());
                }
            }
            () = released(&mut later) => passed.extend(later.take().map(|(_, bytes)| bytes).unwrap_or_default()),
        }
    }
}

/// Waits until what was kept back may pass; for ever, where there is nothing.
async fn released(later: &mut Option<(watch::Receiver<u64>, Vec<u8>)>) {
    match later {
        // The sender lives as long as the proxy.
        Some((releases, _)) => drop(releases.changed().await),
        None => std::future::pending().await,
    }
}
