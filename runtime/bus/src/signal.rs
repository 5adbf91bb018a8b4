//! When a service is to stop.

/// Resolves when the process is asked to end: by SIGTERM, as orchestrators do, or by SIGINT, which is Ctrl-C. To be given to
/// [`Consumer::run`](crate::consumer::Consumer::run). It listens from the call on, not only from the first time that it is awaited.
///
/// Where the system has no such signals, or they cannot be listened for, it never resolves, and says so in the log.
///
/// ```
/// use eventsmith::{Bus, ConsumeError, Event, HandlerError, Received, Summary, shutdown_signal};
///
/// async fn serve<E: Event>(bus: Bus) -> Result<Summary, ConsumeError> {
///     let handler = |event: Received<E>| async move { Ok::<(), HandlerError>(drop(event)) };
///     bus.consumer("promotions").on(handler).run(shutdown_signal()).await
/// }
/// ```
///
/// # Panics
/// Outside of a tokio runtime, as everything that waits there.
#[cfg(unix)]
pub fn shutdown_signal() -> impl Future<Output = ()> + Send {
    use tokio::signal::unix::{SignalKind, signal};

    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async {
        match signals {
            (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
                _ = terminate.recv() => tracing::info!("asked to end by SIGTERM"),
                _ = interrupt.recv() => tracing::info!("asked to end by SIGINT"),
            },
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "cannot listen for signals");
                std::future::pending().await
            }
        }
    }
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
