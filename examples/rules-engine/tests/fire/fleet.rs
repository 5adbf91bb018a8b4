//! The services as processes of the built program, each started again when it ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rules_engine::services::SERVICES;
use tokio::time::Instant;

use crate::Outcome;

/// Steps are given up before the gateway has hung for the longest time, so that payments are voided and refunded, too.
const CONFIG: &str = "[calculator]\nstep_timeout_ms = 5_000\n";

/// All nine services, and what was started beside them.
pub(crate) struct Fleet {
    arguments: Vec<String>,
    folder: PathBuf,
    instances: Vec<Instance>,
    /// How often a process ended that nobody had killed.
    pub(crate) ended: usize,
}

/// One process of a service. Dropping it kills it.
pub(crate) struct Instance {
    pub(crate) service: &'static str,
    child: Option<Child>,
    /// Until when it is left alone after its end.
    down_until: Instant,
    is_paused: bool,
    is_rolled: bool,
    is_extra: bool,
}

impl Fleet {
    pub(crate) fn start(nats: &str, gateway: &str, token_file: &Path, folder: &Path) -> Outcome<Self> {
        let config = folder.join("config.toml");
        std::fs::write(&config, CONFIG)?;
        let (token_file, config) = (token_file.to_string_lossy(), config.to_string_lossy());
        let arguments =
            ["--config", &config, "--nats", nats, "--gateway", gateway, "--gateway-token", &token_file, "--service"];
        let instances = SERVICES.iter().map(|(service, _)| Instance::of(service, false)).collect();
        let arguments = arguments.map(str::to_owned).to_vec();
        let mut fleet = Self { arguments, folder: folder.to_owned(), instances, ended: 0 };
        fleet.mend()?;
        Ok(fleet)
    }

    /// How many services there are.
    pub(crate) fn len(&self) -> usize {
        SERVICES.len()
    }

    /// Starts what has ended and is not to be down any more.
    pub(crate) fn mend(&mut self) -> Outcome {
        for instance in &mut self.instances {
            if let Some(child) = &mut instance.child
                && let Some(status) = child.try_wait()?
            {
                instance.child = None;
                if !std::mem::take(&mut instance.is_rolled) {
                    self.ended += 1;
                    let log = std::fs::read_to_string(self.folder.join(format!("{}.log", instance.service)))?;
                    let said: Vec<&str> = log.lines().filter(|line| !line.ends_with(" run")).collect();
                    let said = said[said.len().saturating_sub(5)..].join(" / ");
                    println!("          {} ended by itself, {status}: {}", instance.service, said);
                }
            }
            if instance.child.is_none() && !instance.is_extra && Instant::now() >= instance.down_until {
                instance.spawn(&self.arguments, &self.folder)?;
            }
        }
        Ok(())
    }

    /// kill -9; it is started again after `down`.
    pub(crate) fn kill(&mut self, which: usize, down: std::time::Duration) -> &'static str {
        let instance = &mut self.instances[which];
        instance.kill();
        instance.down_until = Instant::now() + down;
        instance.service
    }

    /// SIGTERM, as a roll-out does: it ends what is in hand, and is started again.
    pub(crate) fn terminate(&mut self, which: usize) -> Outcome<&'static str> {
        self.instances[which].is_rolled = self.instances[which].child.is_some();
        self.instances[which].signal("TERM")
    }

    /// SIGSTOP, as a machine that is cut off or out of time.
    pub(crate) fn pause(&mut self, which: usize) -> Outcome<&'static str> {
        self.instances[which].is_paused = true;
        self.instances[which].signal("STOP")
    }

    /// SIGCONT to all that are paused.
    pub(crate) fn go_on(&mut self) -> Outcome {
        for instance in self.instances.iter_mut().filter(|instance| instance.is_paused) {
            instance.is_paused = false;
            instance.signal("CONT")?;
        }
        Ok(())
    }

    /// Starts another instance of a service, beside the first.
    pub(crate) fn double(&mut self, which: usize) -> Outcome<&'static str> {
        let mut extra = Instance::of(self.instances[which].service, true);
        extra.spawn(&self.arguments, &self.folder)?;
        let service = extra.service;
        self.instances.push(extra);
        Ok(service)
    }

    /// kill -9 to one instance of a service that has several: the first or the other.
    pub(crate) fn halve(&mut self, which: usize, is_first: bool) {
        if let Some(mut extra) = self.instances.pop_if(|instance| instance.is_extra) {
            if is_first {
                // The other takes its place.
                std::mem::swap(&mut extra.child, &mut self.instances[which].child);
            }
            extra.kill();
        }
    }
}

impl Instance {
    fn of(service: &'static str, is_extra: bool) -> Self {
        Self { service, child: None, down_until: Instant::now(), is_paused: false, is_rolled: false, is_extra }
    }

    fn spawn(&mut self, arguments: &[String], folder: &Path) -> Outcome {
        let log = File::options().create(true).append(true).open(folder.join(format!("{}.log", self.service)))?;
        let child = Command::new(env!("CARGO_BIN_EXE_rules-engine"))
            .args(arguments)
            .arg(self.service)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        Ok(())
    }

    fn signal(&mut self, name: &str) -> Outcome<&'static str> {
        // What is down just now gets no signal.
        if let Some(child) = &self.child {
            Command::new("sh").arg("-c").arg(format!("kill -{name} {}", child.id())).status()?;
        }
        Ok(self.service)
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Fails only if it has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}
