//! The client of the tax service: pages of rates.

use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderValue, Request};
use bytes::Bytes;
use eventsmith::Bus;
use http_body_util::Full;
use rules_events::common::SystemName;
use tokio::time::sleep;

use super::foreign::{ForeignPage, ForeignRate};
use super::model::Rate;
use crate::external::{Backoff, CallContext, Failure, HttpClient, HttpError, Recorder};
use crate::secret;

/// Where the tax service is and how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxConfig {
    /// The name of the service in events.
    pub system: SystemName,
    /// Where it is, without a path.
    pub base_url: String,
    /// The file that holds the key; it is read for each call.
    pub key_file: PathBuf,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How often a page is asked for.
    pub max_attempts: u16,
    /// How long to wait between attempts.
    pub backoff: Backoff,
    /// How many rates a page has at most.
    pub page_size: u32,
}

impl TaxConfig {
    /// A tax service at an address: five attempts of 5 s, pages of 200.
    pub fn new(system: SystemName, base_url: impl Into<String>, key_file: impl Into<PathBuf>) -> Self {
        Self {
            system,
            base_url: base_url.into(),
            key_file: key_file.into(),
            attempt_timeout: Duration::from_secs(5),
            max_attempts: 5,
            backoff: Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(10) },
            page_size: 200,
        }
    }
}

/// A page of rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The rates that mean something here.
    pub rates: Vec<Rate>,
    /// How many records mean nothing here.
    pub skipped: u32,
    /// Where the next page begins.
    pub next: String,
    /// Whether there is more.
    pub more: bool,
}

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tax service gives no page of rates: {message}")]
pub struct TaxError {
    /// For programs, as `error_code` of events has it.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Whether it makes sense to ask again later.
    pub retryable: bool,
}

/// A client of the tax service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TaxServiceClient {
    http: HttpClient,
    recorder: Recorder,
    config: TaxConfig,
}

impl TaxServiceClient {
    /// A client that records its calls on a bus.
    ///
    /// # Errors
    /// [`HttpError`] when the system has no certificates.
    pub fn new(bus: &Bus, config: TaxConfig) -> Result<Self, HttpError> {
        let recorder = Recorder::new(bus.clone(), config.system.clone());
        Ok(Self { http: HttpClient::new()?, recorder, config })
    }

    /// The name of the service in events.
    pub fn system(&self) -> &SystemName {
        self.recorder.system()
    }

    /// The page of rates behind a cursor; without one the first. To ask changes nothing, so it is tried again whatever is lost.
    ///
    /// # Errors
    /// [`TaxError`] when no attempt gave one.
    pub async fn page(&self, cursor: Option<&str>, context: &CallContext) -> Result<Page, TaxError> {
        let mut recording = self.recorder.begin("list_rates", context);
        let result = loop {
            recording.attempts += 1;
            let error = match self.attempt(cursor, &mut recording.status).await {
                Ok(page) => break Ok(page),
                Err(error) => error,
            };
            if !error.retryable || recording.attempts >= self.config.max_attempts {
                break Err(error);
            }
            sleep(self.config.backoff.after(recording.attempts.into())).await;
        };
        match &result {
            Ok(_) => recording.completed().await,
            Err(TaxError { code, message, retryable }) => {
                let (message, retryable) = (message.clone(), *retryable);
                recording.failed(&Failure { code, message, retryable }).await;
            }
        }
        result
    }

    async fn attempt(&self, cursor: Option<&str>, status: &mut Option<u16>) -> Result<Page, TaxError> {
        let lasting = |message: String| TaxError { code: "REJECTED", message, retryable: false };
        let key = secret::read_one(&self.config.key_file).map_err(|error| lasting(error.to_string()))?;
        let mut key = HeaderValue::try_from(key.expose())
            .map_err(|_| lasting("the key has characters that no header may have".to_owned()))?;
        key.set_sensitive(true);
        // A cursor of theirs goes back as it came, wherever it can stand in an address.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        let cursor = cursor.unwrap_or_default();
        if !cursor.bytes().all(is_plain) {
            return Err(lasting("the cursor cannot stand in an address".to_owned()));
        }
        let TaxConfig { base_url, page_size, .. } = &self.config;
        let request = Request::get(format!("{base_url}/rates?after={cursor}&count={page_size}"))
            .header("x-api-key", key)
            .body(Full::new(Bytes::new()))
            .map_err(|_| lasting("the address cannot stand in a request".to_owned()))?;
        let answer = self.http.call(request, self.config.attempt_timeout).await.map_err(|error| TaxError {
            code: error.code(),
            message: error.to_string(),
            retryable: true,
        })?;
        let code = answer.status.as_u16();
        *status = Some(code);
        let failed = |message: String, retryable| TaxError { code: "UPSTREAM_ERROR", message, retryable };
        if !answer.status.is_success() {
            return Err(failed(format!("it answers {code}"), code >= 500 || matches!(code, 408 | 429)));
        }
        let page: ForeignPage = serde_json::from_slice(&answer.body)
            .map_err(|_| failed("its answer is not understood".to_owned(), true))?;
        if page.next.is_empty() || page.next.len() > 512 {
            return Err(failed("its cursor is empty, or too long".to_owned(), false));
        }
        let rates: Vec<Rate> = page.entries.iter().filter_map(ForeignRate::rate).collect();
        let skipped = u32::try_from(page.entries.len() - rates.len()).unwrap_or(u32::MAX);
        Ok(Page { rates, skipped, next: page.next, more: page.more })
    }
}
