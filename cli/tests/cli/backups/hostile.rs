//! Backups that are not what they were: damaged, tampered with, interrupted.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use eventsmith::testing::NatsServer;
use serde_json::{Value, json};

use super::{back_up, catalogue, context, eventsmith, noise, provisioned, publish};
use crate::support::Folder;

/// A backup, in a copy that a test may change.
struct Copy {
    folder: Folder,
    path: String,
    hash: String,
}

async fn backup() -> Copy {
    let folder = catalogue();
    let server = provisioned(&folder).await;
    publish(&context(&server).await, 0..20).await;
    let (path, hash) = back_up(&folder, &server);
    Copy { folder, path, hash }
}

impl Copy {
    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(&self.path).join(name)
    }

    /// What is said after a change, which is then taken back: by `verify`, and by `restore`, which must restore nothing.
    async fn after(&self, change: impl FnOnce(&Path)) -> (i32, String) {
        let folder = self.folder.path().join(&self.path);
        let kept: Vec<(std::path::PathBuf, Vec<u8>)> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        change(&folder);
        let verified = self.folder.run(&["backup", "verify", &self.path, "--expect", &self.hash]);
        let server = NatsServer::start().await.unwrap();
        let restored = eventsmith(&self.folder, &server, &["backup", "restore", &self.path]);
        assert_eq!(restored.status, 2, "{restored:?}");
        let account = server.monitor("/jsz").await.unwrap();
        assert_eq!(account["streams"], 0, "{restored:?}");
        for (path, bytes) in kept {
            let _ = fs::remove_file(&path);
            fs::write(path, bytes).unwrap();
        }
        (verified.status, format!("{}{}{}", verified.stdout, verified.stderr, restored.stderr))
    }

    /// What is said of a manifest that was changed.
    async fn after_manifest(&self, change: impl FnOnce(&mut Value)) -> String {
        let (status, said) = self
            .after(|folder| {
                let file = folder.join("manifest.json");
                let mut manifest: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
                change(&mut manifest);
                fs::write(file, manifest.to_string()).unwrap();
            })
            .await;
        assert_eq!(status, 2, "{said}");
        said
    }
}

#[tokio::test]
async fn damage_is_told_by_the_name_of_the_file() {
    let copy = backup().await;
    let rules = |folder: &Path| folder.join("RULES.snapshot");

    let (flipped, said) = copy
        .after(|folder| {
            let mut bytes = fs::read(rules(folder)).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(rules(folder), bytes).unwrap();
        })
        .await;
    assert!(flipped == 1 && said.contains("RULES.snapshot is not what was written: its hash is another"), "{said}");
    let (short, said) = copy.after(|folder| fs::write(rules(folder), b"s2").unwrap()).await;
    assert!(short == 1 && said.contains("RULES.snapshot has 2 bytes, the manifest says "), "{said}");
    let (gone, said) = copy.after(|folder| fs::remove_file(rules(folder)).unwrap()).await;
    assert!(gone == 1 && said.contains("RULES.snapshot: No such file"), "{said}");
    let (linked, said) = copy
        .after(|folder| {
            fs::rename(rules(folder), folder.join("elsewhere")).unwrap();
            symlink(folder.join("elsewhere"), rules(folder)).unwrap();
        })
        .await;
    assert!(linked == 1 && said.contains("RULES.snapshot: it is no file; links are not followed"), "{said}");
}

