//! The text format of Prometheus: reading what others export, and writing one's own.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::metrics::Metric;

/// One sample: a name, its labels, its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name, `messaging_client_sent_messages_total`.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Sample {
    /// A label that is there and not empty.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Reads a text as Prometheus does. `Err` has the line that is no sample, and why not.
///
/// # Errors
/// The number of the line, from 1, and what is wrong with it.
pub fn read(text: &str) -> Result<Vec<Sample>, (usize, String)> {
    let mut samples = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        samples.push(sample(line).map_err(|problem| (number + 1, problem))?);
    }
    Ok(samples)
}

fn sample(line: &str) -> Result<Sample, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let end = line.find(|c| !is_name(c)).ok_or("it has no value")?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() {
        return Err("it begins with no name of a metric".to_owned());
    }
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next().ok_or("it has no value")?;
    let value = match value {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        value => value.parse().map_err(|_| format!("its value is no number: {value:?}"))?,
    };
    Ok(Sample { name: name.to_owned(), labels, value })
}

/// Reads `name="value", ..}` and what stands behind it.
fn labels(mut rest: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, value) = rest.split_once('=').ok_or("its labels do not end")?;
        let mut chars = value.trim_start().strip_prefix('"').ok_or("a label has no value in quotes")?.char_indices();
        let text = value.trim_start().get(1..).unwrap_or_default();
        let mut read = String::new();
        let end = loop {
            match chars.next() {
                Some((at, '"')) => break at,
                Some((_, '\\')) => match chars.next() {
                    Some((_, 'n')) => read.push('\n'),
                    Some((_, c)) => read.push(c),
                    None => return Err("a label does not end".to_owned()),
                },
                Some((_, c)) => read.push(c),
                None => return Err("a label does not end".to_owned()),
            }
        };
        labels.insert(name.trim().to_owned(), read);
        rest = text.get(end + 1..).unwrap_or_default();
    }
}

/// Writes metrics one after the other, each with all its samples.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// Begins a metric: its help and its kind.
    pub fn metric(&mut self, metric: &Metric) {
        let Metric { name, kind, help, .. } = metric;
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "# HELP {name} {}\n# TYPE {name} {}", escaped_help(help), kind.as_str());
    }

    /// Adds a sample of a metric. Its labels are those that the metric has, in their order.
    pub fn sample(&mut self, metric: &Metric, labels: &[&str], value: f64) {
        self.0.push_str(metric.name);
        for (at, (name, value)) in metric.labels.iter().zip(labels).enumerate() {
            let _ = write!(self.0, "{}{name}=\"{}\"", if at == 0 { '{' } else { ',' }, escaped(value));
        }
        let value = match value {
            value if value == f64::INFINITY => "+Inf".to_owned(),
            value if value == f64::NEG_INFINITY => "-Inf".to_owned(),
            value => value.to_string(),
        };
        let end = if metric.labels.is_empty() || labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }
}

/// A value of a label as the format has it.
pub(crate) fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn escaped_help(help: &str) -> String {
    help.replace('\\', "\\\\").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;

    #[test]
    fn what_is_written_is_read() {
        let mut text = Text::default();
        let metric = &metrics::STREAM_BYTES;
        text.metric(metric);
        text.sample(metric, &["a\"b\\c\nd"], 7.5);
        text.sample(metric, &["S"], f64::INFINITY);

        let read = read(&text.finish()).unwrap();

        assert_eq!((read[0].label("stream"), read[0].value), (Some("a\"b\\c\nd"), 7.5));
        assert_eq!((read[1].label("stream"), read[1].value), (Some("S"), f64::INFINITY));
    }

    #[test]
    fn what_prometheus_takes_is_read() {
        let text = "# HELP a b\n\na 1\nb{} 2e3 1700000000\nc { x = \"1\" , y=\"2\",} NaN\n";

        let read = read(text).unwrap();

        assert_eq!((read.len(), read[1].value, read[2].label("y")), (3, 2_000.0, Some("2")));
        assert!(read[2].value.is_nan());
    }

    #[test]
    fn what_is_no_sample_is_named() {
        for (text, line) in [("a", 1), ("a 1\n{} 2", 2), ("a{x=\"1} 2", 1), ("a{x=1} 2", 1), ("a x", 1), ("a{", 1)] {
            assert_eq!(super::read(text).unwrap_err().0, line, "{text}");
        }
    }
}
