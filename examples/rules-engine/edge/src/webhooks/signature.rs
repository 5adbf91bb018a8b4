//! Signatures over an id, a time and a body. (The Standard Webhooks specification, symmetric signatures.)

use std::fmt;
use std::path::Path;

use data_encoding::BASE64;
use ring::hmac;

use crate::secret::{self, Secret, SecretError};

/// What secrets begin with.
const PREFIX: &str = "whsec_";
/// The fewest and the most bytes that a secret may have.
const SIZES: std::ops::RangeInclusive<usize> = 24..=64;
/// How many signatures of a call are looked at.
const MOST_SIGNATURES: usize = 16;

/// The keys of an endpoint or a receiver. All of them sign and verify, so that each side changes to a new one when it likes.
///
/// ```
/// use rules_engine_edge::webhooks::SigningKeys;
///
/// let keys = SigningKeys::parse(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()]).unwrap();
/// let signature = keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, br#"{"test": 2432232314}"#);
/// assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
/// ```
#[derive(Clone)]
pub struct SigningKeys(Vec<hmac::Key>);

impl SigningKeys {
    /// Reads the keys of a file, `whsec_` and Base64, one a line.
    ///
    /// # Errors
    /// [`SecretError`] when there is none, or one is none.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let secrets = secret::read(path)?;
        Self::parse(secrets).map_err(|reason| SecretError { path: path.to_owned(), reason })
    }

    /// The keys of these texts.
    ///
    /// # Errors
    /// What is wrong, without the secret.
    pub fn parse(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, String> {
        let key = |secret: Secret| {
            let text = secret.expose().strip_prefix(PREFIX).ok_or("a secret begins with whsec_")?;
            let bytes = BASE64.decode(text.as_bytes()).map_err(|_| "a secret is Base64 behind whsec_")?;
            if !SIZES.contains(&bytes.len()) {
                return Err("a secret has 24 to 64 bytes");
            }
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        };
        let keys: Vec<_> = secrets.into_iter().map(key).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err("there is no secret".to_owned()) } else { Ok(Self(keys)) }
    }

    /// The header `webhook-signature`: a signature by each key.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let message = signed(id, timestamp, body);
        let sign = |key| format!("v1,{}", BASE64.encode(hmac::sign(key, &message).as_ref()));
        self.0.iter().map(sign).collect::<Vec<_>>().join(" ")
    }

    /// Whether one of the signatures of a header is by one of the keys. Each comparison takes the same time whatever is right of it.
    pub fn verify(&self, id: &str, timestamp: i64, body: &[u8], header: &str) -> bool {
        let message = signed(id, timestamp, body);
        let signatures = header.split(' ').filter_map(|signature| signature.strip_prefix("v1,")).take(MOST_SIGNATURES);
        let decoded: Vec<_> = signatures.filter_map(|text| BASE64.decode(text.as_bytes()).ok()).collect();
        self.0.iter().any(|key| decoded.iter().any(|signature| hmac::verify(key, &message, signature).is_ok()))
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({} of them)", self.0.len())
    }
}

fn signed(id: &str, timestamp: i64, body: &[u8]) -> Vec<u8> {
    let mut message = format!("{id}.{timestamp}.").into_bytes();
    message.extend_from_slice(body);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn keys(secrets: &[&str]) -> SigningKeys {
        SigningKeys::parse(secrets.iter().map(|secret| Secret::from(*secret))).unwrap()
    }

    #[test]
    fn while_a_secret_is_replaced_both_are_right() {
        let (old, both, new) = (keys(&[OLD]), keys(&[NEW, OLD]), keys(&[NEW]));
        let by = |signer: &SigningKeys| signer.sign("id", 7, b"{}");

        assert!(both.verify("id", 7, b"{}", &by(&old)) && both.verify("id", 7, b"{}", &by(&new)));
        assert!(old.verify("id", 7, b"{}", &by(&both)) && new.verify("id", 7, b"{}", &by(&both)));
        assert!(!new.verify("id", 7, b"{}", &by(&old)));
    }

    #[test]
    fn a_signature_is_for_one_id_one_time_and_one_body() {
        let keys = keys(&[OLD]);
        let signature = keys.sign("id", 7, b"{}");

        assert!(keys.verify("id", 7, b"{}", &signature));
        assert!(!keys.verify("ie", 7, b"{}", &signature));
        assert!(!keys.verify("id", 8, b"{}", &signature));
        assert!(!keys.verify("id", 7, b"{ }", &signature));
        for header in ["", "v1,", "v1", "v2,AAAA", &signature.replace("v1,", "v1a,"), &signature[..20]] {
            assert!(!keys.verify("id", 7, b"{}", header), "{header}");
        }
    }

    #[test]
    fn what_is_no_secret_is_told_without_it() {
        for text in ["", "whsec_", "whsec_%%%%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAA"] {
            let error = SigningKeys::parse([Secret::from(text)]).unwrap_err();
            assert!(text.len() < 8 || !error.contains(text), "{error}");
        }
        assert_eq!(format!("{:?}", keys(&[OLD, NEW])), "SigningKeys(2 of them)");
    }
}
