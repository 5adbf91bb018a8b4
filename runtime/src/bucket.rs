//! Key-value buckets: typed and validated documents, each under a key. `docs/buckets.md` is the guide.

pub use eventsmith_bus::bucket::{Bucket, BucketError, Change, Entry, Removal, Removed, Watcher};
