//! One nats-server as a process of ours.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::error::ServerError;
use super::port::ReservedPort;
use super::{http, install};

/// How long a server may take to start or to stop. Milliseconds are usual; a machine that compiles next door is not.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
pub(super) const POLL: Duration = Duration::from_millis(10);
/// How much of a log goes into an error, in lines.
const TAIL: usize = 30;
/// What the streams of a server may reserve together. A stream reserves its `max_bytes`, and the server's own limit is three
/// quarters of what is free: tests store little, and must not depend on how full their machine is.
const ROOM: &str = "1PB";

/// A running nats-server with JetStream; dropping the handle kills it and removes its temporary store.
#[derive(Debug)]
pub struct NatsServer {
    settings: NatsServerBuilder,
    binary: PathBuf,
    folder: TempDir,
    /// 0 until the first start, then the same for ever.
    port: u16,
    monitor_port: u16,
    /// From the end of the first process on.
    reserved: Option<ReservedPort>,
    child: Option<Child>,
    /// Where in the log file the part of the present process begins.
    log_start: usize,
}

/// What a [`NatsServer`] should be like.
#[derive(Debug, Clone, Default)]
pub struct NatsServerBuilder {
    name: Option<String>,
    config: String,
    store_dir: Option<PathBuf>,
    binary: Option<PathBuf>,
}

impl NatsServerBuilder {
    /// Adds lines of a nats-server.conf: authorization, TLS, limits. May be called more than once.
    ///
    /// Addresses, the store and the server's name are settled already. A `tls` block with `handshake_first` keeps a
    /// server from being found ready, as readiness is the plain INFO that it greets with.
    #[must_use]
    pub fn config(mut self, lines: impl AsRef<str>) -> Self {
        self.config.push_str(lines.as_ref());
        self.config.push('\n');
        self
    }

    /// Stores into this folder, which outlives the handle, instead of a temporary one.
    #[must_use]
    pub fn store_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.store_dir = Some(folder.into());
        self
    }

    /// Names the server; `nats-1` otherwise.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Runs this program instead of the one that [`find_or_install`](super::find_or_install) finds.
    #[must_use]
    pub fn binary(mut self, program: impl Into<PathBuf>) -> Self {
        self.binary = Some(program.into());
        self
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// [`ServerError`], with the end of the server's log where there is one.
    pub async fn start(self) -> Result<NatsServer, ServerError> {
        let mut server = self.prepare().await?;
        server.start_again().await?;
        Ok(server)
    }

    /// Everything but the process.
    pub(super) async fn prepare(mut self) -> Result<NatsServer, ServerError> {
        let binary = match self.binary.take() {
            Some(path) => install::chosen(path, "the builder")?,
            None => tokio::task::spawn_blocking(install::find_or_install)
                .await
                .map_err(|error| ServerError::install_failed("the installation ended", error))??,
        };
        let folder = tempfile::Builder::new()
            .prefix("nats-server-")
            .tempdir()
            .map_err(ServerError::io("create a temporary folder"))?;
        Ok(NatsServer {
            settings: self,
            binary,
            folder,
            port: 0,
            monitor_port: 0,
            reserved: None,
            child: None,
            log_start: 0,
        })
    }
}

impl NatsServer {
    /// Starts a server with JetStream on an ephemeral port and waits until it is ready.
    ///
    /// # Errors
    /// [`ServerError`], with the end of the server's log where there is one.
    pub async fn start() -> Result<Self, ServerError> {
        Self::builder().start().await
    }

    /// For a server with a configuration of one's own.
    pub fn builder() -> NatsServerBuilder {
        NatsServerBuilder::default()
    }

    /// What a client connects to; stays the same across restarts.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port of 127.0.0.1 for clients; stays the same across restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's name, as streams report it as their leader.
    pub fn name(&self) -> &str {
        self.settings.name.as_deref().unwrap_or("nats-1")
    }

    /// Where the server stores its streams.
    pub fn store_dir(&self) -> PathBuf {
        self.settings.store_dir.clone().unwrap_or_else(|| self.folder.path().join("store"))
    }

    /// Whether the process runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Everything that the server has logged, over all its restarts.
    pub fn log(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// What the server says about itself at a path of its monitoring endpoint: `/varz`, `/connz`, `/jsz?streams=true`.
    ///
    /// # Errors
    /// [`ServerError::Io`] when the server does not answer with JSON.
    pub async fn monitor(&self, path: &str) -> Result<Value, ServerError> {
        let failed = || ServerError::io(format!("ask {} for {path}", self.name()));
        let body = http::get(self.monitor_port, path).await.map_err(failed())?;
        serde_json::from_slice(&body).map_err(|error| failed()(error.into()))
    }

    /// Asks the server to shut down, as an operator would, and waits until it has. Nothing happens if it does not run.
    ///
    /// # Errors
    /// [`ServerError::Timeout`] when it does not end; it still runs then.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        let Some(child) = &mut self.child else { return Ok(()) };
        // The program can signal its own kind, so that no platform's way to do it need be known here.
        let signalled = Command::new(&self.binary)
            .arg("--signal")
            .arg(format!("term={}", child.id()))
            .stdin(Stdio::null())
            .output()
            .map_err(ServerError::io("signal nats-server"))?;
        let deadline = Instant::now() + PATIENCE;
        while self.exit_status()?.is_none() {
            if Instant::now() > deadline {
                let refusal = String::from_utf8_lossy(&signalled.stderr).into_owned();
                return Err(self.timeout(format!("{} had shut down {refusal}", self.name()), PATIENCE));
            }
            sleep(POLL).await;
        }
        self.child = None;
        self.reserve_port();
        Ok(())
    }

