//! One nats-server with a configuration that is complete.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use eventsmith::testing::find_or_install;

use crate::Outcome;

/// A server; dropping it kills the process.
pub(crate) struct Process {
    child: Option<Child>,
    config: PathBuf,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(config: PathBuf) -> Outcome<Self> {
        let log = config.with_extension("log");
        let mut process = Self { child: None, config, log };
        process.start_again()?;
        Ok(process)
    }

    pub(crate) fn start_again(&mut self) -> Outcome {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(find_or_install()?);
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
        let pid = self.child.as_ref().ok_or("it does not run")?.id();
        let done = Command::new(find_or_install()?).arg("--signal").arg(format!("reload={pid}")).status()?;
        if done.success() { Ok(()) } else { Err("the server was not told to reload".into()) }
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
