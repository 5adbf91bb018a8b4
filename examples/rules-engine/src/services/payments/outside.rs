//! A gateway elsewhere, through the edge's client: what the trait promises, made of what that gateway does.
//!
//! It does an operation once under its key, tells the state of a charge, and tells back the order as it was given; what each refund came to the
//! payment's own history knows. A payment that is voided before it is known there gets a charge of nothing under its id, which is cancelled: so the id is taken, and an
//! authorization that is still on its way is refused.

use std::collections::BTreeMap;

use eventsmith::Bus;
use eventsmith::state::Aggregates;
use rules_engine_edge::external::CallContext;
use rules_engine_edge::gateway::{self as edge, Authorization, Charge, ChargeStatus, GatewayClient, GatewayConfig};
use rules_events::common::{Money, PaymentId, RefundId, TransactionId};
use serde::Deserialize;
use serde_json::json;

use super::gateway::{Answer, Gateway, GatewayError, Order, PROVIDER, Record};
use super::payment::Payment;
use crate::money::like;

/// Where the gateway is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// Its address, without a path: `https://gateway.example`.
    pub url: String,
    /// The file that holds the token; it is read for each call.
    pub token_file: std::path::PathBuf,
}

/// A gateway elsewhere.
#[derive(Debug, Clone)]
pub struct OutsideGateway {
    client: GatewayClient,
    payments: Aggregates,
}

impl OutsideGateway {
    /// A gateway at an address; calls are recorded on the bus as events.
    ///
    /// # Errors
    /// When the system has no certificates.
    pub fn new(bus: &Bus, outside: &Outside) -> anyhow::Result<Self> {
        let config = GatewayConfig::new(PROVIDER.parse()?, outside.url.clone(), outside.token_file.clone());
        Ok(Self { client: GatewayClient::new(bus, config)?, payments: Aggregates::of(bus) })
    }

    async fn known(&self, payment_id: &PaymentId) -> Result<Payment, GatewayError> {
        let loaded = self.payments.load::<Payment>(payment_id).await;
        loaded
            .map(eventsmith::state::Loaded::into_aggregate)
            .map_err(|error| GatewayError::Unavailable(error.to_string()))
    }

    async fn look(&self, payment_id: &PaymentId, context: &CallContext) -> Result<Option<Charge>, GatewayError> {
        self.client.find(payment_id, context).await.map_err(unavailable)
    }

    /// Cancels a charge, and makes one of nothing first where there is none.
    async fn cancel(&self, payment_id: &PaymentId, context: &CallContext) -> Result<Charge, edge::GatewayError> {
        let key = format!("{payment_id}-void");
        match self.client.void(payment_id, &key, context).await {
            Err(edge::GatewayError::NotFound) => {}
            answer => return answer,
        }
        let nothing = nothing(payment_id).map_err(|error| edge::GatewayError::Rejected(error.to_string()))?;
        match self.client.authorize(&nothing, &format!("{payment_id}-nothing"), context).await {
            // In the meantime it was authorized after all: that is what is cancelled.
            Ok(_) | Err(edge::GatewayError::WrongState(_)) => self.client.void(payment_id, &key, context).await,
            Err(error) => Err(error),
        }
    }
}

