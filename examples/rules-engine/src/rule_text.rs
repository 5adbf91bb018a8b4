//! What the text of a rule says: a condition, and what follows where it holds.

use rules_events::common::{Discount, Money};
use serde::{Deserialize, Serialize};

/// The text of a rule, which is JSON.
///
/// ```
/// use rules_engine::rule_text::RuleText;
///
/// let text = r#"{"when": "subtotal >= 5000 && tier == \"gold\"", "then": {"promotion": {
///     "name": "Ten percent for gold", "discount": {"kind": "percentage", "percentage": "10"}}}}"#;
/// assert!(RuleText::read(text).is_ok());
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// A condition over the [context](crate::expression::Context) of a transaction.
    pub when: String,
    /// What follows where it holds.
    pub then: Effect,
}

/// What a rule leads to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The promotion is applied to each transaction of which the condition holds.
    Promotion(Offer),
    /// The promotion is for those who have its coupon, which is issued when the rule takes effect.
    Campaign(Offer),
}

/// What a promotion takes off, and how often.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Its name, as customers see it.
    pub name: String,
    /// What it takes off.
    pub discount: Discount,
    /// Whether it stands alone: no other promotion is applied beside it.
    #[serde(default)]
    pub exclusive: bool,
    /// How often it is applied, over all transactions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_applications: Option<u32>,
    /// The most that it takes off over all transactions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Money>,
}

impl RuleText {
    /// Reads the text, and looks whether its condition is one.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn read(text: &str) -> Result<Self, String> {
        let rule: Self = serde_json::from_str(text)
            .map_err(|error| format!("the rule is not {{\"when\": .., \"then\": ..}}: {error}"))?;
        crate::expression::Condition::compile(&rule.when)?;
        Ok(rule)
    }
}

impl Effect {
    /// The promotion.
    pub fn offer(&self) -> &Offer {
        match self {
            Self::Promotion(offer) | Self::Campaign(offer) => offer,
        }
    }
}
