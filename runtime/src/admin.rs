//! For operators and their programs: provisioning, dead letters, backups. Needs the feature `admin`; services do without it.

pub use eventsmith_admin::BusAdmin;
pub use eventsmith_admin::backup::{
    BackedUpConsumer, BackedUpStream, BackupError, BackupRequest, Created, Expired, FoundBackup, Manifest, NotBackedUp,
    Progress, ReadStream, RestoreRequest, RestoredStream, StreamKind, check as check_backup, list as list_backups,
};
pub use eventsmith_admin::buckets::{RawBucket, RawEntry, RawWatcher};
pub use eventsmith_admin::dead_letters::{
    DeadLetter, DeadLetterError, DeadLetterFilter, DeadLetterList, DeadLetters, DeadReason, Recovered, ReplayTo,
    Replayed,
};
pub use eventsmith_admin::provision::{
    Action, Change, ConsumerStatus, Effect, FieldChange, Missing, Plan, ProvisionError, Status, StreamStatus,
};
pub use eventsmith_admin::requests::{AskError, RawReply, ServiceQuestion};
pub use eventsmith_admin::survey::{CountedDeadLetters, Replicas, Survey, SurveyedConsumer, SurveyedStream};
pub use eventsmith_admin::tail::{PassedMessage, Tail};
pub use eventsmith_admin::topology::Topology;
pub use eventsmith_admin::trace::{Trace, TraceQuery, TracedMessage, Unread};
pub use eventsmith_bus::settings::{BucketSettings, ConsumerSettings, StreamSettings};
