//! Whether readers of one version understand the writers of another.

use crate::bundle::bundle;
use crate::containment::{Compatibility, Prepared, decide};
use crate::load::Loaded;

/// Whether everything that writers of one schema file write is provably accepted by the other. `false` means: not
/// proved.
pub fn reads(loaded: &Loaded, reader: &str, writer: &str) -> bool {
    let (writer, reader) = (bundle(loaded, writer), bundle(loaded, reader));
    let compatibility = decide(&Prepared::new(&writer), &Prepared::new(&reader));
    matches!(compatibility, Compatibility::Identical | Compatibility::Compatible)
}
