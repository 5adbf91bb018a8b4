//! A collector that takes in what is exported by OTLP over HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;
use tokio::net::TcpListener;

/// A span as it was exported.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) name: String,
    /// As OTLP has it: 2 server, 3 client, 4 producer, 5 consumer.
    pub(crate) kind: i32,
    pub(crate) trace: Vec<u8>,
    pub(crate) id: Vec<u8>,
    pub(crate) parent: Vec<u8>,
    /// The ids of the spans that it is linked to.
    pub(crate) links: Vec<Vec<u8>>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) is_error: bool,
    /// All of it as text, for what must not be in it.
    pub(crate) text: String,
}

impl Span {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// What came so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    metrics: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    /// Listens, and returns where.
    pub(crate) async fn start() -> Result<(Self, String), Box<dyn std::error::Error>> {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((collector, address))
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }

    /// The names of the metrics that came.
    pub(crate) fn metrics(&self) -> Vec<String> {
        self.metrics.lock().unwrap().clone()
    }

    /// Waits until there are spans that do.
    pub(crate) async fn until(&self, what: &str, is_there: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        for _ in 0..1_200 {
            let spans = self.spans();
            if is_there(&spans) {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let names: Vec<String> = self.spans().iter().map(|span| format!("{}: {}", span.service, span.name)).collect();
        panic!("waited in vain for {what}; there are {names:#?}");
    }
}

async fn traces(State(collector): State<Collector>, body: Bytes) -> Vec<u8> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    for resource in request.resource_spans {
        let of = attributes(&resource.resource.map(|resource| resource.attributes).unwrap_or_default());
        let service = of.get("service.name").cloned().unwrap_or_default();
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            collector.spans.lock().unwrap().push(Span {
                service: service.clone(),
                text: format!("{span:?}"),
                attributes: attributes(&span.attributes),
                is_error: span.status.is_some_and(|status| status.code == 2),
                links: span.links.into_iter().map(|link| link.span_id).collect(),
                name: span.name,
                kind: span.kind,
                trace: span.trace_id,
                id: span.span_id,
                parent: span.parent_span_id,
            });
        }
    }
    Vec::new()
}

async fn metrics(State(collector): State<Collector>, body: Bytes) -> Vec<u8> {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    collector.metrics.lock().unwrap().extend(scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name));
    Vec::new()
}

fn attributes(of: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    of.iter().map(|attribute| (attribute.key.clone(), text(&attribute.value))).collect()
}
