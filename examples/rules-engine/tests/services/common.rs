//! A bus with the streams of the catalogue, and services on it.

use eventsmith::Bus;
use rules_engine::Config;
use rules_engine::parts::Parts;
use rules_engine::running::Running;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What tests return: any error fails them.
pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A bus in memory with everything that services need.
pub(crate) async fn bus() -> Result<Bus, Box<dyn std::error::Error>> {
    let bus = Bus::in_memory();
    rules_engine::run::provision(&bus).await?;
    Ok(bus)
}

/// Runs some of the services.
pub(crate) fn start(bus: &Bus, names: &[&str]) -> Result<Running, Box<dyn std::error::Error>> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    Ok(Running::start(bus, &Config::default(), &names)?)
}

/// Runs one service that was made otherwise.
pub(crate) fn run(bus: &Bus, name: &'static str, parts: Parts) -> Result<Running, Box<dyn std::error::Error>> {
    let mut running = start(bus, &["rules-management"])?;
    running.run(name, parts);
    Ok(running)
}

/// A message of the catalogue.
pub(crate) fn of<M: DeserializeOwned>(value: Value) -> Result<M, serde_json::Error> {
    serde_json::from_value(value)
}
