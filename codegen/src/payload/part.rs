//! What checking a part of an input comes to.

use super::finding::Finding;

/// What checking a part of an input has found.
#[derive(Debug, Default)]
pub struct CheckedPart {
    /// The number of payloads without findings.
    pub valid: usize,
    /// The number of payloads with findings, or that could not be read.
    pub invalid: usize,
    /// The number of payloads that are valid as bare data, and look like envelopes of events of the catalogue.
    pub envelopes: usize,
    /// Everything that is wrong, in the order of the payloads.
    pub findings: Vec<Finding>,
    /// How many bytes were checked.
    pub bytes: usize,
    /// How many line breaks are in the part, if lines of what follows are counted from it.
    pub(super) lines: usize,
}

impl CheckedPart {
    /// One payload that cannot be read.
    pub(super) fn of(finding: Finding) -> Self {
        Self { invalid: 1, findings: vec![finding], ..Self::default() }
    }

    /// Adds what came out of a later part, which begins some lines further down.
    pub(super) fn append(&mut self, mut other: Self, lines: usize) {
        other.move_down(lines);
        self.valid += other.valid;
        self.invalid += other.invalid;
        self.envelopes += other.envelopes;
        self.findings.append(&mut other.findings);
    }

    pub(super) fn move_down(&mut self, lines: usize) {
        for position in self.findings.iter_mut().filter_map(|finding| finding.diagnostic.position.as_mut()) {
            position.line += lines;
        }
    }
}
