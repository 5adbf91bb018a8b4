//! A payment gateway that is played.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use eventsmith::Timestamp;
use rules_events::common::{CurrencyCode, Money};

use super::faults::{Faults, inject};
use super::server::Server;
use crate::gateway::foreign::{ForeignAmount, ForeignCharge, ForeignEntry, ForeignError, ForeignOrder, ForeignReason};
use crate::gateway::money::to_decimal;
use crate::secret::{self, Secret};

/// The card whose bank always declines, by its last four digits.
const DECLINED: &str = "0002";
/// The most that a charge may come to, in minor units.
const LIMIT: i64 = 100_000_000;
/// For how long an amount stays reserved, in seconds.
const VALID_FOR: i64 = 7 * 86_400;

/// A payment gateway that is played: `POST /v3/charges`, `POST /v3/charges/{reference}/{collect|cancel|reverse}`,
/// `GET /v3/charges/{reference}`, each with a bearer token. What is asked for under the same `x-once-key` is done once.
///
/// It ends when it is dropped.
///
/// ```
/// use rules_engine_edge::played::{Fault, PlayedGateway};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let gateway = PlayedGateway::start("a-token").await?;
/// gateway.faults().push(Fault::HangAfter); // the next request is done, and its answer lost
/// assert!(gateway.url().starts_with("http://127.0.0.1:"));
/// assert!(gateway.charges().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PlayedGateway {
    server: Server,
    faults: Faults,
    books: Books,
}

/// A charge of the played gateway, for auditors.
#[derive(Debug, Clone)]
pub struct PlayedCharge {
    /// The payment's id, as the merchant named it.
    pub payment_id: String,
    /// The currency.
    pub currency: CurrencyCode,
    /// What is reserved at present.
    pub reserved: i64,
    /// What was collected.
    pub collected: i64,
    /// What was given back of that.
    pub reversed: i64,
    /// `reserved`, `collected`, `cancelled`, `reversed` or `refused`.
    pub stage: &'static str,
    /// The keys under which something was done or refused, in their order.
    pub keys: Vec<String>,
    entries: Vec<ForeignEntry>,
    asked: i64,
    valid_until: i64,
    memo: Option<String>,
}

#[derive(Debug, Clone)]
struct Books {
    token: Secret,
    charges: Arc<Mutex<BTreeMap<String, PlayedCharge>>>,
}

impl PlayedGateway {
    /// Starts on a free port of this machine.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(token: impl Into<Secret>) -> io::Result<Self> {
        let (faults, books) = (Faults::default(), Books { token: token.into(), charges: Arc::default() });
        let router = Router::new()
            .route("/v3/charges", post(create))
            .route("/v3/charges/{reference}", get(show))
            .route("/v3/charges/{reference}/{operation}", post(change))
            .layer(middleware::from_fn_with_state(faults.clone(), inject))
            .with_state(books.clone());
        Ok(Self { server: Server::start(router).await?, faults, books })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What is to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// All that it did, by payment.
    pub fn charges(&self) -> Vec<PlayedCharge> {
        self.books.with(|charges| charges.values().cloned().collect())
    }
}

impl Books {
    fn with<T>(&self, what: impl FnOnce(&mut BTreeMap<String, PlayedCharge>) -> T) -> T {
        what(&mut self.charges.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether somebody may ask at all, and under which key.
    fn admit<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, StatusCode> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        match bearer {
            Some(bearer) if secret::is(self.token.expose(), bearer) => Ok(text("x-once-key")),
            _ => Err(StatusCode::UNAUTHORIZED),
        }
    }
}

impl PlayedCharge {
    /// The charge as the gateway tells it.
    fn told(&self) -> ForeignCharge {
        let decimal = |amount_minor| to_decimal(&Money { amount_minor, currency: self.currency.clone() });
        ForeignCharge {
            merchant_reference: self.payment_id.clone(),
            stage: self.stage.to_owned(),
            currency: self.currency.as_str().to_ascii_lowercase(),
            reserved: decimal(self.asked),
            collected: decimal(self.collected),
            reversed: decimal(self.reversed),
            valid_until: self.valid_until,
            memo: self.memo.clone(),
            entries: self.entries.clone(),
        }
    }

    fn note(&mut self, key: &str, reason: Option<ForeignReason>) {
        self.keys.push(key.to_owned());
        self.entries.push(ForeignEntry { key: key.to_owned(), accepted: reason.is_none(), reason });
    }

