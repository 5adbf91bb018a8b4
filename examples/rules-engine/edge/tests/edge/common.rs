//! What the tests share.

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use bytes::Bytes;
use eventsmith::admin::BusAdmin as _;
use eventsmith::{Bus, Event, Value};
use http_body_util::Full;
use rules_engine_edge::external::{Answer, HttpClient};
use rules_engine_edge::serve::{Limits, serve};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// What no event, error or log may hold.
pub(crate) const TOKEN: &str = "tok-3f9c1d77e2";

/// A bus in memory with the streams and buckets of the catalogue.
pub(crate) async fn bus() -> Result<Bus, Box<dyn Error>> {
    let bus = Bus::in_memory();
    bus.provision(rules_events::STREAMS).await?;
    bus.provision(rules_events::BUCKETS).await?;
    Ok(bus)
}

/// A file that holds a secret, and its folder, with which it goes.
pub(crate) fn secret_file(lines: &str) -> Result<(TempDir, PathBuf), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("secret");
    fs::write(&path, lines)?;
    Ok((folder, path))
}

/// The events of one type that a bus in memory holds, in their order.
pub(crate) fn events<E: Event>(bus: &Bus) -> Vec<E> {
    bus.published().iter().filter_map(|stored| stored.event::<E>()).collect()
}

/// All that a bus in memory holds, as text.
pub(crate) fn everything(bus: &Bus) -> String {
    bus.published().iter().map(|stored| String::from_utf8_lossy(&stored.payload).into_owned()).collect()
}

/// A request over HTTP, and its answer.
pub(crate) struct Http {
    client: HttpClient,
    base: String,
    headers: Vec<(&'static str, String)>,
}

impl Http {
    /// Asks a server at this address.
    pub(crate) fn at(address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        Ok(Self { client: HttpClient::new()?, base: format!("http://{address}"), headers: Vec::new() })
    }

    /// The same with one more header.
    pub(crate) fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut headers = self.headers.clone();
        headers.retain(|(known, _)| *known != name);
        headers.push((name, value.into()));
        Self { client: self.client.clone(), base: self.base.clone(), headers }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Box<dyn Error>> {
        self.send("GET", path, Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Result<Answer, Box<dyn Error>> {
        self.send("POST", path, body.into()).await
    }

    async fn send(&self, method: &str, path: &str, body: Bytes) -> Result<Answer, Box<dyn Error>> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        Ok(self.client.call(request.body(Full::new(body))?, Duration::from_secs(20)).await?)
    }
}

/// What a body says.
pub(crate) fn json(answer: &Answer) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_slice(&answer.body)?)
}

/// Something that serves HTTP until it is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

/// Serves on a free port.
pub(crate) async fn served(router: Router, limits: Limits) -> Result<Served, Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(serve(listener, router, limits, stopped));
    Ok(Served { address, _stop: stop })
}

/// The first example of a schema.
pub(crate) fn example(schema: &str) -> Result<Value, Box<dyn Error>> {
    let schema: Value = serde_json::from_str(schema)?;
    Ok(schema.pointer("/examples/0").cloned().ok_or("the schema has no example")?)
}
