//! What it costs to decode and validate an event, beside what one would do without eventsmith.
//!
//! - plain: serde_json into hand-written twin types, without any check
//! - read: the same twin types, read strictly; what is left to `ours` are its own types and their checks
//! - ours: `Event::decode`
//! - value: `serde_json::Value`, then the validator of the jsonschema crate, then `from_value` into our type
//! - macro: `serde_json::Value`, then the validator that the macro of the jsonschema crate compiled, then `from_value`
//!
//! `cargo bench -p eventsmith-tests --bench decode`, and the words of a case's name to run that case alone.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

mod measure;
mod twins;

use std::hint::black_box;

use eventsmith::Event;
use eventsmith::generated::Schema;
use rules_events::coupon::CouponExpired;
use rules_events::tax::TaxCalculated;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[jsonschema_compiled::validator(path = "benches/decode/schemas/coupon_expired.json", validate_formats = true)]
struct CouponExpiredMacro;

#[jsonschema_compiled::validator(path = "benches/decode/schemas/tax_calculated.json", validate_formats = true)]
struct TaxCalculatedMacro;

/// An event, and everybody who can read it.
struct Subject<E, T> {
    validator: jsonschema::Validator,
    compiled: fn(&Value) -> bool,
    /// Accepts everything: the twin has no checks.
    twin_schema: Schema,
    types: std::marker::PhantomData<(E, T)>,
}

impl<E: Event + DeserializeOwned, T: DeserializeOwned + Serialize> Subject<E, T> {
    fn new(schema_file: &str, compiled: fn(&Value) -> bool) -> Self {
        let schema: Value = serde_json::from_str(E::SCHEMA).unwrap();
        let file: Value = serde_json::from_str(schema_file).unwrap();
        assert_eq!(schema, file, "the macro compiles another schema: write {} into its file", E::SCHEMA);
        let validator = jsonschema::options().should_validate_formats(true).offline().build(&schema).unwrap();
        let twin_schema = Schema::new(E::TYPE, E::VERSION, "true");
        Self { validator, compiled, twin_schema, types: std::marker::PhantomData }
    }

    fn plain(&self, payload: &[u8]) -> bool {
        black_box(serde_json::from_slice::<T>(payload)).is_ok()
    }

    fn read(&self, payload: &[u8]) -> bool {
        black_box(self.twin_schema.decode(payload, |_: &T| true)).is_ok()
    }

    fn ours(&self, payload: &[u8]) -> bool {
        black_box(E::decode(E::VERSION, payload)).is_ok()
    }

    fn validated(&self, payload: &[u8], is_valid: impl Fn(&Value) -> bool) -> bool {
        let Ok(value) = serde_json::from_slice(payload) else { return false };
        is_valid(&value) && black_box(serde_json::from_value::<E>(value)).is_ok()
    }

    fn by_value(&self, payload: &[u8]) -> bool {
        self.validated(payload, |value| self.validator.is_valid(value))
    }

    fn by_macro(&self, payload: &[u8]) -> bool {
        self.validated(payload, self.compiled)
    }

    /// Measures one payload by everybody, after a check that they agree about it.
    fn case(&self, name: &str, payload: &Value, validity: Validity) {
        let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
        if !filters.iter().all(|word| name.contains(word.as_str())) {
            return;
        }
        let payload = payload.to_string().into_bytes();
        let valid = validity == Validity::Valid;
        let verdicts = [self.ours(&payload), self.by_value(&payload), self.by_macro(&payload)];
        assert_eq!(verdicts, [valid; 3], "{name}: ours, value, macro");
        let trusted = validity != Validity::Mistyped;
        assert_eq!([self.plain(&payload), self.read(&payload)], [trusted; 2], "{name}: plain, read");

        let [plain, read, ours, value, compiled] = measure::nanoseconds([
            &|| self.plain(&payload),
            &|| self.read(&payload),
            &|| self.ours(&payload),
            &|| self.by_value(&payload),
            &|| self.by_macro(&payload),
        ]);
        println!(
            "{name:<18} {:>6} B {plain:>10.0} {read:>10.0} {ours:>10.0} {value:>10.0} {compiled:>10.0}   {:>8.2} {:>8.2} {:>8.2} {:>8.2}",
            payload.len(),
            read / plain,
            ours / plain,
            value / ours,
            compiled / ours,
        );
    }
}

#[derive(PartialEq)]
enum Validity {
    Valid,
    /// A value that only a check finds out.
    Forbidden,
    /// A value that no type can hold.
    Mistyped,
}

fn example<E: Event>(index: usize) -> Value {
    let schema: Value = serde_json::from_str(E::SCHEMA).unwrap();
    schema["examples"][index].clone()
}

fn with(payload: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = payload.clone();
    *changed.pointer_mut(pointer).unwrap() = value;
    changed
}

/// Repeats the lines of an event until it has about 64 KB.
fn large(typical: &Value) -> Value {
    let lines = typical["lines"].as_array().unwrap();
    let count = 65_536 / lines[0].to_string().len();
    with(typical, "/lines", lines.iter().cycle().take(count).cloned().collect())
}

fn main() {
    let coupon = Subject::<CouponExpired, twins::CouponExpired>::new(
        include_str!("schemas/coupon_expired.json"),
        CouponExpiredMacro::is_valid,
    );
    let tax = Subject::<TaxCalculated, twins::TaxCalculated>::new(
        include_str!("schemas/tax_calculated.json"),
        TaxCalculatedMacro::is_valid,
    );
    let (small, typical) = (example::<CouponExpired>(1), example::<TaxCalculated>(0));
    let large = large(&typical);

    println!(
        "{:<18} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10}   {:>8} {:>8} {:>8} {:>8}",
        "nanoseconds",
        "size",
        "plain",
        "read",
        "ours",
        "value",
        "macro",
        "read/pl.",
        "ours/pl.",
        "value/o.",
        "macro/o."
    );
    coupon.case("small valid", &small, Validity::Valid);
    tax.case("typical valid", &typical, Validity::Valid);
    tax.case("large valid", &large, Validity::Valid);
    let yesterday = || json!("yesterday");
    coupon.case("small mistyped", &with(&small, "/expired_at", yesterday()), Validity::Mistyped);
    coupon.case("small forbidden", &with(&small, "/promotion_id", json!("")), Validity::Forbidden);
    for (size, payload) in [("typical", &typical), ("large", &large)] {
        let forbidden = with(payload, "/total/currency", json!("usd"));
        tax.case(&format!("{size} mistyped"), &with(payload, "/calculated_at", yesterday()), Validity::Mistyped);
        tax.case(&format!("{size} forbidden"), &forbidden, Validity::Forbidden);
    }
}