    /// Does what is asked for, or says why not.
    fn apply(&mut self, operation: &str, amount: Option<&Money>) -> Result<(), ForeignReason> {
        if amount.is_some_and(|amount| amount.currency != self.currency) {
            return Err(reason("charge.currency", "the currency is another"));
        }
        let amount = amount.map(|amount| amount.amount_minor);
        let wrong_stage = || reason("charge.stage", "the charge is at another stage");
        match operation {
            "collect" => {
                let amount = amount.unwrap_or(self.reserved);
                if self.stage != "reserved" || amount > self.reserved {
                    return Err(wrong_stage());
                }
                self.collected += amount;
                self.reserved = 0;
                self.stage = "collected";
            }
            "cancel" => {
                if self.stage != "reserved" {
                    return Err(wrong_stage());
                }
                self.reserved = 0;
                self.stage = "cancelled";
            }
            _ => {
                let left = self.collected - self.reversed;
                let amount = amount.unwrap_or(left);
                if self.stage != "collected" || amount > left {
                    return Err(wrong_stage());
                }
                self.reversed += amount;
                if self.reversed == self.collected {
                    self.stage = "reversed";
                }
            }
        }
        Ok(())
    }
}

fn reason(name: &str, text: &str) -> ForeignReason {
    ForeignReason { name: name.to_owned(), text: text.to_owned() }
}

fn refuse(status: StatusCode, reason: ForeignReason) -> Response {
    (status, Json(ForeignError { error: reason })).into_response()
}

/// What a charge answers under a key that was used.
fn repeat(charge: &PlayedCharge, key: &str) -> Option<Response> {
    let entry = charge.entries.iter().find(|entry| entry.key == key)?;
    Some(match &entry.reason {
        None => Json(charge.told()).into_response(),
        Some(reason) if reason.name.starts_with("card.") => refuse(StatusCode::PAYMENT_REQUIRED, reason.clone()),
        Some(reason) => refuse(StatusCode::CONFLICT, reason.clone()),
    })
}

async fn create(State(books): State<Books>, headers: HeaderMap, Json(order): Json<ForeignOrder>) -> Response {
    let key = match books.admit(&headers) {
        Ok(Some(key)) => key.to_owned(),
        Ok(None) => return StatusCode::BAD_REQUEST.into_response(),
        Err(refused) => return refused.into_response(),
    };
    let Some(Money { amount_minor, currency }) = order.money() else { return StatusCode::BAD_REQUEST.into_response() };
    books.with(|charges| {
        if let Some(charge) = charges.get(&order.merchant_reference) {
            let taken = || refuse(StatusCode::CONFLICT, reason("charge.stage", "the reference is in use"));
            return repeat(charge, &key).unwrap_or_else(taken);
        }
        let declined = match &order.instrument.tail {
            Some(tail) if tail == DECLINED => Some(reason("card.insufficient-funds", "the account holds too little")),
            _ if amount_minor > LIMIT => Some(reason("card.limit-exceeded", "the amount is beyond the limit")),
            _ => None,
        };
        let is_declined = declined.is_some();
        let mut charge = PlayedCharge {
            payment_id: order.merchant_reference.clone(),
            currency,
            reserved: if is_declined { 0 } else { amount_minor },
            collected: 0,
            reversed: 0,
            stage: if is_declined { "refused" } else { "reserved" },
            keys: Vec::new(),
            entries: Vec::new(),
            asked: amount_minor,
            valid_until: Timestamp::now().as_second() + VALID_FOR,
            memo: order.memo.clone(),
        };
        charge.note(&key, declined);
        let answer = repeat(&charge, &key);
        charges.insert(order.merchant_reference.clone(), charge);
        answer.unwrap_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    })
}

async fn change(
    State(books): State<Books>,
    Path((reference, operation)): Path<(String, String)>,
    headers: HeaderMap,
    Json(amount): Json<ForeignAmount>,
) -> Response {
    let key = match books.admit(&headers) {
        Ok(Some(key)) => key.to_owned(),
        Ok(None) => return StatusCode::BAD_REQUEST.into_response(),
        Err(refused) => return refused.into_response(),
    };
    let money = amount.money();
    if !matches!(operation.as_str(), "collect" | "cancel" | "reverse") || (amount.value.is_some() && money.is_none()) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    books.with(|charges| {
        let Some(charge) = charges.get_mut(&reference) else {
            return refuse(StatusCode::NOT_FOUND, reason("charge.unknown", "there is no such charge"));
        };
        if let Some(answer) = repeat(charge, &key) {
            return answer;
        }
        let refusal = charge.apply(&operation, money.as_ref()).err();
        charge.note(&key, refusal);
        repeat(charge, &key).unwrap_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    })
}

async fn show(State(books): State<Books>, Path(reference): Path<String>, headers: HeaderMap) -> Response {
    if let Err(refused) = books.admit(&headers) {
        return refused.into_response();
    }
    books.with(|charges| match charges.get(&reference) {
        Some(charge) => Json(charge.told()).into_response(),
        None => refuse(StatusCode::NOT_FOUND, reason("charge.unknown", "there is no such charge")),
    })
}
