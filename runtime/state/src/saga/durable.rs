//! The durable consumers of sagas.

use eventsmith_bus::cause::Cause;
use eventsmith_bus::settings::ConsumerSettings;
use eventsmith_bus::transport::{ServerFailure, Transport, Unavailable};

use super::error::SagaError;

/// A durable consumer as it is wanted. What operators may decide is taken as it is found, where they do.
pub(crate) async fn find_or_create(
    transport: &dyn Transport,
    wanted: ConsumerSettings,
    is_operators: bool,
) -> Result<ConsumerSettings, SagaError> {
    let failed = |failure: ServerFailure| consumer_error(&wanted, Unavailable::from(failure).0);
    let find = async || transport.consumer(&wanted.stream, &wanted.name).await;
    if let Some(found) = find().await.map_err(failed)? {
        // Where it begins cannot be changed, and means nothing any more.
        let ConsumerSettings { deliver, ack_wait, max_ack_pending, .. } = found.settings;
        let wanted = ConsumerSettings { deliver, ..wanted.clone() };
        let wanted = if is_operators { ConsumerSettings { ack_wait, max_ack_pending, ..wanted } } else { wanted };
        if found.settings != wanted {
            transport.put_consumer(&wanted, true).await.map_err(failed)?;
        }
        return Ok(wanted);
    }
    match transport.put_consumer(&wanted, false).await {
        Ok(()) => {}
        // Another runner was quicker.
        Err(ServerFailure::Refused { code: ServerFailure::CONSUMER_EXISTS, .. }) => {}
        Err(failure) => return Err(failed(failure)),
    }
    let found = find().await.map_err(failed)?;
    Ok(found.map_or_else(|| wanted.clone(), |found| found.settings))
}

pub(crate) fn consumer_error(settings: &ConsumerSettings, reason: Cause) -> SagaError {
    SagaError::Consumer { stream: settings.stream.clone(), consumer: settings.name.clone(), reason }
}
