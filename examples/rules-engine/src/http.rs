//! Commands and queries over HTTP, by the edge.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use eventsmith::Bus;
use rules_engine_edge::api::{Api, ApiConfig};
use tokio::net::TcpListener;

use crate::parts::Parts;

/// What serves the API of the catalogue at an address, to those whom the file of tokens names.
pub fn parts(bus: &Bus, address: SocketAddr, token_file: PathBuf) -> Parts {
    let api = Api::new(bus, rules_events::CATALOGUE, ApiConfig::new(token_file));
    Parts::default().with(move |stopped| async move {
        let listener = TcpListener::bind(address).await.with_context(|| format!("{address} cannot be served"))?;
        println!("http://{}/openapi.json lists what can be asked", listener.local_addr()?);
        api.serve(listener, stopped.wait()).await;
        Ok(())
    })
}
