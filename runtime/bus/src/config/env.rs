//! Configuration from the environment, which knows only texts.

use std::ffi::OsString;

use toml::{Table, Value};

use super::injected::is_injected;
use super::{Config, ConfigError, suggestion};

const PREFIX: &str = "EVENTSMITH_";

/// The settings that are not texts in a document; a variable of any other name is taken as text.
const LISTS: &[&str] = &["servers"];
const INTEGERS: &[&str] = &["max_in_flight", "max_queued", "replicas"];
const BOOLEANS: &[&str] = &["require_tls", "create_consumers"];

impl Config {
    /// Reads the variables of the environment that begin with `EVENTSMITH_`; what they do not say is default.
    ///
    /// | variable | example |
    /// |---|---|
    /// | `EVENTSMITH_SERVERS` | `nats://nats-1:4222,nats://nats-2:4222` |
    /// | `EVENTSMITH_NAME` | `promotions` |
    /// | `EVENTSMITH_USER`, `EVENTSMITH_PASSWORD` | |
    /// | `EVENTSMITH_TOKEN` | |
    /// | `EVENTSMITH_PASSWORD_FILE`, `EVENTSMITH_TOKEN_FILE` | `/run/secrets/password` |
    /// | `EVENTSMITH_CREDENTIALS_FILE` | `/run/secrets/promotions.creds` |
    /// | `EVENTSMITH_NKEY_SEED`, `EVENTSMITH_NKEY_SEED_FILE` | `SU...`, `/run/secrets/promotions.nk` |
    /// | `EVENTSMITH_LOGIN_TIMEOUT` | `5m` |
    /// | `EVENTSMITH_DOMAIN` | `hub` |
    /// | `EVENTSMITH_INBOX_PREFIX` | `_INBOX.promotions` |
    /// | `EVENTSMITH_REQUIRE_TLS` | `true` |
    /// | `EVENTSMITH_TLS_CA_FILE`, `EVENTSMITH_TLS_CERT_FILE`, `EVENTSMITH_TLS_KEY_FILE` | `/run/secrets/ca.pem` |
    /// | `EVENTSMITH_CONNECT_TIMEOUT`, `EVENTSMITH_PING_INTERVAL` | `5s` |
    /// | `EVENTSMITH_RECONNECT_DELAY`, `EVENTSMITH_MAX_RECONNECT_DELAY` | `100ms` |
    /// | `EVENTSMITH_REQUEST_TIMEOUT`, `EVENTSMITH_ACK_TIMEOUT`, `EVENTSMITH_PUBLISH_TIMEOUT` | `30s` |
    /// | `EVENTSMITH_MAX_IN_FLIGHT`, `EVENTSMITH_MAX_QUEUED`, `EVENTSMITH_REPLICAS` | `1` |
    /// | `EVENTSMITH_CREATE_CONSUMERS` | `true` |
    ///
    /// What a container runtime puts there by itself for a service that is called `eventsmith`, such as `EVENTSMITH_SERVICE_HOST`
    /// and `EVENTSMITH_PORT_4222_TCP_ADDR`, is ignored, with one warning in the log.
    ///
    /// # Errors
    /// [`ConfigError::Env`] for any other variable with this prefix that is no setting, and for a value that does not fit.
    pub fn from_env() -> Result<Self, ConfigError> {
        let (config, ignored) = read(std::env::vars_os())?;
        if !ignored.is_empty() {
            tracing::warn!(
                variables = ignored.join(", "),
                "ignored variables that are no settings: Kubernetes or Docker injects them for a service that is called so; \
                 `enableServiceLinks: false` in the pod's specification keeps them away"
            );
        }
        Ok(config)
    }
}

