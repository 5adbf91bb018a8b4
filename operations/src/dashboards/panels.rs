//! A dashboard as Grafana reads it, panel by panel.

use serde_json::{Map, Value, json};

/// The version of the format: that of Grafana 10 and later, which take older ones and newer ones alike.
const SCHEMA_VERSION: u64 = 39;
/// How wide a dashboard is, in Grafana's units.
const WIDTH: u64 = 24;
/// What Grafana takes for a uid, in characters.
const LONGEST_UID: usize = 40;

/// What a panel shows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Count,
    Seconds,
    Bytes,
    PerSecond,
    /// 1 is well, 0 is not.
    UpDown,
}

/// A dashboard under way.
#[derive(Debug)]
pub(super) struct Board {
    uid: String,
    title: String,
    description: String,
    links: Vec<Value>,
    panels: Vec<Value>,
    /// Where the next panel goes, and how high those beside it are.
    x: u64,
    y: u64,
    height: u64,
}

/// The uid of a dashboard by its name, which no other has: a long one ends in a number of all of it.
pub(super) fn uid(name: &str) -> String {
    let uid = format!("eventsmith-{name}");
    if uid.len() <= LONGEST_UID {
        return uid;
    }
    // FNV-1a, 64 bits: the same in every release.
    let hash = uid
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let head: String = uid.chars().filter(char::is_ascii).take(LONGEST_UID - 17).collect();
    format!("{head}-{hash:016x}")
}

impl Board {
    pub(super) fn new(name: &str, title: &str) -> Self {
        Self {
            uid: uid(name),
            title: format!("eventsmith / {title}"),
            description: String::new(),
            links: Vec::new(),
            panels: Vec::new(),
            x: 0,
            y: 0,
            height: 0,
        }
    }

    pub(super) fn describe(&mut self, text: &str) {
        text.clone_into(&mut self.description);
    }

    pub(super) fn links(&mut self, links: Vec<Value>) {
        self.links = links;
    }

    /// Begins a part of the dashboard.
    pub(super) fn row(&mut self, title: &str) {
        self.end_line();
        let place = self.place(WIDTH, 1);
        self.panels.push(json!({
            "collapsed": false, "gridPos": place, "id": self.panels.len() + 1, "panels": [], "title": title, "type": "row",
        }));
        self.end_line();
    }

    /// One figure.
    pub(super) fn stat(&mut self, title: &str, expression: String, unit: Unit) {
        let place = self.place(4, 4);
        let steps = match unit {
            Unit::UpDown => json!([{ "color": "red", "value": null }, { "color": "green", "value": 1 }]),
            _ => json!([{ "color": "text", "value": null }]),
        };
        let mappings = match unit {
            Unit::UpDown => json!([{ "type": "value", "options": {
                "0": { "text": "down", "index": 0 }, "1": { "text": "up", "index": 1 } } }]),
            _ => json!([]),
        };
        self.panels.push(json!({
            "datasource": datasource(),
            "fieldConfig": { "defaults": {
                "mappings": mappings, "thresholds": { "mode": "absolute", "steps": steps }, "unit": unit.as_grafana() },
                "overrides": [] },
            "gridPos": place,
            "id": self.panels.len() + 1,
            "options": { "colorMode": "value", "graphMode": "area", "justifyMode": "auto", "orientation": "auto",
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false }, "textMode": "auto" },
            "targets": [target(0, &expression, "")],
            "title": title,
            "type": "stat",
        }));
    }

    /// Lines over time, each with its legend.
    pub(super) fn graph(&mut self, title: &str, lines: &[(String, &str)], unit: Unit) {
        let place = self.place(12, 8);
        let targets = lines.iter().enumerate().map(|(at, (expression, legend))| target(at, expression, legend));
        let targets: Vec<Value> = targets.collect();
        self.panels.push(json!({
            "datasource": datasource(),
            "fieldConfig": { "defaults": {
                "custom": { "drawStyle": "line", "fillOpacity": 10, "lineWidth": 1, "showPoints": "never", "spanNulls": false },
                "min": 0, "unit": unit.as_grafana() }, "overrides": [] },
            "gridPos": place,
            "id": self.panels.len() + 1,
            "options": { "legend": { "calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom",
                "showLegend": true }, "tooltip": { "mode": "multi", "sort": "desc" } },
            "targets": targets,
            "title": title,
            "type": "timeseries",
        }));
    }

    pub(super) fn finish(self) -> Value {
        json!({
            "annotations": { "list": [] },
            "description": self.description,
            "editable": true,
            "graphTooltip": 1,
            "links": self.links,
            "panels": self.panels,
            "refresh": "30s",
            "schemaVersion": SCHEMA_VERSION,
            "tags": ["eventsmith"],
            "templating": { "list": [{
                "hide": 0, "includeAll": false, "label": "Data source", "multi": false, "name": "datasource",
                "options": [], "query": "prometheus", "refresh": 1, "regex": "", "skipUrlSync": false, "type": "datasource",
            }] },
            "time": { "from": "now-6h", "to": "now" },
            "timepicker": {},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
            "version": 1,
        })
    }

    fn place(&mut self, width: u64, height: u64) -> Value {
        if self.x + width > WIDTH || self.height != 0 && self.height != height {
            self.end_line();
        }
        let place = json!({ "h": height, "w": width, "x": self.x, "y": self.y });
        self.x += width;
        self.height = height;
        place
    }

    fn end_line(&mut self) {
        self.y += self.height;
        (self.x, self.height) = (0, 0);
    }
}

impl Unit {
    const fn as_grafana(self) -> &'static str {
        match self {
            Self::Count | Self::UpDown => "short",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::PerSecond => "cps",
        }
    }
}

fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn target(at: usize, expression: &str, legend: &str) -> Value {
    // A to Z, and no panel has more lines.
    let name = char::from(b'A' + u8::try_from(at % 26).unwrap_or_default()).to_string();
    let all = [
        ("datasource", datasource()),
        ("editorMode", json!("code")),
        ("expr", json!(expression)),
        ("legendFormat", json!(legend)),
        ("range", json!(true)),
        ("refId", json!(name)),
    ];
    Value::Object(Map::from_iter(all.map(|(name, value)| (name.to_owned(), value))))
}
