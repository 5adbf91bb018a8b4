//! The OpenAPI document, by a validator of others.

#[expect(unreachable_pub, dead_code, reason = "it belongs to the tests of the whole house, which use more of it")]
#[path = "../../../../../tests/src/installed.rs"]
mod installed;

use std::path::Path;
use std::process::Command;

use rules_events::CATALOGUE;

use crate::common::Outcome;

/// From PyPI.
const VALIDATOR: &str = "openapi-spec-validator==0.9.0";

#[test]
fn the_document_is_valid_by_the_validator_of_others() -> Outcome {
    let under = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let packages = installed::pip(under, VALIDATOR)?;
    let folder = tempfile::tempdir()?;
    let document = rules_engine_edge::api::openapi(CATALOGUE);
    let (valid, invalid) = (folder.path().join("valid.json"), folder.path().join("invalid.json"));
    std::fs::write(&valid, document.to_string())?;
    let mut broken = document;
    broken["paths"]["/commands/rule/activate"]["post"]["responses"] = serde_json::json!([]);
    std::fs::write(&invalid, broken.to_string())?;
    let validate = |file: &Path| {
        Command::new("python3").args(["-m", "openapi_spec_validator"]).arg(file).env("PYTHONPATH", &packages).output()
    };

    let accepted = validate(&valid)?;
    let refused = validate(&invalid)?;

    assert!(
        accepted.status.success(),
        "{}{}",
        String::from_utf8_lossy(&accepted.stdout),
        String::from_utf8_lossy(&accepted.stderr)
    );
    assert!(!refused.status.success(), "the validator takes everything");
    Ok(())
}
