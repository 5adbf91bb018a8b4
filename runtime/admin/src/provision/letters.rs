//! Services whose dead letters no stream captures: they do not start, and the plan says so before they try.

use std::collections::BTreeSet;

use eventsmith_bus::settings::DEAD_LETTERS;
use eventsmith_bus::transport::ServerFailure;
use eventsmith_event::filter;

use crate::server::Server;
use crate::topology::Topology;

/// What separates the root of a subject from the name of the event.
const KINDS: [&str; 2] = [".domain.", ".integration."];

impl Server {
    /// What is to be said about the dead letters of a topology's consumers: a sentence for each service that has nowhere to put
    /// them, neither on the server nor in the topology.
    pub(super) async fn uncaptured_letters(&self, topology: &Topology) -> Result<Vec<String>, ServerFailure> {
        let roots = |filters: &'_ [String]| filters.iter().map(|filter| root(filter).to_owned()).collect::<Vec<_>>();
        let services: BTreeSet<(String, &str)> = topology
            .consumers
            .iter()
            .flat_map(|consumer| roots(&consumer.filters).into_iter().map(|root| (root, consumer.name.as_str())))
            .collect();
        let mut warnings = Vec::new();
        for (root, service) in services {
            let subject = format!("{root}.{DEAD_LETTERS}.{service}.>");
            let mut planned = topology.streams.iter().flat_map(|stream| &stream.subjects);
            if planned.any(|own| filter::overlap(own, &subject)) {
                continue;
            }
            let mut standing = self.streams_of(&subject).await?;
            // These get other subjects.
            standing.retain(|name| topology.streams.iter().all(|planned| planned.name != *name));
            if standing.is_empty() {
                warnings.push(format!(
                    "no stream captures {subject}, so that the service {service} does not start; declare one in eventsmith.toml"
                ));
            }
        }
        Ok(warnings)
    }
}

/// What stands before the kind of event in a subject; its first token if there is none.
fn root(subject: &str) -> &str {
    let kind = KINDS.into_iter().filter_map(|kind| subject.find(kind)).min();
    kind.or_else(|| subject.find('.')).map_or(subject, |end| &subject[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_what_stands_before_the_kind() {
        assert_eq!(root("rules.domain.rule.created"), "rules");
        assert_eq!(root("eu.rules.integration.x"), "eu.rules");
        assert_eq!(root("orders.created.*"), "orders");
        assert_eq!(root("orders"), "orders");
    }
}
