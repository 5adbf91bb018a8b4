//! `eventsmith kubernetes`: manifests of services, and of what is run before a release and at night.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use eventsmith_operations::kubernetes::{self, Cluster};

use crate::catalogue::Schemas;
use crate::exit::ExitStatus;
use crate::fresh;
use crate::landscape::landscape;
use crate::output::{Out, counted, note};
use crate::topology::topology;

/// Write manifests for Kubernetes: a Deployment for each service, a Job that applies streams, a CronJob that makes backups
///
/// SERVICE.yml, streams-apply.yml and backup.yml. Credentials are files of the secret SERVICE-nats: seed and ca.pem.
#[derive(Args)]
pub(crate) struct Kubernetes {
    #[command(flatten)]
    schemas: Schemas,
    /// The folder to write to, which is made if need be
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The images, with {service} where the name of a service stands; that of eventsmith has the catalogue in /schemas
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// The servers, with commas between them
    #[arg(long, value_name = "URLS")]
    servers: String,
    /// The namespace
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// For how many seconds services let handlers run on at their end: their shutdown_timeout
    #[arg(long, value_name = "SECONDS", default_value_t = 25)]
    shutdown_timeout: u32,
    /// Write nothing; fail if the files differ from what would be written
    #[arg(long)]
    check: bool,
}

impl Kubernetes {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_sound()?;
        let cluster = Cluster {
            namespace: self.namespace.clone(),
            image: self.image.clone(),
            servers: self.servers.clone(),
            shutdown_timeout: Duration::from_secs(self.shutdown_timeout.into()),
        };
        let files =
            kubernetes::files(&landscape(&loaded, &topology(&loaded)), &cluster).map_err(|text| anyhow!(text))?;
        if !self.check {
            fresh::write(&self.out, &files)?;
            note(format_args!("{} written below {}", counted(files.len(), "file"), self.out.display()));
            return Ok(ExitStatus::Clean);
        }
        let command = format!(
            "eventsmith kubernetes --out {} --image {} --servers {} --namespace {} --shutdown-timeout {}",
            self.out.display(),
            self.image,
            self.servers,
            self.namespace,
            self.shutdown_timeout
        );
        let stale = fresh::check_all(out, &self.out, &files, |text| text.starts_with(kubernetes::WRITTEN), &command)?;
        out.finish()?;
        note(format_args!("{} compared, {stale} stale", counted(files.len(), "file")));
        Ok(ExitStatus::findings_if(stale > 0))
    }
}
