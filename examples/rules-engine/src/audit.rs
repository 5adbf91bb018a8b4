//! The audit: reads what the streams hold of every checkout, and proves that it adds up.
//!
//! It believes no service: what it compares is the history of each payment, account, coupon and promotion, and the path of each checkout.

mod accounts;
mod books;
mod checkout;
mod finding;

use std::collections::BTreeMap;

use eventsmith::Bus;
use eventsmith::state::{SagaStatus, Sagas};
use rules_events::checkout::CheckoutStart;

use crate::world::World;
use books::Books;

pub use finding::Finding;

/// What the audit found.
#[derive(Debug, Default)]
pub struct Audit {
    /// How many checkouts were looked at.
    pub checkouts: usize,
    /// How many of them are completed.
    pub completed: usize,
    /// How many are undone.
    pub compensated: usize,
    /// How many have not ended, or left something behind.
    pub lost: usize,
    /// How many had an effect twice.
    pub doubled: usize,
    /// What was captured and not refunded, in minor units.
    pub revenue_minor: i64,
    /// How many events were looked at.
    pub events: usize,
    /// What is wrong, in words.
    pub findings: Vec<String>,
}

impl Audit {
    /// Looks at checkouts, and at all that the world has.
    ///
    /// # Errors
    /// What cannot be read.
    pub async fn of(bus: &Bus, world: &World, started: &[CheckoutStart]) -> anyhow::Result<Self> {
        let sagas = Sagas::of(bus, rules_events::STREAMS);
        let books = Books::read(bus, world, started).await?;
        let mut audit = Self { checkouts: started.len(), events: books.events, ..Self::default() };
        let mut wrong: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
        for start in started {
            let id = start.transaction_id.to_string();
            let Some(status) = sagas.status("checkout", &id).await? else {
                wrong.entry(id).or_default().push(Finding::Lost("it was never started".to_owned()));
                continue;
            };
            match status {
                SagaStatus::Completed => audit.completed += 1,
                SagaStatus::Compensated => audit.compensated += 1,
                _ => {}
            }
            let (findings, revenue) = checkout::look(bus, &sagas, &books, start).await?;
            audit.revenue_minor += revenue;
            if !findings.is_empty() {
                wrong.entry(id).or_default().extend(findings);
            }
        }
        for (customer, finding) in accounts::look(&books) {
            wrong.entry(customer).or_default().push(finding);
        }
        for (of, findings) in wrong {
            audit.lost += usize::from(findings.iter().any(|it| matches!(it, Finding::Lost(_))));
            audit.doubled += usize::from(findings.iter().any(|it| matches!(it, Finding::Doubled(_))));
            audit.findings.extend(findings.into_iter().map(|finding| match finding {
                Finding::Lost(what) => format!("{of}: lost: {what}"),
                Finding::Doubled(what) => format!("{of}: doubled: {what}"),
            }));
        }
        Ok(audit)
    }

    /// Whether all is well.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.completed + self.compensated == self.checkouts
    }
}

impl std::fmt::Display for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { checkouts, completed, compensated, lost, doubled, .. } = self;
        write!(
            f,
            "rules-engine: checkouts {checkouts}, completed {completed}, compensated {compensated}, lost {lost}, doubled {doubled}"
        )
    }
}
