//! Keywords about objects.

use serde_json::{Map, Value, json};

use crate::containment::closed::Declared;
use crate::containment::pair::Side;
use crate::containment::types::TypeSet;
use crate::containment::writer::Written;
use crate::sample::local::target;

use super::others::Names;
use super::{Fit, Miss, Prover};

impl<'a> Prover<'a> {
    pub(super) fn objects(
        &self,
        written: &Written<'a>,
        reader: &'a Map<String, Value>,
        keyword: &'a str,
        operand: &'a Value,
    ) -> Fit {
        let written = &written.only(self.pair, TypeSet::OBJECT);
        let declared = &written.declared(self.pair);
        match (keyword, operand) {
            ("required", Value::Array(names)) => self.required(written, declared, names),
            ("properties", Value::Object(schemas)) => self.properties(written, declared, schemas),
            ("patternProperties", Value::Object(schemas)) => self.pattern_properties(written, declared, schemas),
            ("additionalProperties", schema) => self.additional(written, declared, reader, schema),
            (_, Value::Bool(true)) => Ok(()),
            ("unevaluatedProperties", Value::Bool(false)) => {
                self.each_case(written, &|case| self.unevaluated(case, &case.declared(self.pair), reader))
            }
            ("minProperties", bound) => {
                let least = bound.as_f64().unwrap_or_default();
                let own = written.every("minProperties").filter_map(Value::as_f64).fold(0.0, f64::max);
                if (written.required(self.pair).len() as f64).max(own) >= least {
                    return Ok(());
                }
                let narrower = json!({"type": "object", "maxProperties": least - 1.0});
                Err(Miss::new(self.fill(written, narrower).into_iter().collect(), "fewer properties may be written"))
            }
            ("maxProperties", bound) => {
                let most = bound.as_f64().unwrap_or(f64::INFINITY);
                let own = written.every("maxProperties").filter_map(Value::as_f64).fold(f64::INFINITY, f64::min);
                let names = declared.names.union(&declared.required).count();
                let all = if declared.closes() && declared.patterns.is_empty() { names as f64 } else { f64::INFINITY };
                if own.min(all) <= most {
                    return Ok(());
                }
                let wider = json!({"type": "object", "minProperties": most + 1.0});
                Err(Miss::new(self.fill(written, wider).into_iter().collect(), "more properties may be written"))
            }
            ("propertyNames", schema) => self.property_names(written, declared, schema),
            ("dependentRequired", Value::Object(rules)) => self.dependent_required(written, declared, rules),
            ("dependentSchemas", Value::Object(rules)) => self.dependent_schemas(written, declared, rules),
            _ => self.verbatim(written, keyword, operand),
        }
    }