#[tokio::test]
async fn a_manifest_that_was_tampered_with_restores_nothing() {
    let copy = backup().await;

    let renamed = copy.after_manifest(|manifest| manifest["streams"][0]["name"] = json!("../../etc/passwd")).await;
    assert!(renamed.contains(r#""../../etc/passwd" is no name of a stream"#), "{renamed}");
    let other = copy.after_manifest(|manifest| manifest["streams"][0]["config"]["name"] = json!("OTHER")).await;
    assert!(other.contains("are those of another"), "{other}");
    let twice = copy
        .after_manifest(|manifest| {
            let first = manifest["streams"][0].clone();
            manifest["streams"].as_array_mut().unwrap().push(first);
        })
        .await;
    assert!(twice.contains("is in it twice"), "{twice}");
    let unknown = copy.after_manifest(|manifest| manifest["streams"][0]["path"] = json!("/etc/passwd")).await;
    assert!(unknown.contains("unknown field `path`"), "{unknown}");
    let newer = copy.after_manifest(|manifest| manifest["eventsmith_backup"] = json!(2)).await;
    assert!(newer.contains("it is of version 2, and this eventsmith reads 1"), "{newer}");
    let absurd = copy.after_manifest(|manifest| manifest["streams"][0]["size"] = json!(u64::MAX)).await;
    assert!(absurd.contains("the hash of manifest.json is"), "{absurd}");
    let wrong = copy.after_manifest(|manifest| manifest["streams"][0]["sha256"] = json!("00")).await;
    assert!(wrong.contains("the hash of the stream"), "{wrong}");
    let consumer = copy
        .after_manifest(|manifest| {
            let streams = manifest["streams"].as_array_mut().unwrap();
            let with = streams.iter_mut().find(|stream| stream["consumers"] != json!([])).unwrap();
            with["consumers"][0]["name"] = json!("a.>");
        })
        .await;
    assert!(consumer.contains(r#"the consumer "a.>" of the stream"#), "{consumer}");
}

#[tokio::test]
async fn a_manifest_of_any_size_or_form_is_refused_in_time() {
    let copy = backup().await;

    for (text, said) in [
        (format!("{{\"x\":{}", "[".repeat(1 << 20)), "EOF while parsing a list"),
        (" ".repeat((64 << 20) + 1), "manifest.json has more than 67108864 bytes"),
        ("{}".to_owned(), "it is the manifest of something else"),
        (String::new(), "EOF while parsing"),
    ] {
        fs::write(copy.file("manifest.json"), text).unwrap();
        let verified = copy.folder.run(&["backup", "verify", &copy.path]);
        assert_eq!(verified.status, 2, "{verified:?}");
        assert!(verified.stderr.contains(said), "{said}: {verified:?}");
    }
}

/// With the manifest, somebody can change a file and its hash. The hash of the manifest, kept elsewhere, tells.
#[tokio::test]
async fn a_backup_that_was_made_to_fit_is_told_by_the_hash_that_was_kept() {
    let copy = backup().await;
    let file = copy.file("manifest.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("rules.domain.>", "rules.domain.>\", \"rules.secret.>")).unwrap();
    let server = NatsServer::start().await.unwrap();

    let told = eventsmith(&copy.folder, &server, &["backup", "restore", &copy.path, "--expect", &copy.hash]);

    assert_eq!(told.status, 2, "{told:?}");
    assert!(
        told.stderr.contains("the hash of manifest.json is") && told.stderr.contains("nothing was done"),
        "{told:?}"
    );
}

/// The process is killed while it writes: nothing takes what it left for a backup.
#[tokio::test]
async fn a_backup_that_was_killed_is_none() {
    let folder = catalogue();
    let server = provisioned(&folder).await;
    let context = context(&server).await;
    for seed in 0..64 {
        // What cannot be compressed takes its time.
        context.publish("rules.domain.noise", noise(seed).into()).await.unwrap().await.unwrap();
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_eventsmith"))
        .args(["backup", "create", "--out", "backups", "--stream", "RULES", "--server", &server.url()])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let backups = folder.path().join("backups");
    let is_begun = || {
        let entries = fs::read_dir(&backups).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.path().join("RULES.snapshot").exists())
    };
    while !is_begun() && child.try_wait().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    child.kill().unwrap();
    let killed = !child.wait().unwrap().success();
    assert!(killed, "the backup was made before it could be killed");

    let listed = folder.run(&["backup", "list", "backups"]);

    assert_eq!((listed.status, &*listed.stderr), (1, "1 backup, 1 unreadable\n"), "{listed:?}");
    assert!(listed.stdout.contains("it was interrupted while it was made"), "{listed:?}");
}

/// A server that goes away in the midst of it is no end of the stream.
#[tokio::test]
async fn a_backup_whose_server_ends_is_given_up() {
    let folder = catalogue();
    let mut server = provisioned(&folder).await;
    publish(&context(&server).await, 0..5).await;
    let (path, _) = back_up(&folder, &server);
    server.kill().unwrap();

    let made = eventsmith(&folder, &server, &["backup", "create", "--out", "backups"]);
    let listed = folder.run(&["backup", "list", "backups"]);

    assert_eq!(made.status, 2, "{made:?}");
    assert_eq!((listed.status, &*listed.stderr), (0, "1 backup, 0 unreadable\n"), "{listed:?}");
    assert!(listed.stdout.starts_with(&format!("{path}: 3 streams, ")), "{listed:?}");
}
