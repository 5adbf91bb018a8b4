//! Who is let in, how the connection is encrypted, and that no error tells a secret.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventsmith::admin::BusAdmin;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, ConnectError};
use jiff::Timestamp;
use nkeys::{KeyPair, KeyPairType};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::*;

async fn server(config: impl AsRef<str>) -> Outcome<NatsServer> {
    Ok(NatsServer::builder().config(config).start().await?)
}

/// Why a bus does not connect, having made sure that no secret is told.
async fn refusal(config: Config) -> ConnectError {
    let error = Bus::connect(config).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2"), "{text}");
    error
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() -> Outcome {
    let error = refusal(Config { token: Some("hunter2".into()), ..config("nats://127.0.0.1:1") }).await;

    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    Ok(())
}

#[tokio::test]
async fn user_and_password_let_in_and_a_wrong_password_does_not() -> Outcome {
    let server = server(r#"authorization { user: "ada", password: "lovelace" }"#).await?;
    let with = |password: &str| Config {
        user: Some("ada".to_owned()),
        password: Some(password.into()),
        ..config(server.url())
    };

    let bus = Bus::connect(with("lovelace")).await?;
    let error = refusal(with("hunter2")).await;
    let nobody = refusal(config(server.url())).await;

    bus.provision(&[STREAM]).await?;
    assert!(matches!(error, ConnectError::Unauthorized { .. }), "{error:?}");
    assert!(matches!(nobody, ConnectError::Unauthorized { .. }), "{nobody:?}");
    Ok(())
}

#[tokio::test]
async fn a_token_lets_in_and_a_wrong_one_does_not() -> Outcome {
    let server = server(r#"authorization { token: "lovelace" }"#).await?;
    let with = |token: &str| Config { token: Some(token.into()), ..config(server.url()) };

    Bus::connect(with("lovelace")).await?;
    let error = refusal(with("hunter2")).await;

    assert!(matches!(error, ConnectError::Unauthorized { .. }), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn an_nkey_lets_in_and_another_does_not() -> Outcome {
    let (key, other) = (KeyPair::new_user(), KeyPair::new_user());
    let server = server(format!("authorization {{ users: [ {{ nkey: {} }} ] }}", key.public_key())).await?;
    let with = |seed: String| Config { nkey_seed: Some(seed.into()), ..config(server.url()) };

    Bus::connect(with(key.seed()?)).await?;
    let error = refusal(with(other.seed()?)).await;
    let nonsense = refusal(with("hunter2".to_owned())).await;

    assert!(matches!(error, ConnectError::Unauthorized { .. }), "{error:?}");
    assert!(matches!(nonsense, ConnectError::Unauthorized { .. }), "{nonsense:?}");
    Ok(())
}

/// A signed claim, as `nsc` makes them, and when it expires.
pub(crate) fn jwt(signer: &KeyPair, subject: &KeyPair, nats: Value, expires: Option<Timestamp>) -> Outcome<String> {
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let mut claims = json!({
        "jti": "test", "iat": 1, "iss": signer.public_key(), "name": "test", "sub": subject.public_key(), "nats": nats,
    });
    if let Some(expires) = expires {
        claims["exp"] = expires.as_second().into();
    }
    let signed = format!("{header}.{}", encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes())?);
    Ok(format!("{signed}.{signature}"))
}

#[tokio::test]
async fn a_credentials_file_lets_in_and_one_that_is_not_there_is_named() -> Outcome {
    let key = KeyPair::new;
    let (operator, account, system, user) =
        (key(KeyPairType::Operator), key(KeyPairType::Account), key(KeyPairType::Account), key(KeyPairType::User));
    let limits = json!({ "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "conn": -1, "leaf": -1 });
    let account_claims = json!({ "type": "account", "version": 2, "limits": limits });
    let user_claims = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
    let server = server(format!(
        "operator: {}\nsystem_account: {sys}\nresolver: MEMORY\nresolver_preload: {{ {acc}: {}, {sys}: {} }}",
        jwt(&operator, &operator, json!({ "type": "operator", "version": 2 }), None)?,
        jwt(&operator, &account, account_claims.clone(), None)?,
        jwt(&operator, &system, account_claims, None)?,
        sys = system.public_key(),
        acc = account.public_key(),
    ))
    .await?;
    let folder = TempDir::new()?;
    let file = folder.path().join("test.creds");
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        jwt(&account, &user, user_claims, None)?,
        user.seed()?
    );
    fs::write(&file, text)?;
    let with = |file: PathBuf| Config { credentials_file: Some(file), ..config(server.url()) };

    Bus::connect(with(file)).await?;
    let missing = refusal(with(folder.path().join("other.creds"))).await.to_string();

    assert!(missing.contains("credentials_file") && missing.contains("other.creds"), "{missing}");
    Ok(())
}

/// Certificates of an authority of our own, in files.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    fn new() -> Outcome<Self> {
        let folder = TempDir::new()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate()?;
        let certificate = authority.self_signed(&key)?;
        fs::write(folder.path().join("ca.pem"), certificate.pem())?;
        let issuer = Issuer::new(authority, key);
        for (name, usage) in
            [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
        {
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
            params.extended_key_usages = vec![usage];
            let key = rcgen::KeyPair::generate()?;
            fs::write(folder.path().join(format!("{name}.pem")), params.signed_by(&key, &issuer)?.pem())?;
            fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem())?;
        }
        Ok(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The block of a server that speaks TLS only, and with clients of this authority only.
    fn server_config(&self) -> String {
        let path = |name| self.path(name).display().to_string();
        format!(
            "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
            path("server.pem"),
            path("server.key"),
            path("ca.pem")
        )
    }
}

#[tokio::test]
async fn tls_with_a_client_certificate_lets_in_and_without_one_does_not() -> Outcome {
    let certificates = Certificates::new()?;
    let server = server(certificates.server_config()).await?;
    let anonymous = Config {
        require_tls: true,
        tls_ca_file: Some(certificates.path("ca.pem")),
        ..config(format!("tls://localhost:{}", server.port()))
    };
    let known = Config {
        tls_cert_file: Some(certificates.path("client.pem")),
        tls_key_file: Some(certificates.path("client.key")),
        ..anonymous.clone()
    };

    let bus = Bus::connect(known).await?;
    let error = refusal(anonymous).await;

    bus.provision(&[STREAM]).await?;
    assert_eq!(bus.publish(&activated("r1")).await?.sequence, 1);
    assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_not_trusted() -> Outcome {
    let (certificates, others) = (Certificates::new()?, Certificates::new()?);
    let server = server(certificates.server_config()).await?;

    let error = refusal(Config { tls_ca_file: Some(others.path("ca.pem")), ..config(server.url()) }).await;

    assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn where_tls_is_required_a_server_without_it_is_not_spoken_to() -> Outcome {
    let server = NatsServer::start().await?;

    let error = refusal(Config { require_tls: true, ..config(server.url()) }).await;

    assert!(matches!(error, ConnectError::Unreachable { .. } | ConnectError::Tls { .. }), "{error:?}");
    Ok(())
}
