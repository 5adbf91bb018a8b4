//! Rules and their tests as Prometheus and promtool read them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use super::rule::{Rule, Series, WRITTEN};
use crate::file::File;
use crate::promql::duration;
use crate::yaml::quoted;

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn files(rules: &[Rule], runbooks: &str) -> Vec<File> {
    let mut by_file: BTreeMap<String, Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        by_file.entry(file_name(&rule.file)).or_default().push(rule);
    }
    let both = by_file.into_iter().flat_map(|(name, rules)| {
        [
            File { path: format!("{name}.rules.yml"), text: rules_file(&name, &rules, runbooks) },
            File { path: format!("tests/{name}.test.yml"), text: tests_file(&name, &rules, runbooks) },
        ]
    });
    both.collect()
}

/// What a service, or one of our own files, is called in a folder.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' }).collect()
}

fn rules_file(name: &str, rules: &[&Rule], runbooks: &str) -> String {
    let mut text = format!("{WRITTEN}\ngroups:\n  - name: {}\n    rules:\n", quoted(&format!("eventsmith-{name}")));
    for rule in rules {
        // Writing to a text does not fail.
        let _ = writeln!(text, "      - alert: {}", rule.alert.name);
        let _ = writeln!(text, "        expr: {}", quoted(&rule.expression));
        let _ = writeln!(text, "        for: {}", duration(rule.hold));
        let _ = writeln!(text, "        labels:");
        for (name, value) in labels(rule) {
            let _ = writeln!(text, "          {name}: {}", quoted(&value));
        }
        let _ = writeln!(text, "        annotations:");
        for (name, value) in annotations(rule, runbooks) {
            let _ = writeln!(text, "          {name}: {}", quoted(&value));
        }
    }
    text
}

fn tests_file(name: &str, rules: &[&Rule], runbooks: &str) -> String {
    let mut text = format!(
        "{WRITTEN}\nrule_files:\n  - {}\nevaluation_interval: 1m\ntests:\n",
        quoted(&format!("../{name}.rules.yml"))
    );
    for rule in rules {
        for (series, fires) in [(&rule.fires, true), (&rule.silent, false)] {
            test(&mut text, rule, series, fires, runbooks);
        }
    }
    text
}

fn test(text: &mut String, rule: &Rule, series: &[Series], fires: bool, runbooks: &str) {
    let about: Vec<String> = rule.labels.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let what = if fires { "fires" } else { "stays silent" };
    let _ = writeln!(
        text,
        "  - interval: 1m\n    name: {}",
        quoted(&format!("{} {what}: {}", rule.alert.name, about.join(", ")))
    );
    let minutes = ((rule.window + rule.hold).as_secs().div_ceil(MINUTE.as_secs())) + 3;
    let _ = writeln!(text, "    input_series:");
    for Series { selector, absent, first, step } in series {
        let values = format!("{first}+{step}x{}", minutes + 2);
        // `_` is a minute without a value.
        let values = if *absent > 0 { format!("_x{absent} {values}") } else { values };
        let _ = writeln!(text, "      - series: {}\n        values: {}", quoted(selector), quoted(&values));
    }
    let _ =
        writeln!(text, "    alert_rule_test:\n      - eval_time: {minutes}m\n        alertname: {}", rule.alert.name);
    if !fires {
        let _ = writeln!(text, "        exp_alerts: []");
        return;
    }
    let _ = writeln!(text, "        exp_alerts:\n          - exp_labels:");
    let kept = rule.kept.iter().map(|(name, value)| (*name, (*value).to_owned()));
    for (name, value) in labels(rule).into_iter().chain(kept) {
        let _ = writeln!(text, "              {name}: {}", quoted(&value));
    }
    let _ = writeln!(text, "            exp_annotations:");
    for (name, value) in annotations(rule, runbooks) {
        let _ = writeln!(text, "              {name}: {}", quoted(&value));
    }
}

fn labels(rule: &Rule) -> Vec<(&'static str, String)> {
    let own = rule.labels.iter().cloned();
    [("severity", rule.alert.severity.as_str().to_owned())].into_iter().chain(own).collect()
}

/// Prometheus takes annotations for templates, in which two braces begin an action.
fn annotations(rule: &Rule, runbooks: &str) -> Vec<(&'static str, String)> {
    let plain = |text: &str| text.replace("{{", "{ {");
    vec![
        ("summary", plain(&rule.summary)),
        ("description", plain(&rule.description)),
        ("runbook_url", plain(&format!("{runbooks}#{}", rule.alert.name.to_lowercase()))),
    ]
}
