//! What `eventsmith server verify` finds, each flaw by its name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, date_time_ymd};
use serde_json::Value;
use tempfile::TempDir;

use crate::Outcome;
use crate::scene::{SCHEMAS, run, said, text};

/// Puts a certificate in the place of that of a node, by the same authority and for the same host, that held for a year until 2021.
pub(crate) fn expired(tls: &Path, node: &str, host: &str) -> Outcome {
    let pair = KeyPair::from_pem(&fs::read_to_string(tls.join("ca.key"))?)?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(rcgen::DnType::CommonName, "eventsmith development ca");
    let mut params = CertificateParams::new(vec![host.to_owned()])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let own = KeyPair::generate()?;
    let signed = params.signed_by(&own, &Issuer::new(authority, pair))?;
    fs::write(tls.join(format!("{node}.crt")), signed.pem())?;
    fs::write(tls.join(format!("{node}.key")), own.serialize_pem())?;
    Ok(())
}

/// What was found: the file, and the rule.
type Found = BTreeSet<(String, String)>;

/// A cluster of three, written and sound.
struct Deployed(TempDir);

impl Deployed {
    fn new() -> Outcome<Self> {
        let deployed = Self(TempDir::new()?);
        deployed.run("keys", &["--out", &deployed.path("keys")])?;
        deployed.run("config", &["--keys", &deployed.path("keys"), "--out", &deployed.path("config")])?;
        Ok(deployed)
    }

    fn path(&self, below: &str) -> String {
        text(&self.0.path().join(below)).to_owned()
    }

    fn run(&self, command: &str, more: &[&str]) -> Outcome {
        let output = run(&[&["server", command, "--schemas", SCHEMAS, "--cluster"], more].concat());
        if output.status.success() { Ok(()) } else { Err(said(&output).into()) }
    }

    /// The exit status, and what was found where.
    fn verify(&self, more: &[&str]) -> Outcome<(Option<i32>, Found)> {
        let (keys, config) = (self.path("keys"), self.path("config"));
        let arguments = ["server", "verify", "--schemas", SCHEMAS, "--cluster", "--keys", &keys, "--out", &config];
        let output = run(&[&arguments, more, &["--format", "json"]].concat());
        let found: Value = serde_json::from_slice(&output.stdout).map_err(|_| said(&output))?;
        let findings = found["findings"].as_array().cloned().unwrap_or_default();
        let base = self.path("");
        let all = findings.iter().map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            (text("file").replace(base.trim_end_matches('/'), ""), text("rule"))
        });
        Ok((output.status.code(), all.collect()))
    }

    fn found(&self, more: &[&str]) -> Outcome<Found> {
        let (status, found) = self.verify(more)?;
        assert_eq!(status, Some(i32::from(!found.is_empty())), "{found:?}");
        Ok(found)
    }
}

fn one(file: &str, rule: &str) -> Found {
    Found::from([(file.to_owned(), rule.to_owned())])
}

#[test]
fn what_was_just_written_is_sound() -> Outcome {
    let deployed = Deployed::new()?;

    assert_eq!(deployed.found(&[])?, Found::new());
    // Private keys of servers are where those run, and seeds where their programs do.
    for entry in fs::read_dir(deployed.path("keys/tls"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "key") {
            fs::remove_file(path)?;
        }
    }
    fs::remove_file(deployed.path("keys/services/promotions.nk"))?;
    assert_eq!(deployed.found(&["--public"])?, Found::new());
    Ok(())
}

