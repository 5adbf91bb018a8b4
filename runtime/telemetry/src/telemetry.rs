//! Telemetry of one service.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventsmith_bus::observe::{Component, ComponentKind, Incoming, Observer, Occurrence, TraceContext};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{MeterProviderBuilder, SdkMeterProvider};
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracerProvider, SpanExporter, TracerProviderBuilder};
use prometheus::Registry;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use crate::components::Components;
use crate::metrics::Metrics;
use crate::sampling::{self, Carried, OfRoots, Sampled};
use crate::traces::{LaterDeliveries, Traces};

/// Under which name spans and metrics are made.
const SCOPE: &str = "eventsmith";

/// Traces, metrics and health of a service. Cheap to clone.
///
/// ```
/// use eventsmith_telemetry::Telemetry;
///
/// # fn main() -> Result<(), eventsmith_telemetry::TelemetryError> {
/// let telemetry = Telemetry::builder("promotions").build()?;
/// // let bus = Bus::connect(config).await?.observed_by(telemetry.observer());
/// assert!(telemetry.unready()[0].contains("no bus"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
}

struct Inner {
    traces: Traces,
    metrics: Metrics,
    components: Components,
    registry: Registry,
    meters: SdkMeterProvider,
    tracers: SdkTracerProvider,
    /// Of traces that begin here.
    sampler: Sampler,
    is_stopping: AtomicBool,
}

/// Why telemetry cannot be set up.
///
/// ```
/// use eventsmith_telemetry::{Telemetry, TelemetryError};
///
/// let error: TelemetryError = Telemetry::builder("promotions").sampled(1.5).build().unwrap_err();
/// assert!(error.to_string().contains("between 0 and 1"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The share of traces that are sampled is none.
    #[error("{0} is no share of traces; it must be between 0 and 1")]
    Sampled(f64),
    /// An exporter cannot be set up.
    #[error("the exporter of {what} cannot be set up: {reason}")]
    Exporter {
        /// What it was to export.
        what: &'static str,
        /// What went wrong.
        reason: String,
    },
}

/// How telemetry is set up, see [`Telemetry::builder`].
#[must_use = "nothing is set up before `build`"]
pub struct TelemetryBuilder {
    resource: Vec<KeyValue>,
    service: String,
    later: LaterDeliveries,
    baggage: bool,
    sampled: f64,
    tracers: TracerProviderBuilder,
    pub(crate) meters: MeterProviderBuilder,
    /// Where spans and metrics go to by OTLP.
    #[cfg(feature = "otlp")]
    pub(crate) otlp: Option<String>,
}

impl fmt::Debug for TelemetryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryBuilder")
            .field("service", &self.service)
            .field("sampled", &self.sampled)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Telemetry of the service of this name: metrics for [`/metrics`](Self::serve), and spans that nobody exports yet.
    pub fn builder(service: impl Into<String>) -> TelemetryBuilder {
        TelemetryBuilder {
            resource: Vec::new(),
            service: service.into(),
            later: LaterDeliveries::default(),
            baggage: false,
            sampled: 1.0,
            tracers: SdkTracerProvider::builder(),
            meters: SdkMeterProvider::builder(),
            #[cfg(feature = "otlp")]
            otlp: None,
        }
    }

    /// What the bus is to be [observed by](eventsmith_bus::bus::Bus::observed_by).
    pub fn observer(&self) -> Arc<dyn Observer> {
        Arc::<Inner>::clone(&self.inner)
    }

    /// A layer for the subscriber of the program: it exports its spans, those of the bus and those that handlers make. Events of the
    /// bus, which quote errors and so perhaps payloads, are for logs and not exported.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let layer = OpenTelemetryLayer::new(self.inner.tracers.tracer(SCOPE))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false);
        let seen = layer.with_filter(Sampled(self.inner.sampler.clone()));
        let of_the_bus = filter_fn(sampling::is_of_the_bus).with_max_level_hint(LevelFilter::INFO);
        Carried.with_filter(of_the_bus).and_then(seen)
    }

    /// Makes spans of the whole program exported, where it has no subscriber of its own: [`layer`](Self::layer) is for those that have.
    ///
    /// # Errors
    /// [`TelemetryError`] when there is a subscriber already.
    pub fn init(&self) -> Result<(), TelemetryError> {
        use tracing_subscriber::layer::SubscriberExt;

        let subscriber = tracing_subscriber::registry().with(self.layer());
        tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::Exporter {
            what: "spans",
            reason: "the program has a subscriber already; add `Telemetry::layer` to it".to_owned(),
        })
    }

    /// From now on the process is not ready. [`serve`](Self::serve) does so by itself.
    pub fn stop(&self) {
        self.inner.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Exports what was not exported yet, and ends. Spans and metrics of later on are lost.
    pub async fn shutdown(&self) {
        self.stop();
        let inner = Arc::clone(&self.inner);
        // Both wait for their exporters.
        let ended = tokio::task::spawn_blocking(move || {
            for (what, ended) in [("spans", inner.tracers.shutdown()), ("metrics", inner.meters.shutdown())] {
                if let Err(error) = ended {
                    tracing::warn!(what, %error, "the last of it may not have been exported");
                }
            }
        });
        drop(ended.await);
    }

    /// Exports what was not exported yet.
    pub async fn flush(&self) {
        let inner = Arc::clone(&self.inner);
        let flushed = tokio::task::spawn_blocking(move || {
            drop(inner.tracers.force_flush());
            drop(inner.meters.force_flush());
        });
        drop(flushed.await);
    }

    pub(crate) fn components(&self) -> &Components {
        &self.inner.components
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.inner.is_stopping.load(Ordering::Relaxed)
    }
}

