//! Layers of tower around handlers, on a bus in memory: they know nothing of transports.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::{Bus, HandlerError, Received};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use tower::{BoxError, Layer, Service, ServiceBuilder};

use crate::common::*;

async fn bus(events: u32) -> Outcome<Bus> {
    let bus = Bus::in_memory();
    bus.provision(&[STREAM, DEAD_LETTERS]).await?;
    bus.publish_all(&(0..events).map(activated).collect::<Vec<_>>()).await?;
    Ok(bus)
}

#[tokio::test]
async fn what_a_timeout_cuts_off_is_tried_again() -> Outcome {
    let bus = bus(1).await?;
    let service = ServiceBuilder::new().layer(TimeoutLayer::new(Duration::from_millis(20))).service_fn(
        |event: Received<Activated>| async move {
            if event.attempt() == 1 {
                std::future::pending::<()>().await;
            }
            Ok::<(), BoxError>(())
        },
    );

    let consumer = run(bus.consumer("promotions").on_service(service));
    bus.settle().await;

    let summary = consumer.stop().await?;
    assert_eq!((summary.handled, summary.failed), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_limit_of_concurrency_holds_over_all_clones_of_a_handler() -> Outcome {
    let bus = bus(50).await?;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&running), Arc::clone(&most));
    let service =
        ServiceBuilder::new().layer(GlobalConcurrencyLimitLayer::new(2)).service_fn(move |_: Received<Activated>| {
            let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
            async move {
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(1)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok::<(), HandlerError>(())
            }
        });

    let consumer = run(bus.consumer("promotions").concurrency(16).on_service(service));
    bus.settle().await;

    assert_eq!(consumer.stop().await?.handled, 50);
    assert_eq!(most.load(Ordering::SeqCst), 2);
    Ok(())
}

/// A layer of one's own: counts the events that go through.
#[derive(Clone)]
struct CountLayer(Arc<AtomicUsize>);

#[derive(Clone)]
struct Count<S> {
    inner: S,
    count: Arc<AtomicUsize>,
}

impl<S> Layer<S> for CountLayer {
    type Service = Count<S>;

    fn layer(&self, inner: S) -> Count<S> {
        Count { inner, count: Arc::clone(&self.0) }
    }
}

impl<S: Service<R>, R> Service<R> for Count<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.inner.call(request)
    }
}

#[tokio::test]
async fn a_layer_of_ones_own_sees_every_attempt() -> Outcome {
    let bus = bus(3).await?;
    let count = Arc::new(AtomicUsize::new(0));
    let service = ServiceBuilder::new().layer(CountLayer(Arc::clone(&count))).service_fn(
        |event: Received<Activated>| async move {
            if event.attempt() == 1 { Err(HandlerError::retry("not yet")) } else { Ok(()) }
        },
    );

    let consumer = run(bus.consumer("promotions").on_service(service));
    bus.settle().await;

    assert_eq!(consumer.stop().await?.handled, 3);
    assert_eq!(count.load(Ordering::SeqCst), 6);
    Ok(())
}

/// Notes the names of the spans that are open when something is logged.
#[derive(Default)]
struct Spans {
    names: std::sync::Mutex<Vec<&'static str>>,
    open: std::sync::Mutex<Vec<u64>>,
    seen: Arc<std::sync::Mutex<Vec<String>>>,
}

impl tracing::Subscriber for Spans {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut names = self.names.lock().unwrap();
        names.push(span.metadata().name());
        tracing::span::Id::from_u64(names.len() as u64)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        if event.metadata().target() == "handler" {
            let (names, open) = (self.names.lock().unwrap(), self.open.lock().unwrap());
            let names = open.iter().map(|id| names[usize::try_from(*id).unwrap() - 1]).collect::<Vec<_>>();
            self.seen.lock().unwrap().push(names.join(" > "));
        }
    }

    fn enter(&self, span: &tracing::span::Id) {
        self.open.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, span: &tracing::span::Id) {
        self.open.lock().unwrap().retain(|open| *open != span.into_u64());
    }
}

#[tokio::test]
async fn what_a_handler_logs_is_within_the_span_of_its_event() -> Outcome {
    let bus = bus(1).await?;
    let spans = Spans::default();
    let seen = Arc::clone(&spans.seen);
    let consumer = bus.consumer("promotions").on(|_: Received<Activated>| async {
        tracing::info!(target: "handler", "before");
        tokio::task::yield_now().await;
        tracing::info!(target: "handler", "after");
        Ok(())
    });
    let monitor = consumer.monitor();
    let stop = Arc::new(tokio::sync::Notify::new());
    let stopped = Arc::clone(&stop);

    let observed = async {
        // The subscriber is that of this thread, on which all tasks of this test run.
        let guard = tracing::subscriber::set_default(spans);
        // Another test may be the first to come by the span. Its thread has no subscriber, and until it has noted that, no
        // span is made on any thread.
        until(|| monitor.summary().handled >= 1).await.unwrap();
        tracing::callsite::rebuild_interest_cache();
        seen.lock().unwrap().clear();
        bus.publish(&activated(1)).await.unwrap();
        until(|| monitor.summary().handled == 2).await.unwrap();
        drop(guard);
        stop.notify_one();
    };
    let (summary, ()) = tokio::join!(consumer.run(async move { stopped.notified().await }), observed);

    assert_eq!(summary?.handled, 2);
    assert_eq!(*seen.lock().unwrap(), ["handle", "handle"]);
    Ok(())
}
