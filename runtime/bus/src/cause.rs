//! What went wrong below an error.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What went wrong below an error: a text for people, and the error that it comes from, where there is one.
///
/// Errors of this crate show the text in their own; [`source`](Error::source) leads on to the error, for those who look for
/// its type or its kind.
///
/// ```
/// use std::error::Error;
///
/// use eventsmith::{Bus, Config, ConnectError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let config = Config { credentials_file: Some("/no/such.creds".into()), ..Config::default() };
/// let error = Bus::connect(config).await.unwrap_err();
///
/// let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
/// let io = std::iter::from_fn(|| {
///     let this = cause?;
///     cause = this.source();
///     Some(this)
/// })
/// .find_map(|error| error.downcast_ref::<std::io::Error>());
/// assert_eq!(io.unwrap().kind(), std::io::ErrorKind::NotFound);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Cause {
    text: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Cause {
    /// An error, with its own text.
    pub fn of(error: impl Error + Send + Sync + 'static) -> Self {
        Self { text: error.to_string(), source: Some(Arc::new(error)) }
    }

    /// An error, and what it is about: `about: error`.
    pub fn about(about: impl fmt::Display, error: impl Error + Send + Sync + 'static) -> Self {
        Self { text: format!("{about}: {error}"), source: Some(Arc::new(error)) }
    }

    /// An error whose own text says less than this one.
    pub(crate) fn described(text: impl Into<String>, error: impl Error + Send + Sync + 'static) -> Self {
        Self { text: text.into(), source: Some(Arc::new(error)) }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self { text, source: None }
    }
}

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::consumer::ConsumeError;
    use crate::jetstream::{ConnectError, ShutdownError};
    use crate::publish::PublishError;
    use crate::transport::{Gone, SendFailure, ServerFailure, Unavailable};

    fn reset() -> Cause {
        Cause::about("the stream ORDERS", io::Error::from(io::ErrorKind::ConnectionReset))
    }

    /// Whether the chain below an error ends in what `reset` holds.
    fn leads_to_reset(error: &(dyn Error + 'static)) -> bool {
        let io = std::iter::successors(Some(error), |error| (**error).source())
            .find_map(|it| it.downcast_ref::<io::Error>());
        io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionReset)
    }

    #[test]
    fn every_error_leads_to_the_error_below_it() {
        let (stream, consumer, about) = (String::new(), String::new(), String::new());
        let (servers, subject) = (String::new(), || "a".into());
        let (id, elapsed) = (uuid::Uuid::nil(), std::time::Duration::ZERO);
        let errors: [Box<dyn Error>; 14] = [
            Box::new(Unavailable(reset())),
            Box::new(Gone::Deleted(reset())),
            Box::new(ServerFailure::from(Unavailable(reset()))),
            Box::new(Unavailable::from(ServerFailure::Unavailable(reset()))),
            Box::new(SendFailure::Transient(reset())),
            Box::new(SendFailure::Refused { code: None, reason: reset() }),
            Box::new(ShutdownError { reason: reset() }),
            Box::new(ConnectError::Unreachable { servers: servers.clone(), reason: reset() }),
            Box::new(ConnectError::Tls { servers, reason: reset() }),
            Box::new(ConsumeError::Gone { stream: stream.clone(), consumer: consumer.clone(), reason: reset() }),
            Box::new(ConsumeError::Server { stream, consumer, reason: reset() }),
            Box::new(ConsumeError::Unavailable { about, reason: reset() }),
            Box::new(PublishError::Refused { subject: subject(), code: None, reason: reset() }),
            Box::new(PublishError::Unacknowledged { subject: subject(), id, attempts: 1, elapsed, reason: reset() }),
        ];

        for error in errors {
            assert!(leads_to_reset(&*error), "{error:?}");
            assert!(error.to_string().contains("the stream ORDERS: connection reset"), "{error}");
        }
    }

    #[test]
    fn a_text_alone_has_no_source() {
        assert!(Cause::from("no answer").source().is_none());
    }
}
