//! Whether readers of one version understand the writers of another.

use crate::bundle::bundle;
use crate::containment::{Verdict, decide};
use crate::load::Loaded;

/// Whether everything that writers of one schema file write is provably accepted by the other. `false` means: not
/// proved.
pub fn reads(loaded: &Loaded, reader: &str, writer: &str) -> bool {
    let verdict = decide(&bundle(loaded, writer), &bundle(loaded, reader));
    matches!(verdict, Verdict::Identical | Verdict::Compatible)
}