    /// Ends the process at once, as a crash would (SIGKILL), and reaps it. Nothing happens if it does not run.
    ///
    /// # Errors
    /// [`ServerError::Io`] when the operating system refuses.
    pub fn kill(&mut self) -> Result<(), ServerError> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().and_then(|()| child.wait()).map_err(ServerError::io("kill nats-server"))?;
        self.reserve_port();
        Ok(())
    }

    /// Starts a server that was stopped or killed, on the same port and with the same store, and waits until it is
    /// ready. Nothing happens if it still runs.
    ///
    /// # Errors
    /// [`ServerError`], with the end of the server's log where there is one.
    pub async fn start_again(&mut self) -> Result<(), ServerError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.spawn()?;
            match self.ready().await {
                // Some other process uses the port for an outgoing connection; that passes.
                Err(error) if error.is_bind_clash() && Instant::now() < deadline => sleep(POLL * 10).await,
                outcome => return outcome,
            }
        }
    }

    /// [`stop`](Self::stop), then [`start_again`](Self::start_again).
    ///
    /// # Errors
    /// As these.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.stop().await?;
        self.start_again().await
    }

    /// Starts the process unless it runs.
    pub(super) fn spawn(&mut self) -> Result<(), ServerError> {
        if self.is_running() {
            return Ok(());
        }
        let config = self.folder.path().join("nats-server.conf");
        let ports = self.ports_dir();
        if ports.exists() {
            fs::remove_dir_all(&ports).map_err(ServerError::io("remove the ports file of the previous run"))?;
        }
        fs::create_dir(&ports).map_err(ServerError::io("create a temporary folder"))?;
        fs::write(&config, self.config_text(&ports)).map_err(ServerError::io("write nats-server.conf"))?;
        self.log_start = self.log().len();
        let log = File::options().create(true).append(true).open(self.log_file());
        let (out, err) = log
            .and_then(|log| Ok((log.try_clone()?, log)))
            .map_err(ServerError::io("open the log file of nats-server"))?;
        let child = Command::new(&self.binary)
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(ServerError::io(format!("run {}", self.binary.display())))?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until the process has written its ports and greets a client.
    pub(super) async fn ready(&mut self) -> Result<(), ServerError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.exit_status()? {
                self.child = None;
                return Err(ServerError::ExitedEarly { status, log: self.log_tail() });
            }
            if let Some((port, monitor_port)) = read_ports(&self.ports_dir())
                && greets(port).await
            {
                self.port = port;
                self.monitor_port = monitor_port;
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.timeout(format!("{} greeted a client", self.name()), PATIENCE));
            }
            sleep(POLL).await;
        }
    }

    pub(super) fn timeout(&self, condition: String, after: Duration) -> ServerError {
        ServerError::Timeout { condition, after, log: self.log_tail() }
    }

    fn reserve_port(&mut self) {
        if self.reserved.is_none() {
            // Whoever was quicker may let go of it in time: the next start tries for a while.
            self.reserved = ReservedPort::new(self.port).ok();
        }
    }

    fn exit_status(&mut self) -> Result<Option<ExitStatus>, ServerError> {
        match &mut self.child {
            Some(child) => child.try_wait().map_err(ServerError::io("look after nats-server")),
            None => Ok(None),
        }
    }

    fn config_text(&self, ports: &Path) -> String {
        // Port -1 lets the operating system choose one, and the server writes it to its ports file.
        let port = if self.port == 0 { -1 } else { i32::from(self.port) };
        format!(
            "server_name: {}\nlisten: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:-1\"\nports_file_dir: {}\n\
             jetstream {{ store_dir: {}, max_file_store: {ROOM}, max_memory_store: {ROOM} }}\n{}",
            quoted(self.name()),
            quoted(&ports.to_string_lossy()),
            quoted(&self.store_dir().to_string_lossy()),
            self.settings.config,
        )
    }

    fn ports_dir(&self) -> PathBuf {
        self.folder.path().join("ports")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("nats-server.log")
    }

    /// The last lines of the present process.
    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.get(self.log_start..).unwrap_or(&log).lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // Nobody is left to report it to, and a process that cannot be killed has ended already.
        let _ = self.kill();
    }
}

/// A string of nats-server.conf, whose escapes are those of JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The ports for clients and for monitoring, once the server has written them all.
fn read_ports(folder: &Path) -> Option<(u16, u16)> {
    let file =
        fs::read_dir(folder).ok()?.flatten().find(|file| file.path().extension().is_some_and(|e| e == "ports"))?;
    // A file that is written at this moment does not parse; the caller comes back.
    let ports: Value = serde_json::from_slice(&fs::read(file.path()).ok()?).ok()?;
    let port = |service: &str| ports[service][0].as_str()?.rsplit(':').next()?.parse().ok();
    Some((port("nats")?, port("monitoring")?))
}

/// Whether the server at a port sends the INFO that every client gets first.
async fn greets(port: u16) -> bool {
    let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return false };
    let mut line = String::new();
    let read = tokio::time::timeout(Duration::from_secs(1), BufReader::new(stream).read_line(&mut line)).await;
    matches!(read, Ok(Ok(_))) && line.starts_with("INFO ")
}