impl Gateway for OutsideGateway {
    fn authorize(&self, order: Order) -> Answer<'_> {
        Box::pin(async move {
            let context = CallContext { transaction_id: Some(order.transaction_id.clone()), ..CallContext::default() };
            let authorization = Authorization {
                payment_id: order.payment_id.clone(),
                transaction_id: order.transaction_id.clone(),
                amount: order.amount.clone(),
                method: order.method.clone(),
                memo: Some(
                    serde_json::to_string(&order).map_err(|error| GatewayError::Unavailable(error.to_string()))?,
                ),
            };
            let key = format!("{}-authorize", order.payment_id);
            let charge = match self.client.authorize(&authorization, &key, &context).await {
                Ok(charge) => charge,
                Err(edge::GatewayError::Declined { code, message }) => {
                    return Err(refused("CARD_DECLINED", format!("{message} ({code})")));
                }
                Err(edge::GatewayError::WrongState(_)) => {
                    return Err(refused("PAYMENT_VOIDED", "the payment was voided".to_owned()));
                }
                Err(error) => return Err(unavailable(error)),
            };
            if charge.authorized != order.amount {
                return Err(refused("AMOUNT_DIFFERS", "the payment was authorized for another amount".to_owned()));
            }
            let payment = self.known(&order.payment_id).await?;
            Ok(record(Some(&charge), &payment, None))
        })
    }

    fn capture(&self, payment_id: PaymentId, amount_minor: Option<i64>) -> Answer<'_> {
        Box::pin(async move {
            let payment = self.known(&payment_id).await?;
            let context = context(&payment);
            let amount = match amount_minor {
                None => None,
                Some(minor) => match self.look(&payment_id, &context).await? {
                    Some(charge) => Some(like(&charge.authorized, minor)),
                    None => return Err(refused("UNKNOWN_PAYMENT", "nothing was authorized".to_owned())),
                },
            };
            let key = format!("{payment_id}-capture");
            match self.client.capture(&payment_id, amount.as_ref(), &key, &context).await {
                Ok(charge) => Ok(record(Some(&charge), &payment, None)),
                Err(edge::GatewayError::NotFound) => {
                    Err(refused("UNKNOWN_PAYMENT", "nothing was authorized".to_owned()))
                }
                Err(edge::GatewayError::WrongState(_)) => {
                    let code = match self.look(&payment_id, &context).await?.map(|charge| charge.status) {
                        Some(ChargeStatus::Voided) => "PAYMENT_VOIDED",
                        Some(ChargeStatus::Captured | ChargeStatus::Refunded) => "AMOUNT_DIFFERS",
                        _ => "UNKNOWN_PAYMENT",
                    };
                    Err(refused(code, "the charge is at another stage".to_owned()))
                }
                Err(error) => Err(unavailable(error)),
            }
        })
    }

    fn void(&self, payment_id: PaymentId) -> Answer<'_> {
        Box::pin(async move {
            let payment = self.known(&payment_id).await?;
            match self.cancel(&payment_id, &context(&payment)).await {
                Ok(charge) => Ok(record(Some(&charge), &payment, None)),
                Err(edge::GatewayError::WrongState(Some(ChargeStatus::Voided | ChargeStatus::Declined))) => {
                    Ok(record(None, &payment, None))
                }
                Err(edge::GatewayError::WrongState(_)) => match self.look(&payment_id, &context(&payment)).await? {
                    Some(Charge { status: ChargeStatus::Captured | ChargeStatus::Refunded, .. }) => {
                        Err(refused("PAYMENT_CAPTURED", "the payment was captured".to_owned()))
                    }
                    charge => Ok(record(charge.as_ref(), &payment, None)),
                },
                Err(error) => Err(unavailable(error)),
            }
        })
    }

    fn refund(&self, payment_id: PaymentId, refund_id: RefundId, amount_minor: Option<i64>) -> Answer<'_> {
        Box::pin(async move {
            let payment = self.known(&payment_id).await?;
            let context = context(&payment);
            // A refusal stays under its key, also when the charge is captured later: so it is not asked for before that.
            let charge = match self.look(&payment_id, &context).await? {
                Some(charge) if matches!(charge.status, ChargeStatus::Captured | ChargeStatus::Refunded) => charge,
                _ => return Err(refused("NOTHING_TO_REFUND", "nothing was captured".to_owned())),
            };
            let amount = amount_minor.map(|minor| like(&charge.authorized, minor));
            let key = format!("{payment_id}-refund-{refund_id}");
            match self.client.refund(&payment_id, amount.as_ref(), &key, &context).await {
                Ok(charge) => Ok(record(Some(&charge), &payment, Some(refund_id))),
                Err(edge::GatewayError::WrongState(_) | edge::GatewayError::NotFound) => {
                    let message = "more than was captured and not refunded yet".to_owned();
                    Err(refused("NOTHING_TO_REFUND", message))
                }
                Err(error) => Err(unavailable(error)),
            }
        })
    }

    fn find(&self, payment_id: PaymentId) -> Answer<'_> {
        Box::pin(async move {
            let payment = self.known(&payment_id).await?;
            let charge = self.look(&payment_id, &context(&payment)).await?;
            Ok(record(charge.as_ref(), &payment, None))
        })
    }
}

/// What the gateway has on record, with what the history knows of it. A refund that only the gateway knows is the one that was asked for.
fn record(charge: Option<&Charge>, payment: &Payment, refund_id: Option<RefundId>) -> Record {
    let Some(charge) = charge else { return Record::default() };
    let is_charge = charge.authorized.amount_minor > 0 && charge.status != ChargeStatus::Declined;
    let mut refunds: BTreeMap<RefundId, i64> = payment.refunds.clone();
    if let Some(id) = refund_id.filter(|id| !refunds.contains_key(id)) {
        refunds.insert(id, charge.refunded.amount_minor - refunds.values().sum::<i64>());
    }
    Record {
        authorized: order_of(charge).or_else(|| payment.order.clone()).filter(|_| is_charge),
        captured_minor: charge.captured.amount_minor,
        refunds,
        is_voided: charge.status == ChargeStatus::Voided,
    }
}

/// The order as it was given.
fn order_of(charge: &Charge) -> Option<Order> {
    serde_json::from_str(charge.memo.as_deref()?).ok()
}

fn context(payment: &Payment) -> CallContext {
    let transaction_id = payment.order.as_ref().map(|order| order.transaction_id.clone());
    CallContext { transaction_id, ..CallContext::default() }
}

/// A charge that takes an id and no money.
fn nothing(payment_id: &PaymentId) -> Result<Authorization, Box<dyn std::error::Error + Send + Sync>> {
    let transaction_id: TransactionId = payment_id.as_str().parse()?;
    let amount: Money = serde_json::from_value(json!({"amount_minor": 0, "currency": "XXX"}))?;
    let method = serde_json::from_value(json!({"kind": "card", "brand": "visa", "last_four": "0000"}))?;
    Ok(Authorization { payment_id: payment_id.clone(), transaction_id, amount, method, memo: None })
}

fn refused(code: &'static str, message: String) -> GatewayError {
    GatewayError::Refused { code, message }
}

fn unavailable(error: edge::GatewayError) -> GatewayError {
    GatewayError::Unavailable(error.to_string())
}
