//! Fingerprints: a finding keeps its own from run to run, even if lines are added above it.

use std::collections::HashMap;

use eventsmith_codegen::Diagnostic;

/// Gives every finding of one report a fingerprint of its own: rule, file, pointer and message, not line and column.
/// Findings that have all four in common, such as those of equal lines of NDJSON, are numbered.
#[derive(Default)]
pub(super) struct Fingerprints(HashMap<u128, u64>);

impl Fingerprints {
    /// The fingerprint of the next finding, which is about the file at this path.
    pub(super) fn next(&mut self, diagnostic: &Diagnostic, path: &str) -> String {
        let parts = [diagnostic.rule, path, &diagnostic.pointer, &diagnostic.message];
        let hash = parts.iter().fold(OFFSET, |hash, part| fnv(fnv(hash, part.as_bytes()), &[0]));
        let count = self.0.entry(hash).or_default();
        let hash = if *count == 0 { hash } else { fnv(hash, &count.to_le_bytes()) };
        *count += 1;
        format!("{hash:032x}")
    }
}

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;

/// FNV-1a of 128 bits: the hashes of the standard library may differ between its releases.
/// <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>
fn fnv(hash: u128, bytes: &[u8]) -> u128 {
    const PRIME: u128 = 0x0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(hash, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_its_description() {
        assert_eq!(format!("{:032x}", fnv(OFFSET, b"a")), "d228cb696f1a8caf78912b704e4a8964");
    }
}
