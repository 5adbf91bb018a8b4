//! One nats-server with a configuration that is complete.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use eventsmith::testing::find_or_install;
use tokio::time::{Instant, sleep};

use crate::Outcome;

/// A server; dropping it kills the process.
pub(crate) struct Process {
    child: Option<Child>,
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(program: PathBuf, config: PathBuf) -> Outcome<Self> {
        let log = config.with_extension("log");
        let mut process = Self { child: None, program, config, log };
        process.start_again()?;
        Ok(process)
    }

    pub(crate) fn start_again(&mut self) -> Outcome {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(&self.config).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn()?);
        Ok(())
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Has it read its configuration again.
    pub(crate) fn reload(&self) -> Outcome {
        self.signal("reload")
    }

    /// Has it send its clients away and stop; whether it has stopped within the time.
    pub(crate) async fn leave(&mut self, patience: Duration) -> Outcome {
        self.signal("ldm")?;
        let deadline = Instant::now() + patience;
        while let Some(child) = &mut self.child {
            if child.try_wait()?.is_some() {
                self.child = None;
            } else if Instant::now() > deadline {
                return Err("it has not stopped in lame duck mode".into());
            } else {
                sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Starts again with another program.
    pub(crate) fn upgrade(&mut self, program: PathBuf) -> Outcome {
        self.program = program;
        self.start_again()
    }

    fn signal(&self, signal: &str) -> Outcome {
        let pid = self.child.as_ref().ok_or("it does not run")?.id();
        let done = Command::new(find_or_install()?).arg("--signal").arg(format!("{signal}={pid}")).status()?;
        if done.success() { Ok(()) } else { Err(format!("the server was not told to {signal}").into()) }
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether the server's own check takes a configuration, and what it says.
pub(crate) fn is_accepted(config: &Path) -> Outcome<(bool, String)> {
    let output = Command::new(find_or_install()?).arg("-t").arg("-c").arg(config).output()?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Ports of this machine that nobody uses.
pub(crate) fn free_ports<const N: usize>() -> Outcome<[u16; N]> {
    let listeners: Vec<TcpListener> = (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
