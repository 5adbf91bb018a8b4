//! Whether one version may be read as another: the verdict of `breaking`, in words.

use eventsmith_codegen::containment::{Compatibility, Prepared, decide};
use serde_json::{Value, json};

use super::highlight;

/// Both verdicts about two versions of a schema, as data: whether readers of the newer one understand the older, and the other way round;
/// and whether the first is proved.
pub(super) fn verdicts(older: (u32, &Value), newer: (u32, &Value)) -> (Vec<Value>, bool) {
    let (old, new) = (Prepared::new(older.1), Prepared::new(newer.1));
    let backward = decide(&old, &new);
    let is_proved = matches!(backward, Compatibility::Identical | Compatibility::Compatible);
    let said = vec![said(backward, newer.0, older.0), said(decide(&new, &old), older.0, newer.0)];
    (said, is_proved)
}

fn said(found: Compatibility, reader: u32, writer: u32) -> Value {
    let all = format!("readers of version {reader} understand everything that writers of version {writer} write");
    let (word, text, witness, reason) = match found {
        Compatibility::Identical => ("identical", format!("{all}: both say the same"), None, String::new()),
        Compatibility::Compatible => ("compatible", format!("{all}: it is proved"), None, String::new()),
        Compatibility::Breaking(witness) => {
            let text =
                format!("readers of version {reader} do not understand all that writers of version {writer} write");
            let place = if witness.fault.pointer.is_empty() {
                String::new()
            } else {
                format!("at {}: ", witness.fault.pointer)
            };
            ("breaking", text, Some(highlight::html(&witness.payload)), format!("{place}{}", witness.fault.message))
        }
        Compatibility::Undecided(obstacle) => {
            let text = format!("whether {all} could be neither proved nor refuted: {}", obstacle.reason);
            ("undecided", text, None, String::new())
        }
    };
    json!({"word": word, "text": text, "witness": witness, "reason": reason})
}
