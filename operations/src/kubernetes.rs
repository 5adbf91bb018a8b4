//! Manifests for Kubernetes: a Deployment for each service, a Job that applies streams before a release, a CronJob that makes backups.
//!
//! Secrets are files of volumes, which Kubernetes renews while a process runs, and the runtime reads for each connection.

use std::collections::BTreeMap;
use std::time::Duration;

use handlebars::{Handlebars, no_escape};
use serde_json::{Value, json};

use crate::file::File;
use crate::landscape::Landscape;
use crate::yaml::quoted;

/// What the files begin with.
pub const WRITTEN: &str = "# Written by `eventsmith kubernetes`: change the catalogue instead, or patch it.";
/// What stands for the name of a service in the name of an image.
pub const SERVICE: &str = "{service}";
/// How long a process has beside `shutdown_timeout`: to give back what was fetched, to settle what has ended, and to end the connection.
const MARGIN: Duration = Duration::from_secs(15);
/// The longest name that everything can have which is named after a service.
const LONGEST: usize = 52;
/// What is no service.
const STREAMS_APPLY: &str = "streams-apply";
const BACKUP: &str = "backup";
const TOOL: &str = "eventsmith";

/// What the catalogue does not say.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The namespace.
    pub namespace: String,
    /// The images, with [`SERVICE`] where the name of the service stands. That of `eventsmith` has the catalogue in `/schemas`.
    pub image: String,
    /// The servers, with commas between them.
    pub servers: String,
    /// For how long services let handlers run on at their end: their `shutdown_timeout`.
    pub shutdown_timeout: Duration,
}

/// The manifests of all services, and of what operators run. By their names they can be applied in order.
///
/// # Errors
/// A text that says what Kubernetes would not take, and a way out.
pub fn files(landscape: &Landscape, cluster: &Cluster) -> Result<Vec<File>, String> {
    check(cluster)?;
    let texts = templates().map_err(|error| format!("a template cannot be read: {error}"))?;
    let mut names: BTreeMap<String, &str> =
        [(STREAMS_APPLY.to_owned(), STREAMS_APPLY), (BACKUP.to_owned(), BACKUP)].into_iter().collect();
    let mut files = Vec::new();
    let mut write = |template: &str, name: &str, service: &str, image: &str| -> Result<(), String> {
        let data = data(landscape, cluster, (name, service, image));
        let text = texts.render(template, &data).map_err(|error| format!("{name} cannot be written: {error}"))?;
        files.push(File { path: format!("{name}.yml"), text });
        Ok(())
    };
    write("streams-apply", STREAMS_APPLY, TOOL, TOOL)?;
    write("backup", BACKUP, TOOL, TOOL)?;
    for service in &landscape.services {
        let name = resource_name(&service.name)?;
        if let Some(other) = names.insert(name.clone(), &service.name) {
            return Err(format!("{} and {other} would have one name in Kubernetes, {name}; rename one", service.name));
        }
        write("service", &name, &service.name, &name)?;
    }
    Ok(files)
}

fn check(cluster: &Cluster) -> Result<(), String> {
    let Cluster { namespace, image, servers, .. } = cluster;
    if !is_label(namespace) {
        return Err(format!("{namespace:?} is no namespace; use small letters, digits and '-'"));
    }
    if !image.contains(SERVICE) || image.contains(char::is_whitespace) {
        return Err(format!("{image:?} names no image of each service; write {SERVICE} where its name stands"));
    }
    // Whoever may read a manifest would have the password.
    match servers.split(',').find(|server| server.contains('@')) {
        Some(_) => Err("the servers have a user in them; credentials are in files, and not in manifests".to_owned()),
        None => Ok(()),
    }
}

/// The name of a service as Kubernetes takes it.
fn resource_name(service: &str) -> Result<String, String> {
    let name: String = service.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect();
    match is_label(&name) && name.len() <= LONGEST {
        true => Ok(name),
        false => Err(format!(
            "the service {service:?} cannot be named so in Kubernetes; use at most {LONGEST} letters, digits and '-', with a letter or \
             digit at both ends"
        )),
    }
}

fn is_label(text: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_any = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 63 && text.chars().all(is_any) && is_end(text.chars().next()) && is_end(text.chars().next_back())
}

