//! Expressions of Prometheus over the metrics of the tables.

use std::fmt::Write;
use std::time::Duration;

use crate::metrics::Metric;
use crate::prometheus::escaped;

/// A selector: the metric with labels that are as said. `~` before a value makes it a pattern, `!~` one that must not fit.
pub(crate) fn select(metric: &Metric, labels: &[(&str, &str)]) -> String {
    of_series(metric.name, labels)
}

/// The selector of the buckets of a histogram.
pub(crate) fn buckets(metric: &Metric, labels: &[(&str, &str)]) -> String {
    of_series(&format!("{}_bucket", metric.name), labels)
}

/// The selector of how many values a histogram has.
pub(crate) fn count(metric: &Metric, labels: &[(&str, &str)]) -> String {
    of_series(&format!("{}_count", metric.name), labels)
}

/// A selector by the name of a series.
fn of_series(name: &str, labels: &[(&str, &str)]) -> String {
    let mut text = name.to_owned();
    for (at, (label, value)) in labels.iter().enumerate() {
        let (operator, value) = match (value.strip_prefix("!~"), value.strip_prefix('~')) {
            (Some(value), _) => ("!~", value),
            (None, Some(value)) => ("=~", value),
            (None, None) => ("=", *value),
        };
        // Writing to a text does not fail.
        let _ = write!(text, "{}{label}{operator}\"{}\"", if at == 0 { "{" } else { "," }, escaped(value));
    }
    if !labels.is_empty() {
        text.push('}');
    }
    text
}

/// A duration as Prometheus writes it.
pub(crate) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds > 0 && seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        seconds if seconds > 0 && seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        seconds if seconds > 0 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

/// The names of the series that an expression asks for: names of metrics, and of those of a histogram.
#[cfg(test)]
pub(crate) fn names(expression: &str) -> Vec<String> {
    let mut outside = String::new();
    let (mut depth, mut is_text) = (0, false);
    for c in expression.chars() {
        match c {
            '"' => is_text = !is_text,
            '{' if !is_text => depth += 1,
            '}' if !is_text => depth -= 1,
            c if depth == 0 && !is_text => outside.push(c),
            _ => {}
        }
    }
    // What stands behind `by` in parentheses are labels.
    let mut rest = outside.as_str();
    let mut kept = String::new();
    while let Some((before, behind)) = rest.split_once(" by (") {
        kept.push_str(before);
        kept.push(' ');
        rest = behind.split_once(')').map_or("", |(_, behind)| behind);
    }
    kept.push_str(rest);
    let words = kept.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("eventsmith_") || word.starts_with("messaging_")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;

    #[test]
    fn selectors_are_escaped() {
        let selector = select(&metrics::STREAM_BYTES, &[("stream", "a\"b"), ("x", "~a|b"), ("y", "!~c")]);

        assert_eq!(selector, r#"eventsmith_stream_bytes{stream="a\"b",x=~"a|b",y!~"c"}"#);
        assert_eq!(
            names(&format!("sum by (eventsmith_state) (rate({selector}[5m])) > 1")),
            ["eventsmith_stream_bytes"]
        );
    }

    #[test]
    fn durations_have_the_largest_unit_that_fits() {
        let written = [0, 90, 120, 7_200, 86_400, 90_000].map(|seconds| duration(Duration::from_secs(seconds)));

        assert_eq!(written, ["0s", "90s", "2m", "2h", "1d", "25h"]);
    }
}
