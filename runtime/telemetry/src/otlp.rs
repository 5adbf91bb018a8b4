//! Exporting to a collector by OTLP, over HTTP.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::telemetry::{TelemetryBuilder, TelemetryError};

/// How long a collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer of a collector that is read, in bytes.
const LONGEST_ANSWER: usize = 65_536;

impl TelemetryBuilder {
    /// Sends spans and metrics to a collector by OTLP over HTTP, as protobuf: `http://127.0.0.1:4318`. A collector beside the service is
    /// what encrypts and authenticates on the way further; this speaks plain HTTP. Whatever becomes of it, the service goes on: what
    /// cannot be sent is dropped.
    pub fn otlp(mut self, endpoint: impl Into<String>) -> Self {
        self.otlp = Some(endpoint.into());
        self
    }

    pub(crate) fn with_otlp(mut self) -> Result<Self, TelemetryError> {
        let Some(endpoint) = self.otlp.take() else { return Ok(self) };
        let failed = |what: &'static str, reason: String| TelemetryError::Exporter { what, reason };
        if endpoint.contains('@') {
            let reason =
                "its address holds a password, which is not sent; a collector beside the service is what authenticates";
            return Err(failed("spans", reason.to_owned()));
        }
        let is_plain = endpoint.parse().is_ok_and(|uri: http::Uri| uri.scheme_str() == Some("http"));
        if !is_plain {
            let reason = format!("{endpoint:?} is no address such as http://127.0.0.1:4318");
            return Err(failed("spans", reason));
        }
        let endpoint = endpoint.trim_end_matches('/');
        let client = Arc::new(Collector::new().map_err(|error| failed("spans", error.to_string()))?);
        let spans = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(client.clone())
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .build()
            .map_err(|error| failed("spans", error.to_string()))?;
        let metrics = MetricExporter::builder()
            .with_http()
            .with_shared_http_client(client)
            .with_endpoint(format!("{endpoint}/v1/metrics"))
            .build()
            .map_err(|error| failed("metrics", error.to_string()))?;
        self.meters = self.meters.with_periodic_exporter(metrics);
        Ok(self.span_exporter(spans))
    }
}

/// The way to a collector. It has a thread of its own, so that neither waits for the other: exporters export, whatever handlers do.
struct Collector {
    runtime: Option<Runtime>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Collector {
    fn new() -> std::io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("eventsmith-otlp").enable_all().build()?;
        Ok(Self { runtime: Some(runtime), client: Client::builder(TokioExecutor::new()).build_http() })
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // Where this is dropped, nothing may wait for the thread.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl HttpClient for Collector {
    fn send_bytes<'a, 'async_trait>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'a: 'async_trait,
        Self: 'async_trait,
    {
        let client = self.client.clone();
        let sending = async move {
            let answer = client.request(request.map(Full::new)).await?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        let sent = self.runtime.as_ref().map(|runtime| runtime.spawn(async move { timeout(PATIENCE, sending).await }));
        Box::pin(async move {
            match sent {
                // The thread of the exporter waits here; the time is kept by the other one.
                Some(sent) => sent.await??,
                None => Err("the exporter has ended".into()),
            }
        })
    }
}