#[test]
fn certificates_are_held_against_time_authority_host_and_key() -> Outcome {
    let deployed = Deployed::new()?;
    let tls = deployed.path("keys/tls");
    let soon = deployed.found(&["--within", "400"])?;
    assert_eq!(soon.iter().filter(|(_, rule)| rule == "expiring-certificate").count(), 6, "{soon:?}");

    expired(Path::new(&tls), "rules-1", "rules-1")?;
    // The mode of a key is that of whoever wrote it.
    let found = deployed.found(&[])?;
    assert!(found.contains(&("/keys/tls/rules-1.crt".to_owned(), "expired-certificate".to_owned())), "{found:?}");
    deployed.run("keys", &["--out", &deployed.path("keys"), "--certificates"])?;
    assert_eq!(deployed.found(&[])?, Found::new());

    fs::copy(format!("{tls}/rules-2.crt"), format!("{tls}/rules-1.crt"))?;
    let found = deployed.found(&[])?;
    let rules: Vec<&str> = found.iter().map(|(_, rule)| rule.as_str()).collect();
    assert_eq!(rules, ["wrong-host", "foreign-key"], "{found:?}");
    deployed.run("keys", &["--out", &deployed.path("keys"), "--certificates"])?;

    fs::copy(format!("{tls}/route-ca.crt"), format!("{tls}/ca.crt"))?;
    let found = deployed.found(&[])?;
    assert_eq!(found.iter().filter(|(_, rule)| rule == "foreign-certificate").count(), 3, "{found:?}");
    fs::remove_file(format!("{tls}/ca.crt"))?;
    assert_eq!(deployed.found(&[])?, one("/keys/tls/ca.crt", "missing-file"));
    fs::write(format!("{tls}/ca.crt"), "no certificate")?;
    assert_eq!(deployed.found(&[])?, one("/keys/tls/ca.crt", "bad-certificate"));
    Ok(())
}

#[test]
fn drift_and_keys_that_let_nobody_in_are_found() -> Outcome {
    let deployed = Deployed::new()?;
    let node = deployed.path("config/rules-3.conf");
    let written = fs::read_to_string(&node)?;
    fs::write(&node, written.replace("max_payload: 1048576", "max_payload: 8388608"))?;
    assert_eq!(deployed.found(&[])?, one("/config/rules-3.conf", "stale-configuration"));
    fs::write(&node, written)?;

    // Rotated, and not told to the servers yet; and it has not ended.
    deployed.run("keys", &["--out", &deployed.path("keys"), "--rotate", "services/promotions"])?;
    let found = deployed.found(&[])?;
    let wanted = [("/config/users.conf", "stale-configuration"), ("/keys/services/promotions.pub", "many-keys")];
    assert_eq!(found, wanted.map(|(file, rule)| (file.to_owned(), rule.to_owned())).into());
    deployed.run("keys", &["--out", &deployed.path("keys"), "--revoke", "services/promotions"])?;
    deployed.run("config", &["--keys", &deployed.path("keys"), "--out", &deployed.path("config"), "--users"])?;
    assert_eq!(deployed.found(&[])?, Found::new());

    fs::copy(deployed.path("keys/services/coupons.nk"), deployed.path("keys/services/promotions.nk"))?;
    assert_eq!(deployed.found(&[])?, one("/keys/services/promotions.nk", "foreign-seed"));
    fs::remove_file(deployed.path("keys/services/promotions.nk"))?;
    fs::copy(deployed.path("keys/services/coupons.pub"), deployed.path("keys/services/former.pub"))?;
    let (status, found) = deployed.verify(&[])?;
    assert_eq!((status, found), (Some(0), one("/keys/services/former.pub", "stray-key")));
    fs::remove_file(deployed.path("keys/services/coupons.pub"))?;
    fs::remove_file(deployed.path("keys/services/former.pub"))?;
    let found = deployed.found(&[])?;
    assert!(found.contains(&("/keys".to_owned(), "bad-configuration".to_owned())), "{found:?}");
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_may_read_is_found() -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;

    let deployed = Deployed::new()?;
    let seed = deployed.path("keys/operators/operator.nk");
    fs::set_permissions(&seed, fs::Permissions::from_mode(0o640))?;

    assert_eq!(deployed.found(&[])?, one("/keys/operators/operator.nk", "loose-mode"));
    Ok(())
}
