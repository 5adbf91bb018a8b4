//! The gateway's own model, and what it means in ours.

use axum::http::StatusCode;
use eventsmith::DateTime;
use eventsmith::Timestamp;
use rules_events::common::{CardBrand, Money, PaymentMethod};
use serde::{Deserialize, Serialize};

use super::model::{Authorization, Charge, ChargeStatus, GatewayError};
use super::money::{from_decimal, to_decimal};

/// A charge as the gateway tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ForeignCharge {
    pub(crate) merchant_reference: String,
    /// `reserved`, `collected`, `cancelled`, `reversed`, `refused`.
    pub(crate) stage: String,
    pub(crate) currency: String,
    pub(crate) reserved: String,
    pub(crate) collected: String,
    pub(crate) reversed: String,
    /// Seconds of the epoch.
    pub(crate) valid_until: i64,
    /// What the merchant wants told back.
    #[serde(default)]
    pub(crate) memo: Option<String>,
    /// What was asked for, by key.
    pub(crate) entries: Vec<ForeignEntry>,
}

/// What the gateway did, or refused, under a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ForeignEntry {
    pub(crate) key: String,
    pub(crate) accepted: bool,
    #[serde(default)]
    pub(crate) reason: Option<ForeignReason>,
}

/// Why it refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ForeignReason {
    /// `card.insufficient-funds`, `charge.stage`.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What a charge is made of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForeignOrder {
    pub(crate) merchant_reference: String,
    pub(crate) note: String,
    #[serde(default)]
    pub(crate) memo: Option<String>,
    pub(crate) value: String,
    pub(crate) currency: String,
    pub(crate) instrument: ForeignInstrument,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForeignInstrument {
    /// `CARD`, `WALLET`, `SEPA`.
    pub(crate) family: String,
    pub(crate) scheme: String,
    pub(crate) tail: Option<String>,
}

/// How much is to be collected or reversed; all of it without a value.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForeignAmount {
    pub(crate) value: Option<String>,
    pub(crate) currency: Option<String>,
}

/// The body of an answer that is no charge.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForeignError {
    pub(crate) error: ForeignReason,
}

impl ForeignOrder {
    pub(crate) fn of(authorization: &Authorization) -> Self {
        let Authorization { payment_id, transaction_id, amount, method, memo } = authorization;
        Self {
            merchant_reference: payment_id.to_string(),
            note: transaction_id.to_string(),
            memo: memo.clone(),
            value: to_decimal(amount),
            currency: amount.currency.as_str().to_ascii_lowercase(),
            instrument: ForeignInstrument::of(method),
        }
    }

    pub(crate) fn money(&self) -> Option<Money> {
        from_decimal(&self.value, &self.currency)
    }
}

impl ForeignInstrument {
    fn of(method: &PaymentMethod) -> Self {
        let tail = |last_four: Option<&str>| last_four.map(str::to_owned);
        let (family, scheme, tail) = match method {
            PaymentMethod::Card(card) => {
                let scheme = if card.brand == CardBrand::Mastercard { "MC" } else { card.brand.as_str() };
                ("CARD", scheme.to_ascii_uppercase(), tail(Some(card.last_four.as_str())))
            }
            PaymentMethod::Wallet(wallet) => (
                "WALLET",
                wallet.provider.as_str().to_ascii_uppercase(),
                tail(wallet.last_four.as_ref().map(|four| four.as_str())),
            ),
            PaymentMethod::BankTransfer(bank) => {
                ("SEPA", bank.bank_code.clone(), tail(bank.last_four.as_ref().map(|four| four.as_str())))
            }
        };
        Self { family: family.to_owned(), scheme, tail }
    }
}

impl ForeignAmount {
    pub(crate) fn of(amount: Option<&Money>) -> Self {
        Self {
            value: amount.map(to_decimal),
            currency: amount.map(|amount| amount.currency.as_str().to_ascii_lowercase()),
        }
    }

