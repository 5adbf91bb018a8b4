//! Variables that a container runtime puts into the environment by itself, where a service is called `eventsmith` or
//! `eventsmith-...`.

/// The transport protocols of services.
const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

/// Whether a variable is one of those that Kubernetes injects for every service of the namespace, and Docker for linked
/// containers. Of a service with the name `eventsmith` they are
///
/// | variable | example |
/// |---|---|
/// | `EVENTSMITH_SERVICE_HOST` | `10.0.0.11` |
/// | `EVENTSMITH_SERVICE_PORT`, `EVENTSMITH_SERVICE_PORT_CLIENT` | `4222` |
/// | `EVENTSMITH_PORT`, `EVENTSMITH_PORT_4222_TCP` | `tcp://10.0.0.11:4222` |
/// | `EVENTSMITH_PORT_4222_TCP_PROTO`, `..._PORT`, `..._ADDR` | `tcp`, `4222`, `10.0.0.11` |
/// | `EVENTSMITH_NAME`, `EVENTSMITH_ENV_NATS_VERSION` (Docker) | `/web/eventsmith`, `2.10.26` |
///
/// and of a service `eventsmith-nats` they begin with `EVENTSMITH_NATS_`.
/// (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>; for ranges of ports Docker adds
/// `..._START` and `..._END`, <https://docs.docker.com/engine/network/links/#environment-variables>.)
///
/// The name comes without the prefix `EVENTSMITH_`.
pub(super) fn is_injected(name: &str, value: &str) -> bool {
    // The name of the service may go on, and hold any of these words.
    let tails = name.char_indices().filter(|(at, _)| *at == 0 || name.as_bytes()[at - 1] == b'_');
    tails.map(|(at, _)| &name[at..]).any(|tail| is_service(tail, value) || is_port(tail, value) || is_link(tail, value))
}

/// `NAME` with the path of a link as its value, such as `/web/eventsmith`, or `ENV_` and the name of a variable of the linked
/// container.
fn is_link(name: &str, value: &str) -> bool {
    let is_path = || value.strip_prefix('/').and_then(|path| path.split_once('/')).is_some();
    match name.strip_prefix("ENV_") {
        Some(variable) => !variable.is_empty(),
        None => name == "NAME" && is_path(),
    }
}

/// `SERVICE_HOST`, `SERVICE_PORT` or `SERVICE_PORT_NAME`.
fn is_service(name: &str, value: &str) -> bool {
    let is_number = value.parse::<u16>().is_ok();
    match name.strip_prefix("SERVICE_PORT") {
        Some("") => is_number,
        Some(port) => is_number && port.len() > 1 && port.starts_with('_'),
        None => name == "SERVICE_HOST",
    }
}

/// `PORT`, `PORT_4222_TCP`, or one of those about a part of it.
fn is_port(name: &str, value: &str) -> bool {
    let mut words = name.split('_');
    if words.next() != Some("PORT") {
        return false;
    }
    // A setting that someone thinks is called so has no such value.
    let is_address = PROTOCOLS.iter().any(|protocol| {
        let scheme = value.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(protocol))
    });
    let is_number = |word: &str| word.parse::<u16>().is_ok();
    match words.collect::<Vec<_>>()[..] {
        [] => is_address,
        [number, protocol] => is_number(number) && PROTOCOLS.contains(&protocol) && is_address,
        [number, protocol, ref part @ ..] => {
            let is_part = matches!(part, ["PROTO" | "PORT" | "ADDR" | "START" | "END"] | ["PORT", "START" | "END"]);
            is_number(number) && PROTOCOLS.contains(&protocol) && is_part
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_says_of_a_service_is_known() {
        for (name, value) in [
            ("SERVICE_HOST", "10.0.0.11"),
            ("SERVICE_PORT", "4222"),
            ("SERVICE_PORT_CLIENT", "4222"),
            ("PORT", "tcp://10.0.0.11:4222"),
            ("PORT_4222_TCP", "tcp://10.0.0.11:4222"),
            ("PORT_4222_TCP_PROTO", "tcp"),
            ("PORT_4222_TCP_PORT", "4222"),
            ("PORT_4222_TCP_ADDR", "10.0.0.11"),
            ("PORT_53_UDP", "udp://10.0.0.11:53"),
            ("NATS_SERVICE_HOST", "10.0.0.11"),
            ("NATS_LEAF_PORT_7422_TCP_ADDR", "10.0.0.11"),
            ("NATS_PORT", "tcp://10.0.0.11:4222"),
            ("NAME", "/web/eventsmith"),
            ("ENV_NATS_VERSION", "2.10.26"),
            ("NATS_ENV_PATH", "/bin"),
        ] {
            assert!(is_injected(name, value), "{name}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for (name, value) in [
            ("PORT", "4222"),
            ("NAME", "promotions"),
            ("ENV_", "x"),
            ("ENVIRONMENT", "production"),
            ("SERVICE", "x"),
            ("SERVICE_PORT", "nats://a:4222"),
            ("SERVICE_PORT_", "4222"),
            ("SERVICE_NAME", "promotions"),
            ("PORT_X_TCP_ADDR", "10.0.0.11"),
            ("PORT_4222", "tcp://10.0.0.11:4222"),
            ("PORT_4222_TCP_HOST", "10.0.0.11"),
            ("SERVRES", "nats://a:4222"),
            ("SERVERSPORT", "tcp://10.0.0.11:4222"),
            ("", ""),
        ] {
            assert!(!is_injected(name, value), "{name}");
        }
    }
}
