//! Collects the findings about one record.

use serde_json::Value;

use crate::schema::{Node, first_faults};

use super::compiled::Compiled;
use super::finding::{Demand, Finding};
use super::records::{Record, RecordLocator};
use super::violation_text::{self, ViolationText};

/// How many violations of one schema are reported for one payload. Nobody reads more of them, and each is searched for in the
/// text of the payload: a large one would take hours.
const MOST: usize = 100;

/// Collects the findings about one record.
pub(super) struct Sink<'a> {
    pub(super) record: Record<'a>,
    pub(super) value: &'a Value,
    /// The record on a tape.
    pub(super) node: Node<'a>,
    /// The same, if some number of it is wide.
    pub(super) exact: Option<Node<'a>>,
    pub(super) locator: &'a RecordLocator<'a>,
    /// Whether values of the payload are masked.
    pub(super) mask: bool,
    pub(super) findings: &'a mut Vec<Finding>,
}

impl Sink<'_> {
    /// Reports something about the value at a pointer into the record.
    pub(super) fn report(&mut self, rule: &'static str, at: &str, message: &str, help: &str) {
        let mut finding = self.locator.finding(rule, self.record, at, (message, help));
        finding.diagnostic.pointer = self.record.pointer(at);
        self.findings.push(finding);
    }

    /// Reports a number that the generated type has no room for, at a place below the value at a pointer into the record.
    pub(super) fn unfit(&mut self, at: &str, place: &str, numeral: &str, schema: &Compiled) {
        let help = "an integer without bounds has 64 bits, as has an integer of any JSON: say `maximum`, or `number`";
        let expected = "a number that the Rust type can hold".to_owned();
        let found = (!self.mask).then(|| numeral.to_owned());
        let message = match &found {
            Some(found) => format!("expected {expected}, found {}", violation_text::short_text(found)),
            None => format!("expected {expected}"),
        };
        self.report("bad-payload", &format!("{at}{place}"), &message, help);
        if let Some(finding) = self.findings.last_mut() {
            finding.demand = Some(Demand { file: schema.file.clone(), pointer: String::new(), expected, found });
            if self.mask {
                let data = self.value.pointer(at).unwrap_or(&Value::Null);
                finding.diagnostic.pointer = self.record.pointer(&format!("{at}{}", schema.masked(place, data)));
            }
        }
    }

    /// Reports that a value is invalid, where to find out all that is wrong would take too much time or memory.
    fn unexplained(&mut self, rule: &'static str, at: &str, instance: &Value, schema: &Compiled) {
        if schema.validator.is_valid(instance) {
            return;
        }
        let expected = "agreement with its schema".to_owned();
        let message = format!("expected {expected}, which refers to itself in too many ways to say what is wrong");
        let help = "leave out what the value holds, level by level, until it is small enough to be explained";
        self.report(rule, at, &message, help);
        if let Some(finding) = self.findings.last_mut() {
            let (file, pointer) = (schema.file.clone(), String::new());
            finding.demand = Some(Demand { file, pointer, expected, found: None });
        }
    }

    /// Reports the faults of the value at a pointer into the record: the first of them, and how many are left out.
    pub(super) fn violations(&mut self, rule: &'static str, at: &str, schema: &Compiled) {
        let Some(instance) = self.value.pointer(at) else { return };
        let exact = self.exact.and_then(|node| node.at(at));
        if self.node.at(at).is_some_and(|node| !schema.tape_validator.is_searchable(node)) {
            return self.unexplained(rule, at, instance, schema);
        }
        let (faults, mut omitted) = match exact {
            Some(node) => first_faults(&schema.tape_validator, node, MOST),
            None => schema.validator.first_faults(instance, MOST),
        };
        let mut reported = 0;
        for fault in faults {
            let whole = instance.pointer(&fault.pointer).unwrap_or(&Value::Null);
            let keyword = fault.keyword.rsplit('/').next().unwrap_or_default();
            let file = schema.home(&fault.keyword);
            let help = match schema.is_built_in {
                true => "every envelope needs this".to_owned(),
                false => format!("the schema says so: {file}#{}", fault.keyword),
            };
            let value = schema.schema.pointer(&fault.keyword);
            let wide = exact.and_then(|node| node.at(&fault.pointer)?.wide());
            for text in violation_text::describe(keyword, &fault, (whole, wide), value) {
                if reported == MOST {
                    omitted += 1;
                    continue;
                }
                reported += 1;
                let ViolationText { below, expected, found, message, .. } =
                    if self.mask { text.masked(keyword) } else { text };
                let place = format!("{}{below}", fault.pointer);
                self.report(rule, &format!("{at}{place}"), &message, &help);
                let (file, pointer) = (file.to_owned(), fault.keyword.clone());
                if let Some(finding) = self.findings.last_mut() {
                    finding.demand = Some(Demand { file, pointer, expected, found });
                    if self.mask {
                        let index = self.record.index.map(|index| format!("/{index}")).unwrap_or_default();
                        finding.diagnostic.pointer = format!("{index}{at}{}", schema.masked(&place, instance));
                    }
                }
            }
        }
        if omitted > 0 {
            let violations = if omitted == 1 { "violation" } else { "violations" };
            let message = format!("{omitted} more {violations} of the same schema");
            self.report(rule, at, &message, "mend those above, then check again");
        }
    }
}
