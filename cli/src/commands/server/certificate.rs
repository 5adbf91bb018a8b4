//! Whether a certificate is one that clients of an authority take, now and for some time to come: by the library that they ask, too.

use std::path::{Path, PathBuf};
use std::time::Duration;

use eventsmith_codegen::Severity;
use jiff::Timestamp;
use jiff::tz::Offset;
use rcgen::{KeyPair, PublicKeyData as _};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

/// What is wrong with a file.
pub(super) struct Flaw {
    pub(super) severity: Severity,
    pub(super) rule: &'static str,
    pub(super) path: PathBuf,
    pub(super) message: String,
    pub(super) help: &'static str,
}

impl Flaw {
    pub(super) fn error(rule: &'static str, path: &Path, message: impl Into<String>, help: &'static str) -> Self {
        Self { severity: Severity::Error, rule, path: path.to_owned(), message: message.into(), help }
    }
}

/// One certificate, and what it has to be.
pub(super) struct Wanted<'a> {
    pub(super) certificate: PathBuf,
    pub(super) authority: PathBuf,
    /// The private key, where it lies beside the certificate.
    pub(super) key: Option<PathBuf>,
    /// Where clients find the server.
    pub(super) host: &'a str,
    /// Whether the server is a client of others, too.
    pub(super) is_route: bool,
}

const RENEW: &str =
    "make another: eventsmith server keys --certificates for development; then nats-server --signal reload=PID";
const BRING: &str = "bring it, or make it for development: eventsmith server keys";

/// What is wrong with a certificate, at a time and for as long as `soon` behind it.
pub(super) fn flaws(wanted: &Wanted<'_>, now: UnixTime, soon: Duration) -> Vec<Flaw> {
    let Wanted { certificate, authority, key, host, is_route } = wanted;
    let mut found = Vec::new();
    let (Some(own), Some(above)) = (read(certificate, &mut found), read(authority, &mut found)) else {
        return found;
    };
    let (Ok(cert), Ok(anchor)) = (EndEntityCert::try_from(&own), anchor_from_trusted_cert(&above)) else {
        found.push(Flaw::error(
            "bad-certificate",
            certificate,
            "it, or its authority, is no certificate of X.509",
            BRING,
        ));
        return found;
    };
    let verify = |cert: &EndEntityCert<'_>, usage: KeyUsage, time: UnixTime| {
        let anchors = std::slice::from_ref(&anchor);
        cert.verify_for_usage(ALL_VERIFICATION_ALGS, anchors, &[], time, usage, None, None).map(drop)
    };
    let later = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()).saturating_add(soon));
    let usages = [KeyUsage::server_auth(), KeyUsage::client_auth()];
    for usage in usages.into_iter().take(if *is_route { 2 } else { 1 }) {
        let verified = verify(&cert, usage, now).and_then(|()| verify(&cert, usage, later));
        if let Err(error) = verified {
            found.push(flaw(certificate, &error, now));
            break;
        }
    }
    // An authority is none of its own, which is said only where it has not expired.
    if let Ok(root) = EndEntityCert::try_from(&above) {
        for time in [now, later] {
            if let Err(error @ (Error::CertExpired { .. } | Error::CertNotValidYet { .. })) =
                verify(&root, KeyUsage::server_auth(), time)
            {
                found.push(flaw(authority, &error, now));
                break;
            }
        }
    }
    let name = ServerName::try_from(*host);
    if !name.is_ok_and(|name| cert.verify_is_valid_for_subject_name(&name).is_ok()) {
        let help = "it needs the host among its alternative names, as clients look for that";
        found.push(Flaw::error("wrong-host", certificate, format!("it is not for the host {host}"), help));
    }
    found.extend(key.as_ref().and_then(|key| foreign_key(key, &cert)));
    found
}

fn read(path: &Path, found: &mut Vec<Flaw>) -> Option<CertificateDer<'static>> {
    if !path.is_file() {
        found.push(Flaw::error("missing-file", path, "there is no such file", BRING));
        return None;
    }
    let read = CertificateDer::from_pem_file(path);
    if let Err(error) = &read {
        found.push(Flaw::error("bad-certificate", path, format!("it is no certificate in PEM: {error}"), BRING));
    }
    read.ok()
}

fn flaw(path: &Path, error: &Error, now: UnixTime) -> Flaw {
    let day = |time: &UnixTime| {
        let second = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        Offset::UTC.to_datetime(time).date().to_string()
    };
    match error {
        Error::CertExpired { not_after, .. } if *not_after < now => {
            Flaw::error("expired-certificate", path, format!("it held until {}", day(not_after)), RENEW)
        }
        Error::CertExpired { not_after, .. } => Flaw {
            severity: Severity::Warning,
            ..Flaw::error("expiring-certificate", path, format!("it holds until {}", day(not_after)), RENEW)
        },
        Error::CertNotValidYet { not_before, .. } => {
            let help = "see whether the clock is right, or wait";
            Flaw::error("early-certificate", path, format!("it holds from {} on", day(not_before)), help)
        }
        Error::UnknownIssuer => {
            let help = "bring the authority that has signed it, or one that this has signed";
            Flaw::error("foreign-certificate", path, "the authority beside it has not signed it", help)
        }
        other => Flaw::error("bad-certificate", path, format!("clients refuse it: {other}"), RENEW),
    }
}

/// A private key that is not that of its certificate.
fn foreign_key(key: &Path, cert: &EndEntityCert<'_>) -> Option<Flaw> {
    if !key.is_file() {
        return Some(Flaw::error("missing-file", key, "there is no such file", BRING));
    }
    let pair = std::fs::read_to_string(key).ok().and_then(|text| KeyPair::from_pem(&text).ok());
    let Some(pair) = pair else {
        let message = "it is no private key in PKCS#8 that can be read";
        return Some(Flaw::error("bad-key", key, message, "bring one of ECDSA, Ed25519 or RSA"));
    };
    let own = cert.subject_public_key_info();
    (pair.subject_public_key_info() != own.as_ref()).then(|| {
        let help = "bring the one that the certificate was made with";
        Flaw::error("foreign-key", key, "it is not the private key of the certificate beside it", help)
    })
}
