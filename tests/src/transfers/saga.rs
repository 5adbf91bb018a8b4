//! The saga that moves money.

use std::time::Duration;

use eventsmith::state::{Saga, SagaConfig, SagaRetry, Step};

use super::messages::{Fate, Order, Transfer, TransferApproved, TransferAsked, TransferConfirmed, What};

/// The name of the saga.
pub const NAME: &str = "transfer";
/// How long a transfer waits for what never comes.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// Of the others none comes while a test runs: each is taken back.
const NEVER: Duration = Duration::from_secs(86_400);

/// Until there is an answer, so that how a transfer ends does not depend on how busy the machine is.
const QUICK: SagaRetry = SagaRetry {
    max_attempts: None,
    first_delay: Duration::from_millis(20),
    max_delay: Duration::from_millis(200),
    patience: Duration::from_secs(2),
};

/// What somebody else has in hand who was killed is soon taken over.
pub fn config() -> SagaConfig {
    SagaConfig { ack_wait: Duration::from_millis(600), concurrency: 16, ..SagaConfig::default() }
}

/// Withdraws here, deposits there, and waits for whoever is to agree; or neither.
pub fn transfer() -> Saga<Transfer> {
    Saga::new(NAME, 1)
        .starts_on(|TransferAsked(transfer): &TransferAsked| Some((transfer.transfer.clone(), transfer.clone())))
        .step(
            Step::asks("withdraw", |transfer: &Transfer| order(transfer, What::Withdraw))
                .retry(QUICK)
                .timeout(NEVER)
                .compensate(|transfer: &Transfer| order(transfer, What::GiveBack))
                .compensation_retry(QUICK),
        )
        .step(
            Step::asks("deposit", |transfer: &Transfer| order(transfer, What::Deposit))
                .retry(QUICK)
                .timeout(NEVER)
                .compensate(|transfer: &Transfer| order(transfer, What::TakeBack))
                .compensation_retry(QUICK),
        )
        .step(
            Step::awaits("confirm", |event: &TransferConfirmed| Some(event.transfer.clone()))
                .when(|transfer: &Transfer| transfer.fate == Fate::Confirmed)
                .timeout(NEVER),
        )
        .step(
            Step::awaits("approve", |event: &TransferApproved| Some(event.transfer.clone()))
                .when(|transfer: &Transfer| transfer.fate == Fate::Abandoned)
                .timeout(TIMEOUT),
        )
}

fn order(transfer: &Transfer, what: What) -> Order {
    let account = match what {
        What::Deposit | What::TakeBack => &transfer.to,
        What::Open | What::Withdraw | What::GiveBack => &transfer.from,
    };
    Order { what, transfer: transfer.transfer.clone(), account: account.clone(), cents: transfer.cents }
}
