//! What the commands about backups have in common.

use std::io::{IsTerminal as _, stderr};

use eventsmith::admin;

use crate::progress::Progress;

/// The progress of one stream after the other, on a terminal.
pub(super) struct Steps {
    current: Option<Progress>,
}

impl Steps {
    pub(super) fn new() -> Self {
        Self { current: None }
    }

    pub(super) fn take(&mut self, progress: admin::Progress<'_>) {
        match progress {
            admin::Progress::Begins { bytes, .. } => {
                self.finish();
                // What is sent is compressed: how much that will be is not known where a stream is read.
                self.current = Some(Progress::new(stderr().is_terminal(), Some(bytes)));
            }
            admin::Progress::Bytes(bytes) => self.current.iter_mut().for_each(|current| current.advance(bytes)),
            _ => {}
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(current) = self.current.take() {
            current.finish();
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A SHA-256 as an argument.
pub(super) fn hash_argument(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(text.to_ascii_lowercase()) } else { Err("no SHA-256: 64 hexadecimal digits".to_owned()) }
}
