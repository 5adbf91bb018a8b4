//! What became of each event of a call of `publish_all`.

use eventsmith::{PublishAllError, PublishError, Published};

/// One result per event, in order, whether all are stored or not.
pub fn results(outcome: Result<Vec<Published>, PublishAllError>) -> Vec<Result<Published, PublishError>> {
    match outcome {
        Ok(published) => published.into_iter().map(Ok).collect(),
        Err(error) => error.into_results(),
    }
}
