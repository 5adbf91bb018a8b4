//! Calls of systems of others: signed, fresh, and each taken on once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use eventsmith::{Bus, DateTime, PublishOptions, Value};
use rules_events::common::{DeliveryId, EndpointId, SystemName, TenantId};
use rules_events::webhook::WebhookReceived;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::claim::{Claim, claim};
use super::signature::SigningKeys;

/// The headers of Standard Webhooks.
const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
/// Headers that no event holds, whoever asks for them.
const NEVER_KEPT: [&str; 4] = ["authorization", "cookie", "proxy-authorization", SIGNATURE];
/// The longest value of a header that an event holds, in characters.
const LONGEST_HEADER: usize = 4_096;

/// An endpoint that others call: `POST /webhooks/{endpoint_id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name, and the last part of its address.
    pub endpoint_id: EndpointId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Who calls it.
    pub system: SystemName,
    /// The file of its secrets, `whsec_...`, one a line. It is read for each call.
    pub secret_file: PathBuf,
    /// The headers that events hold, in lower case.
    pub kept_headers: Vec<String>,
}

/// What incoming webhooks allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingConfig {
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How far the time of a call may be from ours, in either direction.
    pub tolerance: Duration,
    /// How many calls are under way at a time; more are answered with 429, and come again.
    pub max_concurrent: usize,
}

impl IncomingConfig {
    /// The settings for production, with these endpoints.
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        Self {
            endpoints,
            max_body: 256 * 1024,
            body_timeout: Duration::from_secs(10),
            tolerance: Duration::from_secs(5 * 60),
            max_concurrent: 256,
        }
    }
}

/// Takes the calls of others, and publishes an event for each.
///
/// A call that comes again, under the same id and with the same body, is answered as the first and publishes nothing. It is answered once
/// its event is stored; where that fails, with 503, so that its sender comes again.
///
/// ```no_run
/// use eventsmith::{Bus, shutdown_signal};
/// use rules_engine_edge::serve::{Limits, serve};
/// use rules_engine_edge::webhooks::{Incoming, IncomingConfig};
/// use tokio::net::TcpListener;
///
/// # async fn run(bus: Bus, config: IncomingConfig) -> std::io::Result<()> {
/// let incoming = Incoming::new(&bus, config);
/// serve(TcpListener::bind("0.0.0.0:8081").await?, incoming.router(), Limits::default(), shutdown_signal()).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Incoming {
    shared: Arc<Shared>,
}

struct Shared {
    bus: Bus,
    config: IncomingConfig,
    permits: Semaphore,
}