/// What the templates name: texts in quotes, so that YAML takes nothing for what it is not.
fn data(landscape: &Landscape, cluster: &Cluster, (name, service, image): (&str, &str, &str)) -> Value {
    let shutdown = cluster.shutdown_timeout.as_secs() + u64::from(cluster.shutdown_timeout.subsec_nanos() > 0);
    json!({
        "written": WRITTEN,
        "name": quoted(name),
        "service": quoted(service),
        "namespace": quoted(&cluster.namespace),
        "root": quoted(&landscape.root),
        "image": quoted(&cluster.image.replace(SERVICE, image)),
        "servers": quoted(&cluster.servers),
        "secret": quoted(&format!("{image}-nats")),
        "shutdown": shutdown,
        "grace": shutdown + MARGIN.as_secs(),
    })
}

fn templates() -> Result<Handlebars<'static>, Box<handlebars::TemplateError>> {
    const PARTS: [(&str, &str); 4] = [
        ("pod", include_str!("../templates/kubernetes/pod.hbs")),
        ("connection", include_str!("../templates/kubernetes/connection.hbs")),
        ("container", include_str!("../templates/kubernetes/container.hbs")),
        ("volumes", include_str!("../templates/kubernetes/volumes.hbs")),
    ];
    const FILES: [(&str, &str); 3] = [
        ("service", include_str!("../templates/kubernetes/service.yml.hbs")),
        ("streams-apply", include_str!("../templates/kubernetes/streams-apply.yml.hbs")),
        ("backup", include_str!("../templates/kubernetes/backup.yml.hbs")),
    ];
    let mut texts = Handlebars::new();
    texts.set_strict_mode(true);
    texts.register_escape_fn(no_escape);
    for (name, text) in PARTS {
        texts.register_partial(name, text).map_err(Box::new)?;
        // The same, deeper: in what makes Jobs.
        let deeper: String = text.lines().map(|line| format!("    {line}\n")).collect();
        texts.register_partial(&format!("nightly_{name}"), deeper).map_err(Box::new)?;
    }
    for (name, text) in FILES {
        texts.register_template_string(name, text).map_err(Box::new)?;
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::Service;
    use crate::landscape::tests::shop;

    fn cluster() -> Cluster {
        Cluster {
            namespace: "shop".to_owned(),
            image: "registry.example.com/shop/{service}:1.2.3".to_owned(),
            servers: "tls://nats:4222".to_owned(),
            shutdown_timeout: Duration::from_millis(25_500),
        }
    }

    #[test]
    fn a_process_has_longer_than_its_handlers() {
        let files = files(&shop(), &cluster()).unwrap();

        let mail = files.iter().find(|file| file.path == "mail.yml").unwrap();
        assert!(mail.text.contains("terminationGracePeriodSeconds: 41\n"), "{}", mail.text);
        assert!(mail.text.contains("image: \"registry.example.com/shop/mail:1.2.3\"\n"), "{}", mail.text);
    }

    #[test]
    fn what_kubernetes_would_not_take_is_refused() {
        let with = |change: &dyn Fn(&mut Landscape, &mut Cluster)| {
            let (mut landscape, mut cluster) = (shop(), cluster());
            change(&mut landscape, &mut cluster);
            files(&landscape, &cluster).unwrap_err()
        };
        let named = |name: &str| Service { name: name.to_owned(), ..Service::default() };

        let twice = with(&|landscape, _| landscape.services.extend([named("a_b"), named("A-b")]));
        assert_eq!(twice, "A-b and a_b would have one name in Kubernetes, a-b; rename one");
        let ours = with(&|landscape, _| landscape.services.push(named("backup")));
        assert!(ours.contains("would have one name"), "{ours}");
        assert!(with(&|landscape, _| landscape.services.push(named("-a"))).contains("cannot be named so"));
        assert!(with(&|_, cluster| cluster.namespace = "a b\n".to_owned()).contains("is no namespace"));
        assert!(with(&|_, cluster| cluster.image = "shop:1".to_owned()).contains("names no image of each service"));
        let secret = with(&|_, cluster| cluster.servers = "tls://me:secret@nats:4222".to_owned());
        assert!(!secret.contains("secret") && secret.contains("credentials are in files"), "{secret}");
    }
}
