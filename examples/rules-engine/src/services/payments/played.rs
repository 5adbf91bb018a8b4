//! A gateway that is played in this process: right in what it does, and as bad at answering as it is told to be.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rules_events::common::{PaymentId, RefundId};
use serde::Deserialize;

use super::gateway::{Answer, Gateway, GatewayError, Order, Record};

/// How often, of a thousand orders, something goes wrong. Which ones is a matter of the payment's id.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Played {
    /// Authorizations that are refused.
    pub refuses: u64,
    /// Orders whose first attempt hangs, and is not done.
    pub hangs: u64,
    /// Orders whose first attempt is done, and the answer lost.
    pub unheard: u64,
    /// How long hanging takes, in milliseconds.
    pub hangs_for_ms: u64,
}

impl Default for Played {
    fn default() -> Self {
        Self { refuses: 30, hangs: 5, unheard: 20, hangs_for_ms: 2_000 }
    }
}

/// A gateway in this process. Clones are the same one.
#[derive(Debug, Clone)]
pub struct PlayedGateway {
    played: Played,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    records: HashMap<PaymentId, Record>,
    /// How often each order was given.
    attempts: HashMap<(PaymentId, &'static str), u64>,
}

impl PlayedGateway {
    /// A gateway that has nothing on record.
    pub fn new(played: Played) -> Self {
        Self { played, book: Arc::default() }
    }

    /// All that it has on record.
    pub fn records(&self) -> HashMap<PaymentId, Record> {
        self.book().records.clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is to be done to a record, well or badly.
    async fn order(
        &self,
        payment_id: PaymentId,
        what: &'static str,
        act: impl FnOnce(&mut Record) -> Result<(), GatewayError>,
    ) -> Result<Record, GatewayError> {
        let attempt = {
            let mut book = self.book();
            let attempts = book.attempts.entry((payment_id.clone(), what)).or_default();
            *attempts += 1;
            *attempts
        };
        let luck = luck(&payment_id, what);
        let is_first = attempt == 1;
        if is_first && luck < self.played.hangs {
            tokio::time::sleep(Duration::from_millis(self.played.hangs_for_ms)).await;
            return Err(GatewayError::Unavailable("it hung".to_owned()));
        }
        let record = {
            let mut book = self.book();
            let record = book.records.entry(payment_id).or_default();
            act(record)?;
            record.clone()
        };
        if is_first && luck < self.played.hangs + self.played.unheard {
            return Err(GatewayError::Unavailable("the answer was lost".to_owned()));
        }
        Ok(record)
    }
}

/// From 0 to 999, the same for the same order.
fn luck(payment_id: &PaymentId, what: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (payment_id.as_str(), what).hash(&mut hasher);
    hasher.finish() % 1_000
}

fn refused(code: &'static str, message: &str) -> GatewayError {
    GatewayError::Refused { code, message: message.to_owned() }
}

impl Gateway for PlayedGateway {
    fn authorize(&self, order: Order) -> Answer<'_> {
        let is_refused = luck(&order.payment_id, "refuse") < self.played.refuses;
        Box::pin(self.order(order.payment_id.clone(), "authorize", move |record| match &record.authorized {
            _ if record.is_voided => Err(refused("PAYMENT_VOIDED", "the payment was voided")),
            Some(before) if before.amount == order.amount => Ok(()),
            Some(_) => Err(refused("AMOUNT_DIFFERS", "the payment was authorized for another amount")),
            None if is_refused => Err(refused("CARD_DECLINED", "the issuer declines")),
            None => {
                record.authorized = Some(order);
                Ok(())
            }
        }))
    }

    fn capture(&self, payment_id: PaymentId, amount_minor: Option<i64>) -> Answer<'_> {
        Box::pin(self.order(payment_id, "capture", move |record| {
            let Some(order) = &record.authorized else {
                return Err(refused("UNKNOWN_PAYMENT", "nothing was authorized"));
            };
            let amount = amount_minor.unwrap_or(order.amount.amount_minor);
            match record.captured_minor {
                _ if record.is_voided => Err(refused("PAYMENT_VOIDED", "the payment was voided")),
                0 if amount <= order.amount.amount_minor => {
                    record.captured_minor = amount;
                    Ok(())
                }
                before if before == amount => Ok(()),
                _ => Err(refused("AMOUNT_DIFFERS", "more than was authorized, or another amount was captured")),
            }
        }))
    }

    fn void(&self, payment_id: PaymentId) -> Answer<'_> {
        Box::pin(self.order(payment_id, "void", |record| {
            if record.captured_minor > 0 {
                return Err(refused("PAYMENT_CAPTURED", "the payment was captured"));
            }
            record.is_voided = true;
            Ok(())
        }))
    }

    fn refund(&self, payment_id: PaymentId, refund_id: RefundId, amount_minor: Option<i64>) -> Answer<'_> {
        Box::pin(self.order(payment_id, "refund", move |record| {
            if record.refunds.contains_key(&refund_id) {
                return Ok(());
            }
            let left = record.captured_minor - record.refunds.values().sum::<i64>();
            let amount = amount_minor.unwrap_or(left);
            if amount > left || amount == 0 {
                return Err(refused("NOTHING_TO_REFUND", "more than was captured and not refunded yet"));
            }
            record.refunds.insert(refund_id, amount);
            Ok(())
        }))
    }

    fn find(&self, payment_id: PaymentId) -> Answer<'_> {
        let record = self.book().records.get(&payment_id).cloned().unwrap_or_default();
        Box::pin(std::future::ready(Ok(record)))
    }
}
