//! When a service is to stop.

#[cfg(unix)]
use std::{io, sync::mpsc, thread};

#[cfg(unix)]
use tokio::{runtime::Builder, sync::oneshot};

/// Resolves when the process is asked to end: by SIGTERM, as orchestrators do, or by SIGINT, which is Ctrl-C. To be given to
/// [`Consumer::run`](crate::consumer::Consumer::run). It listens from the call on, not only from the first time that it is awaited.
///
/// Where the system has no such signals, or they cannot be listened for, it never resolves, and says so in the log.
///
/// ```
/// use eventsmith::monitor::Summary;
/// use eventsmith::{Bus, ConsumeError, Event, HandlerError, Received, shutdown_signal};
///
/// async fn serve<E: Event>(bus: Bus) -> Result<Summary, ConsumeError> {
///     let handler = |event: Received<E>| async move { Ok::<(), HandlerError>(drop(event)) };
///     bus.consumer("promotions").on(handler).run(shutdown_signal()).await
/// }
/// ```
#[cfg(unix)]
pub fn shutdown_signal() -> impl Future<Output = ()> + Send {
    let (tell, told) = oneshot::channel();
    let (ready, is_ready) = mpsc::channel();
    // A thread of its own: handlers that block theirs must not keep a signal from being noticed.
    let listening = thread::Builder::new().name("eventsmith-signals".to_owned()).spawn(move || listen(&ready, tell));
    // Fails only if there is no thread.
    let listening = listening.and_then(|_| is_ready.recv().unwrap_or(Ok(())));
    async {
        if let Err(error) = listening {
            tracing::error!(%error, "cannot listen for signals");
            std::future::pending().await
        }
        match told.await {
            Ok(name) => tracing::info!("asked to end by {name}"),
            Err(_) => std::future::pending().await,
        }
    }
}

/// Listens until a signal comes or nobody waits for one any more.
#[cfg(unix)]
fn listen(ready: &mpsc::Sender<io::Result<()>>, mut tell: oneshot::Sender<&'static str>) {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    // Whoever called waits until it is sent.
    let report = |outcome| drop(ready.send(outcome));
    let runtime = match Builder::new_current_thread().enable_io().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(Err(error)),
    };
    runtime.block_on(async {
        let both = || -> io::Result<(Signal, Signal)> {
            Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
        };
        let (mut terminate, mut interrupt) = match both() {
            Ok(signals) => signals,
            Err(error) => return report(Err(error)),
        };
        report(Ok(()));
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            () = tell.closed() => return,
        };
        // Nobody may wait any more.
        let _ = tell.send(name);
    });
}

/// Resolves when the process is asked to end by Ctrl-C.
#[cfg(not(unix))]
pub async fn shutdown_signal() {
    match tokio::signal::ctrl_c().await {
        Ok(()) => tracing::info!("asked to end by Ctrl-C"),
        Err(error) => {
            tracing::error!(%error, "cannot listen for signals");
            std::future::pending().await
        }
    }
}