/// Reads the variables with our prefix as if each were the only line of a document, so that an error names its variable.
/// Returns which were ignored, too.
fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<(Config, Vec<String>), ConfigError> {
    let (mut table, mut ignored) = (Table::new(), Vec::new());
    for (variable, value) in variables {
        let Some(variable) = variable.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let wrong = |reason: String| ConfigError::Env { variable: variable.to_owned(), reason };
        let value = value.into_string().map_err(|_| wrong("not UTF-8".to_owned()))?;
        let name = &variable[PREFIX.len()..];
        if is_injected(name, &value) {
            ignored.push(variable.to_owned());
            continue;
        }
        let setting = name.to_ascii_lowercase();
        let value = typed(&setting, value).map_err(|expected| wrong(format!("not {expected}")))?;
        let alone = Table::from_iter([(setting.clone(), value.clone())]);
        alone.try_into::<Config>().map_err(|error: toml::de::Error| {
            let known = |meant: &str| format!("{PREFIX}{}", meant.to_ascii_uppercase());
            match suggestion(error.message(), known) {
                Some(meant) => wrong(format!("there is no such setting; {meant}")),
                None => wrong(error.message().to_owned()),
            }
        })?;
        table.insert(setting, value);
    }
    let config = table
        .try_into()
        .map_err(|error: toml::de::Error| ConfigError::Toml { line: None, reason: error.message().to_owned() })?;
    ignored.sort_unstable();
    Ok((config, ignored))
}

fn typed(setting: &str, text: String) -> Result<Value, &'static str> {
    if LISTS.contains(&setting) {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Ok(Value::Array(items.map(Value::from).collect()));
    }
    if INTEGERS.contains(&setting) {
        return text.parse::<i64>().map(Value::from).map_err(|_| "a number");
    }
    if BOOLEANS.contains(&setting) {
        return text.parse::<bool>().map(Value::from).map_err(|_| "true or false");
    }
    Ok(Value::from(text))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read_all(variables: &[(&str, &str)]) -> Result<(Config, Vec<String>), ConfigError> {
        super::read(variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
    }

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        read_all(variables).map(|(config, _)| config)
    }

    #[test]
    fn variables_become_settings_of_their_types() {
        let config = read(&[
            ("PATH", "/bin"),
            ("EVENTSMITH_SERVERS", "nats://a:1, nats://b:2"),
            ("EVENTSMITH_PASSWORD", "123"),
            ("EVENTSMITH_REQUIRE_TLS", "true"),
            ("EVENTSMITH_REPLICAS", "1"),
            ("EVENTSMITH_ACK_TIMEOUT", "2s"),
        ])
        .unwrap();

        assert_eq!(config.servers, ["nats://a:1".into(), "nats://b:2".into()]);
        assert_eq!(config.password, Some("123".into()));
        assert!(config.require_tls);
        assert_eq!(config.replicas, Some(1));
        assert_eq!(config.ack_timeout, Duration::from_secs(2));
    }

    #[test]
    fn a_misspelt_variable_is_named() {
        let error = read(&[("EVENTSMITH_SERVRES", "nats://a:1")]).unwrap_err();

        let text = error.to_string();
        assert!(text.contains("EVENTSMITH_SERVRES") && text.contains("did you mean EVENTSMITH_SERVERS?"), "{text}");
    }

    #[test]
    fn what_kubernetes_injects_for_a_service_of_our_name_is_ignored_and_named() {
        let (config, ignored) = read_all(&[
            ("EVENTSMITH_SERVICE_PORT", "4222"),
            ("EVENTSMITH_NAME", "promotions"),
            ("EVENTSMITH_PORT", "tcp://10.0.0.11:4222"),
        ])
        .unwrap();

        assert_eq!(config.name, "promotions");
        assert_eq!(ignored, ["EVENTSMITH_PORT", "EVENTSMITH_SERVICE_PORT"]);
        assert!(read(&[("EVENTSMITH_PORT", "4222")]).is_err(), "somebody means a setting");
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_without_repeating_it() {
        for variable in ["EVENTSMITH_REPLICAS", "EVENTSMITH_REQUIRE_TLS", "EVENTSMITH_ACK_TIMEOUT"] {
            let error = read(&[(variable, "hunter2")]).unwrap_err();

            let text = format!("{error} {error:?}");
            assert!(text.contains(variable) && !text.contains("hunter2"), "{text}");
        }
    }
}
