//! When a service is to stop.

/// Resolves when the process is asked to end: by SIGTERM, as orchestrators do, or by SIGINT, which is Ctrl-C. To be given to
/// [`Consumer::run`](crate::Consumer::run).
///
/// Where the system has no such signals, or they cannot be listened for, it never resolves, and says so in the log.
pub async fn shutdown_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                tokio::select! {
                    _ = terminate.recv() => tracing::info!("asked to end by SIGTERM"),
                    _ = interrupt.recv() => tracing::info!("asked to end by SIGINT"),
                }
                return;
            }
            (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "cannot listen for signals"),
        }
    }
    #[cfg(not(unix))]
    match tokio::signal::ctrl_c().await {
        Ok(()) => return tracing::info!("asked to end by Ctrl-C"),
        Err(error) => tracing::error!(%error, "cannot listen for signals"),
    }
    std::future::pending().await
}