impl TelemetryBuilder {
    /// Something that is true of the whole process, such as `deployment.environment.name`.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.resource.push(KeyValue::new(name.into(), value.into()));
        self
    }

    /// Which share of the traces that begin here are exported, from 0 to 1; traces that began elsewhere are as their beginning says.
    /// Default: all.
    pub fn sampled(mut self, share: f64) -> Self {
        self.sampled = share;
        self
    }

    /// What the trace of a delivery is that is not the first of its event.
    pub fn later_deliveries(mut self, later: LaterDeliveries) -> Self {
        self.later = later;
        self
    }

    /// Whether W3C baggage is carried on: from a message into the spans of its handler, and from there into what the handler sends. It
    /// goes wherever messages go, so it must hold nothing that may not be read there. Default: no.
    pub fn baggage(mut self, is_carried: bool) -> Self {
        self.baggage = is_carried;
        self
    }

    /// Exports spans by an exporter of one's own, in batches, from a thread of its own.
    pub fn span_exporter(mut self, exporter: impl SpanExporter + 'static) -> Self {
        self.tracers = self.tracers.with_span_processor(BatchSpanProcessor::builder(exporter).build());
        self
    }

    /// Sets it up.
    ///
    /// # Errors
    /// [`TelemetryError`] when something in it makes no sense, or an exporter cannot be set up.
    pub fn build(self) -> Result<Telemetry, TelemetryError> {
        if !(0.0..=1.0).contains(&self.sampled) {
            return Err(TelemetryError::Sampled(self.sampled));
        }
        #[cfg(feature = "otlp")]
        let this = self.with_otlp()?;
        #[cfg(not(feature = "otlp"))]
        let this = self;
        let resource = Resource::builder().with_service_name(this.service).with_attributes(this.resource).build();
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()
            .map_err(|error| TelemetryError::Exporter { what: "metrics", reason: error.to_string() })?;
        let meters = this.meters.with_reader(exporter).with_resource(resource.clone()).build();
        let sampler = Sampler::TraceIdRatioBased(this.sampled);
        let of_parents = Sampler::ParentBased(Box::new(OfRoots(sampler.clone())));
        let tracers = this.tracers.with_sampler(of_parents).with_resource(resource).build();
        let (meter, components) = (meters.meter(SCOPE), Components::default());
        crate::figures::register(&meter, &components);
        let inner = Inner {
            traces: Traces::new(this.later, this.baggage),
            metrics: Metrics::new(&meter),
            components,
            registry,
            meters,
            tracers,
            sampler,
            is_stopping: AtomicBool::new(false),
        };
        Ok(Telemetry { inner: Arc::new(inner) })
    }
}

impl Observer for Inner {
    fn observe(&self, occurrence: &Occurrence<'_>) {
        self.metrics.observe(occurrence);
    }

    fn meet(&self, component: &Arc<dyn Component>) {
        if component.kind() == ComponentKind::Consumer {
            self.metrics.meet_consumer(&component.name());
        }
        self.components.add(component);
    }

    fn arriving(&self, message: &Incoming<'_>) {
        self.traces.arriving(message);
    }

    fn incoming(&self, span: &Span, message: &Incoming<'_>) {
        self.traces.incoming(span, message);
    }

    fn outgoing(&self, span: &Span, context: &mut TraceContext) {
        self.traces.outgoing(span, context);
    }
}
