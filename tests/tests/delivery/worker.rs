//! Programs as processes that can be killed at any moment: `delivery_worker`, and whatever else a test starts.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use eventsmith_tests::job::Orders;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::common::{Outcome, PATIENCE, until};

/// What is started: a program with its only argument.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: &'static str,
    pub(crate) argument: String,
    /// Where its errors go. Panics that were ordered must not look like those of the test.
    pub(crate) errors: PathBuf,
}

impl Program {
    fn delivery_worker(orders: &Orders) -> Outcome<Self> {
        Ok(Self {
            path: env!("CARGO_BIN_EXE_delivery_worker"),
            argument: serde_json::to_string(orders)?,
            errors: orders.journal.with_extension("errors"),
        })
    }
}

/// A worker; dropping it kills it.
pub(crate) struct Worker {
    process: Process,
    lines: mpsc::UnboundedReceiver<String>,
}

/// What a rule of the proxy needs to kill a worker.
#[derive(Clone)]
pub(crate) struct Process(Arc<Mutex<Child>>);

impl Worker {
    pub(crate) fn start(orders: &Orders) -> Outcome<Self> {
        Self::of(&Program::delivery_worker(orders)?)
    }

    fn of(program: &Program) -> Outcome<Self> {
        let mut child = Command::new(program.path)
            .arg(&program.argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&program.errors)?)
            .spawn()?;
        let out = BufReader::new(child.stdout.take().ok_or("a worker without output")?);
        let (tell, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // The test may not listen any more, but the worker must not wait for it.
                let _ = tell.send(line);
            }
        });
        Ok(Self { process: Process(Arc::new(Mutex::new(child))), lines })
    }

    /// Starts a worker and waits until it is about to consume.
    pub(crate) async fn ready(orders: &Orders) -> Outcome<Self> {
        let mut worker = Self::start(orders)?;
        worker.says("READY").await?;
        Ok(worker)
    }

    pub(crate) fn process(&self) -> Process {
        self.process.clone()
    }

    /// The next line; `None` once it has ended and all was read.
    pub(crate) async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Waits for a line that begins like this, and passes over those before it.
    pub(crate) async fn says(&mut self, beginning: &str) -> Outcome<String> {
        let wait = async {
            while let Some(line) = self.lines.recv().await {
                if line.starts_with(beginning) {
                    return Ok(line);
                }
            }
            Err(format!("the worker ended before it said {beginning}"))
        };
        let waited = timeout(PATIENCE, wait).await;
        Ok(waited.map_err(|_| format!("the worker has not said {beginning} within {PATIENCE:?}"))??)
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&self) -> Outcome<ExitStatus> {
        until("the end of the worker", async || Ok(self.process.status()?)).await
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.process.kill();
    }
}

impl Process {
    /// SIGKILL, and waits for the end, so that nothing that it does comes after this.
    pub(crate) fn kill(&self) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Fails only if it has ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) -> Outcome {
        self.signal("TERM")
    }

    /// Any signal, by its name.
    pub(crate) fn signal(&self, name: &str) -> Outcome {
        let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.id())).status()?;
        if status.success() { Ok(()) } else { Err(format!("kill: {status}").into()) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    pub(crate) fn status(&self) -> std::io::Result<Option<ExitStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).try_wait()
    }
}

/// Workers one after the other: as soon as one ends, the next begins, as a service manager has it.
pub(crate) struct Supervisor {
    present: Arc<Mutex<Option<Process>>>,
    lines: mpsc::UnboundedReceiver<String>,
    task: tokio::task::JoinHandle<()>,
}

impl Supervisor {
    pub(crate) fn start(orders: &Orders) -> Outcome<Self> {
        Ok(Self::of(Program::delivery_worker(orders)?))
    }

    pub(crate) fn of(program: Program) -> Self {
        let present = Arc::new(Mutex::new(None));
        let (tell, lines) = mpsc::unbounded_channel();
        let slot = Arc::clone(&present);
        let task = tokio::spawn(async move {
            loop {
                // Without a worker the lines end, and the test says so.
                let started = Worker::of(&program).inspect_err(|error| eprintln!("cannot start a worker: {error}"));
                let Ok(mut worker) = started.map_err(drop) else { return };
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker.process());
                while let Some(line) = worker.line().await {
                    let _ = tell.send(line);
                }
            }
        });
        Self { present, lines, task }
    }

    /// A handle to whichever worker is there when it is used.
    pub(crate) fn killer(&self) -> impl Fn() + Send + Sync + Clone + 'static {
        let present = Arc::clone(&self.present);
        move || {
            if let Some(process) = &*present.lock().unwrap_or_else(PoisonError::into_inner) {
                process.kill();
            }
        }
    }

    /// Waits for a line, and passes over those before it.
    pub(crate) async fn says(&mut self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        while let Some(line) = self.lines.recv().await {
            if wanted(&line) {
                return Some(line);
            }
        }
        None
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.task.abort();
        self.killer()();
    }
}
