//! A struct of one's own in a module that means something else by the names of the prelude.

#![expect(dead_code, unused_imports, reason = "the names are here to be in the way")]

use std::fmt::Result;

use eventsmith::domain_event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::test;

struct Option;
struct String;
struct Vec;
struct Box;
struct Some;
struct None;
struct Ok;
struct Err;
struct Cow;

trait From {}
trait Into {}
trait Default {}
trait Event {}

#[domain_event("rule.created", version = 1)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct RuleCreated {
    #[schemars(regex(pattern = r"^R-[0-9]+$"))]
    rule_id: std::string::String,
    #[schemars(length(min = 1, max = 100))]
    name: std::string::String,
    #[schemars(range(max = 1000))]
    priority: u16,
    #[serde(skip_serializing_if = "std::option::Option::is_none")]
    description: std::option::Option<std::string::String>,
    #[serde(skip_serializing_if = "std::option::Option::is_none")]
    tags: std::option::Option<std::vec::Vec<std::string::String>>,
}

#[core::prelude::v1::test]
fn the_struct_is_an_event() {
    let read = <RuleCreated as eventsmith::Event>::decode(1, br#"{"rule_id": "R-1", "name": "n", "priority": 1}"#);

    assert_eq!(read.map(|event| event.priority).ok(), std::option::Option::Some(1));
}
