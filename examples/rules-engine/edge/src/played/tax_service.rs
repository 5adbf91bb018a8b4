//! A tax service that is played.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::value::RawValue;

use super::faults::{Faults, inject};
use super::server::Server;
use crate::secret::{self, Secret};
use crate::tax::foreign::{ForeignPage, ForeignRate};

/// A tax service that is played: `GET /rates?after=CURSOR&count=N` with `x-api-key`. What changed comes behind what was there, so that a
/// cursor finds it.
///
/// It ends when it is dropped.
#[derive(Debug)]
pub struct PlayedTaxService {
    server: Server,
    faults: Faults,
    rates: Rates,
}

#[derive(Debug, Clone)]
struct Rates {
    key: Secret,
    /// Every change, the oldest first; a cursor is a number of them.
    log: Arc<Mutex<Vec<ForeignRate>>>,
}

impl PlayedTaxService {
    /// Starts on a free port of this machine.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(key: impl Into<Secret>) -> io::Result<Self> {
        let (faults, rates) = (Faults::default(), Rates { key: key.into(), log: Arc::default() });
        let router = Router::new()
            .route("/rates", get(list))
            .layer(middleware::from_fn_with_state(faults.clone(), inject))
            .with_state(rates.clone());
        Ok(Self { server: Server::start(router).await?, faults, rates })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What is to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// A rate that is new or changed: `set("de", "VAT", "Restaurant meals", "7", "2026-01-01")`. The percentage is a number in JSON; nothing
    /// happens where it is none.
    pub fn set(&self, region: &str, levy: &str, goods: &str, percent: &str, from: &str) {
        let Ok(percent) = RawValue::from_string(percent.to_owned()) else { return };
        let text = str::to_owned;
        let rate =
            ForeignRate { region: text(region), levy: text(levy), goods: text(goods), percent, from: text(from) };
        self.rates.log.lock().unwrap_or_else(PoisonError::into_inner).push(rate);
    }
}

async fn list(State(rates): State<Rates>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let key = headers.get("x-api-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !secret::is(rates.key.expose(), key) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let log = rates.log.lock().unwrap_or_else(PoisonError::into_inner);
    let query = query.unwrap_or_default();
    let parameter = |name: &str| query.split('&').filter_map(|pair| pair.split_once('=')).find(|pair| pair.0 == name);
    let Some(count) = parameter("count").and_then(|(_, count)| count.parse().ok()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let after = match parameter("after").unwrap_or_default().1 {
        "" => 0,
        cursor => match cursor.strip_prefix("c-").and_then(|number| number.parse().ok()) {
            Some(number) if number <= log.len() => number,
            _ => return StatusCode::BAD_REQUEST.into_response(),
        },
    };
    let entries: Vec<_> = log.iter().skip(after).take(count).cloned().collect();
    let end = after + entries.len();
    Json(ForeignPage { entries, next: format!("c-{end}"), more: end < log.len() }).into_response()
}
