//! Commands and queries over HTTP, by the edge.

use std::path::PathBuf;

use eventsmith::Bus;
use rules_engine_edge::api::{Api, ApiConfig};
use tokio::net::TcpListener;

use crate::parts::Parts;

/// What serves the API of the catalogue where a listener is, to those whom the file of tokens names.
pub fn parts(bus: &Bus, listener: TcpListener, token_file: PathBuf) -> Parts {
    let api = Api::new(bus, rules_events::CATALOGUE, ApiConfig::new(token_file));
    Parts::default().with(move |stopped| async move {
        api.serve(listener, stopped.wait()).await;
        Ok(())
    })
}