    /// The amount, if one is named.
    pub(crate) fn money(&self) -> Option<Money> {
        from_decimal(self.value.as_deref()?, self.currency.as_deref()?)
    }
}

impl ForeignCharge {
    /// The charge in our words; nothing where it has a meaning that we do not know.
    pub(crate) fn charge(&self) -> Option<Charge> {
        let money = |text: &str| from_decimal(text, &self.currency);
        let status = match self.stage.as_str() {
            "reserved" => ChargeStatus::Authorized,
            "collected" => ChargeStatus::Captured,
            "cancelled" => ChargeStatus::Voided,
            "reversed" => ChargeStatus::Refunded,
            "refused" => ChargeStatus::Declined,
            _ => return None,
        };
        let expires_at = Timestamp::from_second(self.valid_until).ok().map(DateTime::from);
        Some(Charge {
            payment_id: self.merchant_reference.as_str().try_into().ok()?,
            status,
            authorized: money(&self.reserved)?,
            captured: money(&self.collected)?,
            refunded: money(&self.reversed)?,
            expires_at,
            memo: self.memo.clone(),
        })
    }

    /// What became of what was asked for under a key; nothing if the gateway has not seen it.
    pub(crate) fn outcome(&self, key: &str) -> Option<Result<Charge, GatewayError>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        let charge = self.charge();
        Some(match (&entry.reason, charge) {
            (_, Some(charge)) if entry.accepted => Ok(charge),
            (Some(reason), charge) => Err(reason.refusal(charge.map(|charge| charge.status))),
            _ => return None,
        })
    }
}

impl ForeignReason {
    /// The refusal in our words: `card.insufficient-funds` becomes `INSUFFICIENT_FUNDS`.
    pub(crate) fn refusal(&self, status: Option<ChargeStatus>) -> GatewayError {
        let legal = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match self.name.split_once('.') {
            Some(("card", name))
                if legal(name) && name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_lowercase()) =>
            {
                GatewayError::Declined {
                    code: name.to_ascii_uppercase().replace('-', "_"),
                    message: self.text.chars().take(200).collect(),
                }
            }
            Some(("charge", "unknown")) => GatewayError::NotFound,
            Some(("charge", _)) => GatewayError::WrongState(status),
            _ => GatewayError::Rejected("for a reason that is not known here".to_owned()),
        }
    }
}

/// What an answer means for a call.
#[derive(Debug)]
pub(crate) enum Meaning {
    /// That is what became of it.
    Outcome(Box<Result<Charge, GatewayError>>),
    /// Nothing was begun.
    NotBegun(String),
    /// It says nothing of whether it was done.
    Ambiguous(String),
}

/// What the answer to an operation means.
pub(crate) fn meaning(status: StatusCode, body: &[u8], key: Option<&str>) -> Meaning {
    let outcome = |outcome| Meaning::Outcome(Box::new(outcome));
    match status.as_u16() {
        200..=299 => {
            let charge = serde_json::from_slice::<ForeignCharge>(body).ok();
            let found = charge.and_then(|charge| match key {
                Some(key) => charge.outcome(key),
                None => charge.charge().map(Ok),
            });
            found.map_or_else(|| Meaning::Ambiguous("the answer is not understood".to_owned()), outcome)
        }
        402 | 404 | 409 => match serde_json::from_slice::<ForeignError>(body) {
            // The same key is at work.
            Ok(error) if error.error.name == "key.busy" => Meaning::Ambiguous("it is at work".to_owned()),
            Ok(error) => outcome(Err(error.error.refusal(None))),
            Err(_) => Meaning::Ambiguous(format!("an answer of status {} that is not understood", status.as_u16())),
        },
        429 | 503 => Meaning::NotBegun(format!("it answers {}", status.as_u16())),
        400..=499 => outcome(Err(GatewayError::Rejected(format!("it answers {}", status.as_u16())))),
        other => Meaning::Ambiguous(format!("it answers {other}")),
    }
}
