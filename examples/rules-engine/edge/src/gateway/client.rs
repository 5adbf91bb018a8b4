//! The client: operations, each done once under its key whatever is lost on the way.

use axum::http::{Method, Request, header};
use bytes::Bytes;
use eventsmith::Bus;
use http_body_util::Full;
use rules_events::common::{Money, PaymentId};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::foreign::{ForeignAmount, ForeignCharge, ForeignOrder, Meaning, meaning};
use super::model::{Authorization, Charge, GatewayConfig, GatewayError};
use crate::external::{CallContext, Failure, HttpClient, HttpError, Recorder};
use crate::secret;

/// A client of the payment gateway. Cheap to clone.
///
/// ```no_run
/// use eventsmith::Bus;
/// use rules_engine_edge::external::CallContext;
/// use rules_engine_edge::gateway::{Authorization, GatewayClient, GatewayConfig, GatewayError};
///
/// # async fn pay(bus: Bus, order: Authorization) -> Result<(), Box<dyn std::error::Error>> {
/// let config = GatewayConfig::new("paygate".parse()?, "https://gateway.example", "/run/secrets/gateway");
/// let gateway = GatewayClient::new(&bus, config)?;
/// let context = CallContext::default();
/// match gateway.authorize(&order, "pay_1-authorize", &context).await {
///     Ok(charge) => println!("{} is reserved", charge.authorized.amount_minor),
///     Err(GatewayError::Declined { code, .. }) => println!("declined: {code}"),
///     Err(error) if error.is_passing() => println!("{error}"), // again, under the same key
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct GatewayClient {
    http: HttpClient,
    recorder: Recorder,
    config: GatewayConfig,
}

/// One operation, in the gateway's words.
struct Operation<'a> {
    /// Its name in events.
    name: &'static str,
    method: Method,
    path: String,
    body: Vec<u8>,
    payment: &'a PaymentId,
    /// What it is done once under; a look-up has none.
    key: Option<&'a str>,
}

/// What one attempt came to.
enum Attempt {
    Done(Result<Charge, GatewayError>),
    /// Worth another attempt, as nothing was begun by this one.
    NotBegun(String),
    /// It may be done.
    Ambiguous(String),
}

impl GatewayClient {
    /// A client that records its calls on a bus.
    ///
    /// # Errors
    /// [`HttpError`] when the system has no certificates.
    pub fn new(bus: &Bus, config: GatewayConfig) -> Result<Self, HttpError> {
        let recorder = Recorder::new(bus.clone(), config.system.clone());
        Ok(Self { http: HttpClient::new()?, recorder, config })
    }

    /// The name of the gateway in events.
    pub fn system(&self) -> &rules_events::common::SystemName {
        self.recorder.system()
    }

    /// Reserves an amount. Under a key it is done once.
    ///
    /// # Errors
    /// [`GatewayError`]; [`may_be_done`](GatewayError::may_be_done) says where nobody knows.
    pub async fn authorize(
        &self,
        authorization: &Authorization,
        key: &str,
        context: &CallContext,
    ) -> Result<Charge, GatewayError> {
        let payment = &authorization.payment_id;
        self.change("authorize", payment, "", key, &ForeignOrder::of(authorization), context).await
    }

    /// Collects what is reserved, or a part of it. Under a key it is done once.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize).
    pub async fn capture(
        &self,
        payment: &PaymentId,
        amount: Option<&Money>,
        key: &str,
        context: &CallContext,
    ) -> Result<Charge, GatewayError> {
        self.change("capture", payment, "/collect", key, &ForeignAmount::of(amount), context).await
    }

    /// Gives a reservation up. Under a key it is done once.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize).
    pub async fn void(&self, payment: &PaymentId, key: &str, context: &CallContext) -> Result<Charge, GatewayError> {
        self.change("void", payment, "/cancel", key, &ForeignAmount::of(None), context).await
    }

    /// Gives back what was collected, or a part of it. Under a key it is done once.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize).
    pub async fn refund(
        &self,
        payment: &PaymentId,
        amount: Option<&Money>,
        key: &str,
        context: &CallContext,
    ) -> Result<Charge, GatewayError> {
        self.change("refund", payment, "/reverse", key, &ForeignAmount::of(amount), context).await
    }

    /// What the gateway knows of a payment; nothing if it knows none of this id.
    ///
    /// # Errors
    /// [`GatewayError::Unavailable`] when the gateway does not say, [`GatewayError::Rejected`] when it lets us not ask.
    pub async fn find(&self, payment: &PaymentId, context: &CallContext) -> Result<Option<Charge>, GatewayError> {
        let path = format!("/v3/charges/{payment}");
        let body = Vec::new();
        let look_up = Operation { name: "find", method: Method::GET, path, body, payment, key: None };
        match self.perform(&look_up, context).await {
            Ok(charge) => Ok(Some(charge)),
            Err(GatewayError::NotFound) => Ok(None),
            // To look changes nothing.
            Err(GatewayError::Unknown(reason)) => Err(GatewayError::Unavailable(reason)),
            Err(error) => Err(error),
        }
    }