    fn required(&self, written: &Written<'a>, declared: &Declared<'a>, names: &'a [Value]) -> Fit {
        let own = written.required(self.pair);
        let missing: Vec<&str> = names.iter().filter_map(Value::as_str).filter(|name| !own.contains(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut values = Vec::new();
        for name in &missing {
            let without = json!({"type": "object", "properties": {*name: false}});
            values.extend(self.fill(written, without));
            values.extend(self.fill(written, json!({"type": "object"})));
            let is_known = declared.names.contains(name);
            let everything = self.whole(written, declared, |known| is_known && known == *name);
            values.extend(everything);
        }
        let reason = format!("{:?} may be absent", missing.first().copied().unwrap_or_default());
        Err(Miss::new(values, reason))
    }

    /// An object with everything that is declared, but for some.
    fn whole(
        &self,
        written: &Written<'a>,
        declared: &Declared<'a>,
        is_left_out: impl Fn(&str) -> bool,
    ) -> Option<Value> {
        let names: Vec<&str> = declared.names.iter().copied().filter(|name| !is_left_out(name)).take(64).collect();
        let properties: Map<String, Value> = declared
            .names
            .iter()
            .filter(|name| is_left_out(name))
            .map(|name| ((*name).to_owned(), json!(false)))
            .collect();
        self.fill(written, json!({"type": "object", "required": names, "properties": properties}))
    }

    fn properties(&self, written: &Written<'a>, declared: &Declared<'a>, schemas: &'a Map<String, Value>) -> Fit {
        self.all(schemas.iter().map(|(name, schema)| {
            let Some(property) = written.property(self.pair, declared, name) else { return Ok(()) };
            let Err(miss) = self.fits(&property, schema) else { return Ok(()) };
            if written.excludes(self.pair, name) {
                return Ok(());
            }
            Err(self.around(written, name, miss).within("properties", Some(name)))
        }))
    }

    fn pattern_properties(
        &self,
        written: &Written<'a>,
        declared: &Declared<'a>,
        schemas: &'a Map<String, Value>,
    ) -> Fit {
        self.all(schemas.iter().map(|(pattern, schema)| {
            let names = declared.names.union(&declared.required);
            let matching = names.filter(|name| self.pair.matches(pattern, name) != Some(false));
            let named = self.all(matching.map(|name| {
                let Some(property) = written.property(self.pair, declared, name) else { return Ok(()) };
                self.fits(&property, schema).map_err(|miss| self.around(written, name, miss))
            }));
            let others = self.others(written, declared, schema, &Names { of: Some(pattern), but: Vec::new() });
            self.all([named, others].into_iter()).map_err(|miss| miss.within("patternProperties", Some(pattern)))
        }))
    }

    fn additional(
        &self,
        written: &Written<'a>,
        declared: &Declared<'a>,
        reader: &'a Map<String, Value>,
        schema: &'a Value,
    ) -> Fit {
        let known = reader.get("properties").and_then(Value::as_object);
        let patterns: Vec<&str> = reader
            .get("patternProperties")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
            .collect();
        let is_known = |name: &str| {
            known.is_some_and(|known| known.contains_key(name))
                || patterns.iter().any(|pattern| self.pair.matches(pattern, name) == Some(true))
        };
        let names = declared.names.union(&declared.required).filter(|name| !is_known(name));
        let named = self.all(names.map(|name| {
            let Some(property) = written.property(self.pair, declared, name) else { return Ok(()) };
            self.fits(&property, schema).map_err(|miss| self.around(written, name, miss))
        }));
        let others = self.others(written, declared, schema, &Names { of: None, but: patterns });
        self.all([named, others].into_iter()).map_err(|miss| miss.within("additionalProperties", None))
    }

    fn unevaluated(&self, written: &Written<'a>, declared: &Declared<'a>, reader: &'a Map<String, Value>) -> Fit {
        let mut known = Declared::default();
        self.certain(written, reader, &mut known, 0);
        if known.is_map {
            return Ok(());
        }
        if !declared.closes() {
            return self.verbatim(written, "unevaluatedProperties", &Value::Bool(false));
        }
        let mut unknown = declared.names.iter().chain(&declared.required).filter(|name| {
            !known.names.contains(*name)
                && !known.patterns.iter().any(|pattern| self.pair.matches(pattern, name) == Some(true))
                && written.property(self.pair, declared, name).is_some()
        });
        let first = unknown.next();
        let patterns = declared.patterns.iter().all(|pattern| known.patterns.contains(pattern));
        if first.is_none() && patterns {
            return Ok(());
        }
        let names: Vec<&&str> = first.into_iter().chain(unknown).collect();
        let mut values: Vec<Value> = Vec::new();
        for name in names {
            if let Some(property) = written.property(self.pair, declared, name) {
                let miss = self.around(written, name, Miss::new(self.samples(&property), ""));
                values.extend(miss.values);
            }
        }
        Err(Miss::new(values, "properties may be written that no applying schema declares"))
    }

    /// Adds what the reader declares in schemas that apply to everything that is written.
    fn certain(&self, written: &Written<'a>, reader: &'a Map<String, Value>, known: &mut Declared<'a>, height: usize) {
        known.add_said(reader);
        known.is_map |= reader.get("additionalProperties") == Some(&Value::Bool(true));
        let root = self.pair.root(Side::Reader);
        let reference = reader.get("$ref").and_then(Value::as_str).and_then(|reference| target(root, reference));
        let parts = reader.get("allOf").and_then(Value::as_array).into_iter().flatten().chain(reference);
        let list = |keyword: &str| reader.get(keyword).and_then(Value::as_array).into_iter().flatten();
        let chosen = list("anyOf").chain(list("oneOf")).filter(|branch| self.fits(written, branch).is_ok());
        for part in parts.chain(chosen).filter_map(Value::as_object).filter(|_| height < 24) {
            self.certain(written, part, known, height + 1);
        }
    }

    fn property_names(&self, written: &Written<'a>, declared: &Declared<'a>, schema: &'a Value) -> Fit {
        let own = written.every("propertyNames").any(|own| self.pair.same(own, schema));
        if own {
            return Ok(());
        }
        let side = Side::Reader;
        let mut values = Vec::new();
        if let Some(names) = written.names(self.pair) {
            match self.fits(&names, schema) {
                Ok(()) => return Ok(()),
                Err(miss) => {
                    for name in miss.values.iter().filter_map(Value::as_str) {
                        values.extend(
                            [json!("text"), json!(1)].iter().filter_map(|value| self.with(written, name, value)),
                        );
                    }
                }
            }
        }
        let mut is_proved = declared.closes() && declared.patterns.is_empty();
        let is_closed = is_proved;
        for name in declared.names.union(&declared.required) {
            if self.pair.accepts(schema, side, &json!(name), 0) != Some(true)
                && let Some(property) = written.property(self.pair, declared, name)
            {
                is_proved = false;
                values.extend(self.around(written, name, Miss::new(self.samples(&property), "")).values);
            }
        }
        if is_proved {
            return Ok(());
        }
        if !is_closed {
            for name in ["other", "A", "a b", "", "1", "é"] {
                for value in [json!("text"), json!(1)] {
                    values.extend(self.with(written, name, &value));
                }
            }
        }
        Err(Miss::new(self.written_among(written, values), "other names may be written"))
    }

    fn dependent_required(&self, written: &Written<'a>, declared: &Declared<'a>, rules: &'a Map<String, Value>) -> Fit {
        self.all(rules.iter().map(|(name, others)| {
            let Some(property) = written.property(self.pair, declared, name) else { return Ok(()) };
            let required = written.required(self.pair);
            let also: Vec<&str> = written
                .every("dependentRequired")
                .filter_map(|own| own.get(name).and_then(Value::as_array))
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let missing = others.as_array().into_iter().flatten().filter_map(Value::as_str);
            let missing: Vec<&str> =
                missing.filter(|other| !required.contains(other) && !also.contains(other)).collect();
            if missing.is_empty() || written.excludes(self.pair, name) {
                return Ok(());
            }
            let values = self.around(written, name, Miss::new(self.samples(&property), "")).values;
            let reason = format!("{name:?} may be written without {:?}", missing.first().copied().unwrap_or_default());
            Err(Miss::new(values, reason).within("dependentRequired", Some(name)))
        }))
    }

    fn dependent_schemas(&self, written: &Written<'a>, declared: &Declared<'a>, rules: &'a Map<String, Value>) -> Fit {
        self.all(rules.iter().map(|(name, schema)| {
            let Some(property) = written.property(self.pair, declared, name) else { return Ok(()) };
            let mut case = written.clone();
            for (members, side) in &written.parts {
                if let Some(own) = members.get("dependentSchemas").and_then(|rules| rules.get(name)) {
                    case.hold(self.pair, own, *side);
                }
            }
            let Err(mut miss) = self.fits(&case, schema) else { return Ok(()) };
            let around = self.around(written, name, Miss::new(self.samples(&property), "")).values;
            let with: Vec<Value> = miss
                .values
                .iter()
                .filter_map(|value| {
                    let mut value = value.clone();
                    let sample = self.samples(&property).into_iter().next()?;
                    value.as_object_mut()?.entry(name.clone()).or_insert(sample);
                    Some(value)
                })
                .collect();
            miss.values.extend(around);
            miss.values.extend(with);
            Err(miss.within("dependentSchemas", Some(name)))
        }))
    }

    /// A miss of a property as one of the object.
    fn around(&self, written: &Written<'a>, name: &str, mut miss: Box<Miss>) -> Box<Miss> {
        let values = std::mem::take(&mut miss.values);
        miss.values = values.iter().take(self.wanted()).filter_map(|value| self.with(written, name, value)).collect();
        miss
    }

    /// An object in which a property has a value.
    pub(super) fn with(&self, written: &Written<'a>, name: &str, value: &Value) -> Option<Value> {
        self.fill(written, json!({"type": "object", "properties": {name: {"const": value}}, "required": [name]}))
    }
}
