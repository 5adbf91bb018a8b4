//! The servers of the rules engine, made by the binary: keys, configurations, processes, and whoever connects.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use eventsmith::testing::find_or_install;
use eventsmith::{Bus, Config};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::Outcome;
use crate::process::{Process, free_ports};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The catalogue of the rules engine.
pub(crate) const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas");

/// A server or a cluster that runs.
pub(crate) struct Scene {
    pub(crate) folder: TempDir,
    pub(crate) nodes: Vec<Process>,
    ports: Vec<u16>,
    node_options: Vec<String>,
}

/// Runs the binary.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eventsmith")).args(arguments).output().unwrap()
}

/// What it wrote to both outputs.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Scene {
    /// Starts one server, or three.
    pub(crate) async fn start(count: usize) -> Outcome<Self> {
        Self::start_with(count, find_or_install()?).await
    }

    /// The same, of another program.
    pub(crate) async fn start_with(count: usize, program: PathBuf) -> Outcome<Self> {
        let folder = TempDir::new()?;
        let mut scene = Self { folder, nodes: Vec::new(), ports: Vec::new(), node_options: Vec::new() };
        for number in 1..=count {
            let [client, route, monitor] = free_ports()?;
            scene.ports.push(client);
            scene.node_options.push(format!("rules-{number}=localhost:{client}:{route}:{monitor}"));
        }
        scene.keys(&[])?;
        scene.write()?;
        for number in 1..=count {
            scene.nodes.push(Process::start(program.clone(), scene.path(&format!("config/rules-{number}.conf")))?);
        }
        scene.ready().await?;
        Ok(scene)
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn with_nodes<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let nodes = self.node_options.iter().flat_map(|node| ["--node", node.as_str()]);
        arguments.iter().copied().chain(nodes).collect()
    }

    /// `server keys`.
    pub(crate) fn keys(&self, more: &[&str]) -> Outcome {
        let out = self.path("keys");
        let arguments = ["server", "keys", "--schemas", SCHEMAS, "--out", text(&out)];
        let output = run(&self.with_nodes(&[&arguments, more].concat()));
        if output.status.success() { Ok(()) } else { Err(said(&output).into()) }
    }

    /// `server config`. Each node has a store of its own, as they share a machine.
    pub(crate) fn write(&self) -> Outcome {
        self.write_with(&[])
    }

    /// `server config --users`.
    pub(crate) fn write_users(&self) -> Outcome {
        self.write_with(&["--users"])
    }

    fn write_with(&self, more: &[&str]) -> Outcome {
        let (keys, out, tls, store) =
            (self.path("keys"), self.path("config"), self.path("keys/tls"), self.path("store"));
        let arguments = [
            "server",
            "config",
            "--schemas",
            SCHEMAS,
            "--keys",
            text(&keys),
            "--out",
            text(&out),
            "--tls",
            text(&tls),
            "--store",
            text(&store),
        ];
        let replicas = if self.ports.len() == 1 { ["--replicas", "1"].as_slice() } else { &[] };
        let output = run(&self.with_nodes(&[&arguments, replicas, more].concat()));
        if !output.status.success() {
            return Err(said(&output).into());
        }
        for entry in fs::read_dir(&out)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "conf") {
                let name = path.file_stem().and_then(|name| name.to_str()).ok_or("a file without a name")?;
                let own = format!("{}/{name}", text(&store));
                let written = fs::read_to_string(&path)?;
                if !written.contains(&own) {
                    fs::write(&path, written.replace(text(&store), &own))?;
                }
            }
        }
        Ok(())
    }

    /// Waits until all that run can be asked, and in a cluster have a leader.
    pub(crate) async fn ready(&self) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(Ok(client)) = timeout(Duration::from_secs(5), self.client("operators/provision")).await {
                let info = timeout(Duration::from_secs(5), client.client.request("$JS.API.INFO", "".into())).await;
                if let Ok(Ok(answer)) = info
                    && serde_json::from_slice::<Value>(&answer.payload).is_ok_and(|answer| answer["error"].is_null())
                {
                    return Ok(());
                }
            }
            if Instant::now() > deadline {
                let logs: Vec<String> = self.nodes.iter().map(Process::log).collect();
                return Err(format!("no server became ready:\n{}", logs.join("\n---\n")).into());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Where clients find the first one.
    pub(crate) fn port(&self) -> u16 {
        self.ports[0]
    }

    fn urls(&self) -> Vec<String> {
        self.ports.iter().map(|port| format!("tls://localhost:{port}")).collect()
    }

    /// What a program of a user is configured with.
    pub(crate) fn config(&self, user: &str) -> Config {
        Config {
            servers: self.urls().into_iter().map(Into::into).collect(),
            name: user.rsplit('/').next().unwrap_or(user).to_owned(),
            nkey_seed_file: Some(self.path(&format!("keys/{user}.nk"))),
            tls_ca_file: Some(self.path("keys/tls/ca.crt")),
            require_tls: true,
            inbox_prefix: Some(inbox(user)),
            ..Config::default()
        }
    }

    pub(crate) async fn bus(&self, user: &str) -> Outcome<Bus> {
        Ok(Bus::connect(self.config(user)).await?)
    }

    /// `backup restore --replace`, which looks at no catalogue.
    pub(crate) fn restore(&self, backup: &Path) -> Output {
        let config = self.configured("operators/restore");
        run(&["backup", "restore", text(backup), "--replace", "--config", text(&config)])
    }

    /// Runs the binary as a user.
    pub(crate) fn run_as(&self, user: &str, arguments: &[&str]) -> Output {
        let config = self.configured(user);
        run(&[arguments, &["--schemas", SCHEMAS, "--config", text(&config)]].concat())
    }

    /// Writes what a program of a user is configured with.
    fn configured(&self, user: &str) -> PathBuf {
        let config = self.path(&format!("{}.toml", user.replace('/', "-")));
        let replicas = if self.ports.len() == 1 { "replicas = 1\n" } else { "" };
        let lines = format!(
            "servers = {:?}\nnkey_seed_file = {:?}\ntls_ca_file = {:?}\nrequire_tls = true\ninbox_prefix = {:?}\n{replicas}",
            self.urls(),
            self.path(&format!("keys/{user}.nk")),
            self.path("keys/tls/ca.crt"),
            inbox(user),
        );
        fs::write(&config, lines).unwrap();
        config
    }

    /// `streams apply`, as the user for that.
    pub(crate) fn provision(&self) -> Outcome {
        let output = self.run_as("operators/provision", &["streams", "apply"]);
        if output.status.success() { Ok(()) } else { Err(said(&output).into()) }
    }

    /// Connects as somebody who keeps to no rules.
    pub(crate) async fn client(&self, user: &str) -> Outcome<Intruder> {
        let seed = fs::read_to_string(self.path(&format!("keys/{user}.nk")))?;
        self.intruder(seed.trim(), &inbox(user)).await
    }

    pub(crate) async fn intruder(&self, seed: &str, inbox: &str) -> Outcome<Intruder> {
        let told = Arc::new((Mutex::new(Vec::new()), Notify::new()));
        let log = Arc::clone(&told);
        let client = ConnectOptions::with_nkey(seed.to_owned())
            .add_root_certificates(self.path("keys/tls/ca.crt"))
            .require_tls(true)
            .custom_inbox_prefix(inbox)
            .max_reconnects(Some(1))
            .event_callback(move |event| {
                log.0.lock().unwrap().push(event.to_string());
                log.1.notify_waiters();
                std::future::ready(())
            })
            .connect(self.urls())
            .await?;
        Ok(Intruder { client, told })
    }
}