    async fn change(
        &self,
        name: &'static str,
        payment: &PaymentId,
        suffix: &str,
        key: &str,
        body: &impl Serialize,
        context: &CallContext,
    ) -> Result<Charge, GatewayError> {
        let body = serde_json::to_vec(body).map_err(|_| GatewayError::Rejected("it cannot be written".to_owned()))?;
        let path = if suffix.is_empty() { "/v3/charges".to_owned() } else { format!("/v3/charges/{payment}{suffix}") };
        let operation = Operation { name, method: Method::POST, path, body, payment, key: Some(key) };
        self.perform(&operation, context).await
    }

    /// Asks until it is known what became of it, or the time is over; and puts that on record.
    async fn perform(&self, operation: &Operation<'_>, context: &CallContext) -> Result<Charge, GatewayError> {
        let mut recording = self.recorder.begin(operation.name, context);
        let deadline = Instant::now() + self.config.timeout;
        let mut may_be_done = false;
        let result = loop {
            recording.attempts = recording.attempts.saturating_add(1);
            let attempt = self.attempt(operation, deadline, &mut recording.status).await;
            let reason = match attempt {
                Attempt::Done(result) => break result,
                Attempt::NotBegun(reason) => reason,
                Attempt::Ambiguous(reason) => {
                    may_be_done = true;
                    // What was lost may be there. If it is not, the key keeps a second try from doing it twice.
                    if let Some(key) = operation.key
                        && let Some(result) = self.look_up(operation.payment, key, deadline).await
                    {
                        break result;
                    }
                    reason
                }
            };
            let pause = self.config.backoff.after(recording.attempts.into());
            if Instant::now() + pause >= deadline {
                break Err(if may_be_done { GatewayError::Unknown(reason) } else { GatewayError::Unavailable(reason) });
            }
            sleep(pause).await;
        };
        match &result {
            Err(error) if error.is_passing() || matches!(error, GatewayError::Rejected(_)) => {
                let code = match error {
                    GatewayError::Unknown(_) => "UPSTREAM_TIMEOUT",
                    GatewayError::Unavailable(_) => "UPSTREAM_UNAVAILABLE",
                    _ => "REJECTED",
                };
                let failure = Failure { code, message: error.to_string(), retryable: error.is_passing() };
                recording.failed(&failure).await;
            }
            _ => recording.completed().await,
        }
        result
    }

    async fn attempt(&self, operation: &Operation<'_>, deadline: Instant, status: &mut Option<u16>) -> Attempt {
        let request = match self.request(operation) {
            Ok(request) => request,
            Err(error) => return Attempt::Done(Err(error)),
        };
        let left = deadline.saturating_duration_since(Instant::now()).min(self.config.attempt_timeout);
        let answer = match self.http.call(request, left).await {
            Ok(answer) => answer,
            Err(error) if error.may_be_done() => return Attempt::Ambiguous(error.to_string()),
            Err(error) => return Attempt::NotBegun(error.to_string()),
        };
        *status = Some(answer.status.as_u16());
        match meaning(answer.status, &answer.body, operation.key) {
            Meaning::Outcome(result) => Attempt::Done(*result),
            Meaning::NotBegun(reason) => Attempt::NotBegun(reason),
            Meaning::Ambiguous(reason) => Attempt::Ambiguous(reason),
        }
    }

    /// What became of a key, if the gateway says so.
    async fn look_up(&self, payment: &PaymentId, key: &str, deadline: Instant) -> Option<Result<Charge, GatewayError>> {
        let path = format!("/v3/charges/{payment}");
        let look_up = Operation { name: "find", method: Method::GET, path, body: Vec::new(), payment, key: None };
        let left = deadline.saturating_duration_since(Instant::now()).min(self.config.attempt_timeout);
        let answer = self.http.call(self.request(&look_up).ok()?, left).await.ok()?;
        if !answer.status.is_success() {
            return None;
        }
        serde_json::from_slice::<ForeignCharge>(&answer.body).ok()?.outcome(key)
    }

    fn request(&self, operation: &Operation<'_>) -> Result<Request<Full<Bytes>>, GatewayError> {
        let rejected = |reason: String| GatewayError::Rejected(reason);
        let token = secret::read_one(&self.config.token_file).map_err(|error| rejected(error.to_string()))?;
        let mut bearer = header::HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| rejected("the token has characters that no header may have".to_owned()))?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(operation.method.clone())
            .uri(format!("{}{}", self.config.base_url, operation.path))
            .header(header::AUTHORIZATION, bearer)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = operation.key {
            request = request.header("x-once-key", key);
        }
        let body = Full::new(Bytes::from(operation.body.clone()));
        request.body(body).map_err(|_| rejected("the address or the key cannot stand in a request".to_owned()))
    }
}