/// Why a call is not taken on: the status, and what its sender learns.
struct NotTaken(StatusCode, &'static str);

/// A call that is signed and fresh.
struct Call {
    delivery_id: DeliveryId,
    body: bytes::Bytes,
    payload: Value,
}

impl Incoming {
    /// Takes calls for these endpoints.
    pub fn new(bus: &Bus, config: IncomingConfig) -> Self {
        let permits = Semaphore::new(config.max_concurrent);
        Self { shared: Arc::new(Shared { bus: bus.clone(), config, permits }) }
    }

    /// The route of all endpoints.
    pub fn router(&self) -> Router {
        Router::new().route("/webhooks/{endpoint}", post(called)).with_state(Arc::clone(&self.shared))
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("bus", &self.shared.bus).finish_non_exhaustive()
    }
}

impl IntoResponse for NotTaken {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

async fn called(State(shared): State<Arc<Shared>>, Path(name): Path<String>, request: Request) -> Response {
    let received_at = DateTime::now();
    let Ok(_permit) = shared.permits.try_acquire() else {
        return NotTaken(StatusCode::TOO_MANY_REQUESTS, "too many calls at once; come again").into_response();
    };
    let Some(endpoint) = shared.config.endpoints.iter().find(|endpoint| endpoint.endpoint_id.as_str() == name) else {
        return NotTaken(StatusCode::NOT_FOUND, "there is no such endpoint").into_response();
    };
    let (head, body) = request.into_parts();
    let call = match shared.verified(endpoint, &head.headers, body).await {
        Ok(call) => call,
        Err(not_taken) => {
            tracing::info!(endpoint = %endpoint.endpoint_id, reason = not_taken.1, "a call of a webhook is not taken on");
            return not_taken.into_response();
        }
    };
    match shared.take_on(endpoint, call, &head.headers, received_at).await {
        Ok(taken) => Json(json!({"status": taken})).into_response(),
        Err(not_taken) => not_taken.into_response(),
    }
}

impl Shared {
    /// The call, if its sender has a secret of the endpoint and sent it now.
    async fn verified(
        &self,
        endpoint: &Endpoint,
        headers: &HeaderMap,
        body: axum::body::Body,
    ) -> Result<Call, NotTaken> {
        const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
        let malformed = |why| NotTaken(StatusCode::BAD_REQUEST, why);
        let id = text(headers, ID).ok_or(malformed("webhook-id is missing, or stands there twice"))?;
        let signatures = text(headers, SIGNATURE).ok_or(NotTaken(UNAUTHORIZED, "webhook-signature is missing"))?;
        let timestamp = text(headers, TIMESTAMP).and_then(|text| text.parse::<i64>().ok());
        let timestamp = timestamp.ok_or(malformed("webhook-timestamp is no number of seconds"))?;
        // Who sends what is too old, or from the future, is not waited for.
        if !is_fresh(timestamp, SystemTime::now(), self.config.tolerance) {
            return Err(NotTaken(UNAUTHORIZED, "webhook-timestamp is too far from now"));
        }
        let keys = SigningKeys::read(&endpoint.secret_file).map_err(|error| {
            tracing::error!(%error, endpoint = %endpoint.endpoint_id, "no call can be verified");
            NotTaken(StatusCode::SERVICE_UNAVAILABLE, "no call can be verified at present; come again")
        })?;
        let read = timeout(self.config.body_timeout, to_bytes(body, self.config.max_body)).await;
        let body = read
            .map_err(|_| NotTaken(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"))?
            .map_err(|_| NotTaken(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or was cut off"))?;
        if !keys.verify(id, timestamp, &body, signatures) {
            return Err(NotTaken(UNAUTHORIZED, "no signature is right"));
        }
        let delivery_id = id.try_into().map_err(|_| malformed("webhook-id is no name of letters, digits, - and _"))?;
        let payload = serde_json::from_slice(&body).map_err(|_| malformed("the body is no JSON"))?;
        Ok(Call { delivery_id, body, payload })
    }

    /// Publishes the event of a call that is new, and says whether it was.
    async fn take_on(
        &self,
        endpoint: &Endpoint,
        call: Call,
        headers: &HeaderMap,
        received_at: DateTime,
    ) -> Result<&'static str, NotTaken> {
        let unavailable = || NotTaken(StatusCode::SERVICE_UNAVAILABLE, "it cannot be stored at present; come again");
        let claim = claim(&self.bus, &endpoint.endpoint_id, &call.delivery_id, &call.body).await.map_err(|error| {
            tracing::warn!(%error, "a call of a webhook cannot be claimed");
            unavailable()
        })?;
        let claimed = match claim {
            Claim::Ours(claimed) => claimed,
            Claim::Done => return Ok("repeated"),
            Claim::Other => return Err(NotTaken(StatusCode::CONFLICT, "the id was used for another body")),
        };
        let is_type = |text: &&str| {
            (1..=128).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        let event = WebhookReceived {
            tenant_id: endpoint.tenant_id.clone(),
            endpoint_id: endpoint.endpoint_id.clone(),
            delivery_id: call.delivery_id,
            system: endpoint.system.clone(),
            event_type: call.payload.get("type").and_then(Value::as_str).filter(is_type).map(str::to_owned),
            signature_verified: true,
            headers: Some(kept(&endpoint.kept_headers, headers)),
            payload: call.payload,
            received_at,
        };
        let options = PublishOptions { id: Some(claimed.event_id), ..PublishOptions::default() };
        self.bus.publish_with(&event, options).await.map_err(|error| {
            tracing::warn!(%error, "a call of a webhook cannot be published");
            unavailable()
        })?;
        claimed.done(&self.bus).await;
        Ok("received")
    }
}

/// Whether a time, in seconds of the epoch, is near enough.
fn is_fresh(timestamp: i64, now: SystemTime, tolerance: Duration) -> bool {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    u64::try_from(timestamp).is_ok_and(|timestamp| timestamp.abs_diff(now) <= tolerance.as_secs())
}

/// The text of a header that stands there once.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok().filter(|text| !text.is_empty())
}

/// The headers of a call that its event holds.
fn kept(names: &[String], headers: &HeaderMap) -> BTreeMap<String, String> {
    let wanted = names.iter().filter(|name| !NEVER_KEPT.contains(&name.as_str()));
    let value = |name: &String| {
        let value = headers.get(name.as_str())?.to_str().ok()?;
        Some((name.clone(), value.chars().take(LONGEST_HEADER).collect()))
    };
    wanted.filter_map(value).take(50).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_fresh_as_long_as_it_is_near_in_either_direction() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let tolerance = Duration::from_secs(300);

        for fresh in [999_700, 1_000_000, 1_000_300] {
            assert!(is_fresh(fresh, now, tolerance), "{fresh}");
        }
        for stale in [999_699, 1_000_301, 0, -1_000_000, i64::MIN, i64::MAX] {
            assert!(!is_fresh(stale, now, tolerance), "{stale}");
        }
    }

    #[test]
    fn no_event_holds_a_secret_of_a_header() {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "webhook-signature", "user-agent"] {
            headers.insert(name, "value".parse().unwrap());
        }
        let names = ["authorization", "webhook-signature", "user-agent", "absent"].map(str::to_owned);

        assert_eq!(kept(&names, &headers), BTreeMap::from([("user-agent".to_owned(), "value".to_owned())]));
    }
}