/// What the inboxes of a user begin with.
pub(crate) fn inbox(user: &str) -> String {
    format!("_INBOX.{}", user.replace('/', "."))
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A client, and what the server told it.
pub(crate) struct Intruder {
    pub(crate) client: Client,
    told: Arc<(Mutex<Vec<String>>, Notify)>,
}

impl Intruder {
    /// The subjects that were denied since the last call, each as it was tried: what was sent before is decided by then.
    pub(crate) async fn denied(&self) -> Outcome<Vec<String>> {
        const LAST: &str = "nobody.may.this";
        self.client.publish(LAST, "".into()).await?;
        self.client.flush().await?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let is_told = self.told.0.lock().unwrap().iter().any(|told| told.contains(LAST));
            if is_told {
                break;
            }
            if Instant::now() > deadline {
                return Err(format!("the server did not say that {LAST} is denied: silence").into());
            }
            let _ = timeout(Duration::from_millis(20), self.told.1.notified()).await;
        }
        let told = std::mem::take(&mut *self.told.0.lock().unwrap());
        let quoted = told.iter().filter(|told| told.to_lowercase().contains("permissions violation"));
        let subjects = quoted.filter_map(|told| told.split('"').nth(1)).filter(|subject| *subject != LAST);
        Ok(subjects.map(ToOwned::to_owned).collect())
    }
}
