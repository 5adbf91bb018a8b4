//! Conditions of rules: expressions over a typed context, bounded in time and space.
//!
//! They are written in [Rhai](https://rhai.rs), of which expressions alone are let in: no loops, no functions, no assignments. What one
//! may do is counted, so that no rule can hold up an evaluation.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use rhai::{AST, Dynamic, Engine, Scope};
use serde_json::Value;

/// How many operations a condition may take.
const MOST_OPERATIONS: u64 = 10_000;
/// How deep a condition may be nested.
const DEEPEST: usize = 32;
/// How long a text may become, in bytes, and how many things a list or a map may hold.
const LARGEST: usize = 4_096;

static ENGINE: LazyLock<Engine> = LazyLock::new(engine);

/// What conditions may look at: these names with these types, and any other fact by `facts["name"]`.
///
/// | name | type | of the fact, or |
/// |---|---|---|
/// | `subtotal` | integer, minor units | 0 |
/// | `currency` | text | `"EUR"` |
/// | `jurisdiction` | text | `""` |
/// | `items` | integer | 1 |
/// | `tier` | text | `"bronze"` |
/// | `facts` | map | all facts |
#[derive(Debug, Clone)]
pub struct Context {
    subtotal: i64,
    currency: String,
    jurisdiction: String,
    items: i64,
    tier: String,
    facts: Dynamic,
}

/// A condition that was understood.
#[derive(Clone)]
pub struct Condition(AST);

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condition")
    }
}

impl Context {
    /// The context that facts make.
    ///
    /// # Errors
    /// Which fact has another type than conditions expect.
    pub fn of(facts: &BTreeMap<String, Value>) -> Result<Self, String> {
        let integer = |name: &str, default: i64| match facts.get(name) {
            None => Ok(default),
            Some(value) => value.as_i64().ok_or_else(|| format!("the fact {name} is no integer")),
        };
        let text = |name: &str, default: &str| match facts.get(name) {
            None => Ok(default.to_owned()),
            Some(value) => value.as_str().map(str::to_owned).ok_or_else(|| format!("the fact {name} is no text")),
        };
        let all = rhai::serde::to_dynamic(facts).map_err(|error| format!("the facts cannot be read: {error}"))?;
        Ok(Self {
            subtotal: integer("subtotal", 0)?,
            currency: text("currency", "EUR")?,
            jurisdiction: text("jurisdiction", "")?,
            items: integer("items", 1)?,
            tier: text("tier", "bronze")?,
            facts: all,
        })
    }

    fn scope(&self) -> Scope<'static> {
        let mut scope = Scope::new();
        scope
            .push_constant("subtotal", self.subtotal)
            .push_constant("currency", self.currency.clone())
            .push_constant("jurisdiction", self.jurisdiction.clone())
            .push_constant("items", self.items)
            .push_constant("tier", self.tier.clone())
            .push_constant_dynamic("facts", self.facts.clone());
        scope
    }
}

impl Condition {
    /// Understands a condition; a name that is none of the context's is a mistake here, and not only where it is evaluated.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn compile(text: &str) -> Result<Self, String> {
        let mut names = Scope::new();
        for name in ["subtotal", "currency", "jurisdiction", "items", "tier", "facts"] {
            names.push_dynamic(name, Dynamic::UNIT);
        }
        let wrong = |error: rhai::ParseError| format!("the condition {text:?} cannot be read: {error}");
        ENGINE.compile_expression_with_scope(&names, text).map(Self).map_err(wrong)
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// Why that cannot be said: it is no yes or no, takes too long, or looks at a fact that there is none of.
    pub fn holds(&self, context: &Context) -> Result<bool, String> {
        ENGINE.eval_ast_with_scope(&mut context.scope(), &self.0).map_err(|error| error.to_string())
    }
}

fn engine() -> Engine {
    let mut engine = Engine::new();
    engine
        .set_max_operations(MOST_OPERATIONS)
        .set_max_expr_depths(DEEPEST)
        .set_max_string_size(LARGEST)
        .set_max_array_size(LARGEST)
        .set_max_map_size(LARGEST)
        .set_max_strings_interned(LARGEST)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .disable_symbol("eval")
        .disable_symbol("print")
        .disable_symbol("debug");
    engine
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(text: &str) -> Result<bool, String> {
        let facts = json!({"subtotal": 7_000, "items": 3, "tier": "gold", "basket": {"books": 2}});
        let facts: BTreeMap<String, Value> = serde_json::from_value(facts).expect("facts");
        Condition::compile(text)?.holds(&Context::of(&facts).expect("a context"))
    }

    #[test]
    fn a_condition_looks_at_names_and_at_facts() {
        assert_eq!(holds("subtotal >= 5000 && tier in [\"gold\", \"platinum\"]"), Ok(true));
        assert_eq!(holds("facts.basket.books > items"), Ok(false));
    }

    #[test]
    fn a_name_that_is_misspelt_is_told_before_anything_is_evaluated() {
        let wrong = Condition::compile("subtotl > 1").expect_err("there is no such name");

        assert!(wrong.contains("subtotl"), "{wrong}");
    }

    #[test]
    fn a_fact_that_there_is_none_of_is_an_error() {
        assert!(holds("facts.weight > 1").is_err());
    }

    #[test]
    fn what_is_neither_true_nor_false_is_an_error() {
        assert!(holds("subtotal").is_err());
    }

    #[test]
    fn statements_loops_and_functions_are_no_conditions() {
        for text in ["let x = 1; true", "loop {}", "while true {}", "eval(\"true\")", "print(1)"] {
            assert!(Condition::compile(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_grows_without_bounds() {
        let deep = format!("{}true{}", "(".repeat(200), ")".repeat(200));
        assert!(Condition::compile(&deep).is_err());
        let long = vec!["\"0123456789abcdef\""; 400].join(" + ");
        assert!(holds(&format!("({long}).len > 0")).is_err());
    }

    #[test]
    fn a_fact_of_another_type_is_told_by_its_name() {
        let facts = BTreeMap::from([("items".to_owned(), json!("three"))]);

        assert_eq!(Context::of(&facts).expect_err("no integer"), "the fact items is no integer");
    }
}
