//! Upcasts that the schemas cannot prove.

use eventsmith::Upcast;

use crate::common::RulePriority;
use crate::rule::{v1, v2};

impl Upcast<v1::RuleCreated> for v2::RuleCreated {
    /// Version 2 counts priorities from 0 to 1000; each level of version 1 has its place there.
    fn upcast(old: v1::RuleCreated) -> Self {
        let priority = match old.priority {
            v1::PriorityLevel::Low => 100,
            v1::PriorityLevel::Medium => 400,
            v1::PriorityLevel::High => 700,
            v1::PriorityLevel::Critical => 1000,
        };
        Self {
            rule_id: old.rule_id,
            name: old.name,
            description: old.description,
            status: old.status,
            priority: RulePriority(priority),
            tags: None,
            created_by: old.created_by,
            created_at: old.created_at,
            version: old.version,
        }
    }
}
