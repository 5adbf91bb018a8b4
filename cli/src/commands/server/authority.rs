//! Authorities and certificates for development: one that clients trust, one that servers trust each other by.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use eventsmith_operations::server::Node;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use super::files::{write_public, write_secret};

/// For how many years authorities and certificates hold.
const AUTHORITY_YEARS: i16 = 5;
const CERTIFICATE_YEARS: i16 = 1;

/// The files of both authorities.
pub(super) struct Authority {
    folder: PathBuf,
}

impl Authority {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Makes the authorities unless they are there, and certificates of nodes that have none, or of all anew. Returns how many.
    pub(super) fn certify(&self, nodes: &[Node], anew: bool) -> anyhow::Result<usize> {
        let mut made = 0;
        for (authority, end) in [("ca", ""), ("route-ca", ".route")] {
            let mut issuer = None;
            for node in nodes {
                let [certificate, key] =
                    ["crt", "key"].map(|kind| self.folder.join(format!("{}{end}.{kind}", node.name)));
                if !anew && certificate.is_file() && key.is_file() {
                    continue;
                }
                let issuer = match &issuer {
                    Some(issuer) => issuer,
                    None => issuer.insert(self.issuer(authority)?),
                };
                let names = vec![node.host.clone(), node.name.clone(), "localhost".to_owned(), "127.0.0.1".to_owned()];
                let own = KeyPair::generate().context("a key cannot be made")?;
                let signed = of_node(names, &node.name).and_then(|params| params.signed_by(&own, issuer));
                let signed = signed.with_context(|| format!("no certificate can be made for {}", node.host))?;
                write_secret(&key, &own.serialize_pem())?;
                write_public(&certificate, &signed.pem())?;
                made += 1;
            }
        }
        Ok(made)
    }

    /// An authority: the one that is there, or a new one.
    fn issuer(&self, name: &str) -> anyhow::Result<Issuer<'static, KeyPair>> {
        let [certificate, key] = ["crt", "key"].map(|kind| self.folder.join(format!("{name}.{kind}")));
        let params = of_authority(name)?;
        if key.is_file() {
            let text = fs::read_to_string(&key).with_context(|| format!("{} cannot be read", key.display()))?;
            let pair = KeyPair::from_pem(&text).with_context(|| format!("{} is no private key", key.display()))?;
            return Ok(Issuer::new(params, pair));
        }
        let pair = KeyPair::generate().context("a key cannot be made")?;
        let signed = params.self_signed(&pair).context("an authority cannot be made")?;
        write_secret(&key, &pair.serialize_pem())?;
        write_public(&certificate, &signed.pem())?;
        Ok(Issuer::new(params, pair))
    }
}

fn of_authority(name: &str) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, format!("eventsmith development {name}"));
    hold(&mut params, AUTHORITY_YEARS);
    Ok(params)
}

fn of_node(names: Vec<String>, name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    // Nodes are servers and clients of each other.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    hold(&mut params, CERTIFICATE_YEARS);
    Ok(params)
}

/// From yesterday on, as clocks differ.
fn hold(params: &mut CertificateParams, years: i16) {
    let today = Offset::UTC.to_datetime(Timestamp::now()).date();
    let day = |date: Date| date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs());
    params.not_before = day(today.yesterday().unwrap_or(today));
    params.not_after = day(today.checked_add(jiff::Span::new().years(years)).unwrap_or(today));
}
