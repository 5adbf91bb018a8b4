//! Every request is answered by one service.

use crate::diagnostic::Severity;
use crate::filter::overlap;
use crate::lint::file::Report;
use crate::load::Loaded;
use crate::model::Event;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "two-handlers",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Of two services that handle the same command or query, or requests whose subjects overlap (`x-event.subject`), each \
              gets some of the requests: all who answer share a queue group, and the server gives each request to one of them. So \
              each also keeps the answers to some idempotent commands for itself, and begins again what the other has done.",
    bad: "--- eventsmith.toml
root = \"rules\"
[services.management]
handles = [\"rule.find\"]
[services.search]
handles = [\"rule.find\"]
--- query/rule/find.v1.json
{\"type\": \"object\"}
--- query/rule/find.v1.reply.json
{\"type\": \"object\"}",
    good: "--- eventsmith.toml
root = \"rules\"
[services.management]
asks = [\"rule.find\"]
[services.search]
handles = [\"rule.find\"]
--- query/rule/find.v1.json
{\"type\": \"object\"}
--- query/rule/find.v1.reply.json
{\"type\": \"object\"}",
};

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    let catalogue = &loaded.catalogue;
    let mut earlier: Vec<(&str, &Event, String)> = Vec::new();
    for (name, service) in &catalogue.manifest.services {
        let name = name.get_ref().as_str();
        for handled in &service.handles {
            let Some(request) = catalogue.event(handled.get_ref()) else { continue };
            // Services listen on the subject of the newest version.
            let Some(subject) = request.versions.last().map(|newest| newest.subject(request)) else { continue };
            let meets = |(service, _, other): &&(&str, &Event, String)| *service != name && overlap(other, &subject);
            if let Some((service, other, their)) = earlier.iter().find(meets) {
                let message = if other.event_type == request.event_type {
                    format!("services {service} and {name} both handle {}", request.event_type)
                } else {
                    format!(
                        "service {name} handles {} on {subject}, and service {service} handles {} on {their}: some requests come to either",
                        request.event_type, other.event_type
                    )
                };
                let help = "let one of the services handle it, and the other ask that one; instances of one service share the work";
                report.in_manifest(catalogue, handled, message, help);
            }
            earlier.push((name, request, subject));
        }
    }
}
