//! Keywords that combine schemas: `oneOf`, `anyOf`, `not`, `if`.

use serde_json::{Map, Value};

use crate::containment::pair::Side;
use crate::containment::types::TypeSet;
use crate::containment::writer::Written;

use super::{Fit, Miss, Prover};

/// The most values of a property that are considered one by one.
const MOST_VALUES: usize = 64;

/// The most alternatives that are looked at without a try to do so at once.
const MOST_CASES: usize = 64;

/// The budget of steps for proving that two schemas have nothing in common.
const EMPTINESS_FUEL: u32 = 200;

impl<'a> Prover<'a> {
    pub(super) fn all_of(&self, written: &Written<'a>, operand: &'a Value) -> Fit {
        self.all(operand.as_array().into_iter().flatten().enumerate().map(|(index, part)| {
            self.fits(written, part).map_err(|miss| miss.within("allOf", Some(&index.to_string())))
        }))
    }

    pub(super) fn any_of(&self, written: &Written<'a>, operand: &'a Value) -> Fit {
        let Value::Array(branches) = operand else { return Ok(()) };
        self.each_case(written, &|case| {
            let mut values = Vec::new();
            for branch in branches {
                match self.fits(case, branch) {
                    Ok(()) => return Ok(()),
                    Err(miss) => values.extend(miss.values),
                }
            }
            if values.is_empty() || !self.stops_at_first.get() {
                values.extend(self.samples(case));
            }
            Err(Miss::new(values, "no alternative accepts everything that is written"))
        })
    }

    pub(super) fn one_of(&self, written: &Written<'a>, operand: &'a Value) -> Fit {
        let Value::Array(branches) = operand else { return Ok(()) };
        let unchanged = written.parts.iter().any(|(members, side)| {
            *side == Side::Writer && members.get("oneOf").is_some_and(|own| self.pair.same(own, operand))
        });
        if unchanged {
            return Ok(());
        }
        self.each_case(written, &|case| {
            let mut values = Vec::new();
            let open: Vec<&Value> = branches.iter().filter(|branch| !self.is_apart(case, branch, 0)).collect();
            match open.as_slice() {
                [] => return Err(Miss::new(self.samples(case), "no alternative accepts what is written")),
                [only] => return self.fits(case, only),
                several => {
                    for branch in several {
                        if let Err(miss) = self.fits(case, branch) {
                            values.extend(miss.values);
                        }
                        if !values.is_empty() && self.stops_at_first.get() || self.pair.is_spent() {
                            break;
                        }
                        // What two alternatives accept is accepted by none.
                        let both = self.within(case, branch);
                        values.extend(self.samples(&both));
                    }
                }
            }
            if values.is_empty() || !self.stops_at_first.get() {
                values.extend(self.samples(case));
            }
            Err(Miss::new(values, "several alternatives may accept what is written, or none"))
        })
    }

    pub(super) fn not(&self, written: &Written<'a>, operand: &'a Value) -> Fit {
        let unchanged = written.parts.iter().any(|(members, side)| {
            *side == Side::Writer && members.get("not").is_some_and(|own| self.pair.same(own, operand))
        });
        if unchanged {
            return Ok(());
        }
        self.each_case(written, &|case| {
            if self.is_apart(case, operand, 0) {
                return Ok(());
            }
            let mut values = self.samples(&self.within(case, operand));
            let listed = operand.get("enum").and_then(Value::as_array).into_iter().flatten();
            let forbidden = listed.chain(operand.get("const")).cloned().collect();
            values.extend(self.written_among(case, forbidden));
            values.extend(self.samples(case));
            Err(Miss::new(values, "what must not be may be written"))
        })
    }

    pub(super) fn condition(&self, written: &Written<'a>, reader: &'a Map<String, Value>, operand: &'a Value) -> Fit {
        let (then, otherwise) = (reader.get("then"), reader.get("else"));
        let unchanged = written.parts.iter().find(|(members, side)| {
            *side == Side::Writer && members.get("if").is_some_and(|own| self.pair.same(own, operand))
        });
        let own = |keyword: &str| unchanged.and_then(|(members, _)| members.get(keyword));
        let holds = then.filter(|_| !self.is_apart(written, operand, 0)).map(|then| {
            let mut case = self.within(written, operand);
            if let Some(own) = own("then") {
                case.hold(self.pair, own, Side::Writer);
            }
            self.fits(&case, then).map_err(|miss| miss.within("then", None))
        });
        let fails = otherwise.map(|otherwise| {
            let mut case = written.clone();
            case.excluded.push((operand, Side::Reader));
            if let Some(own) = own("else") {
                case.hold(self.pair, own, Side::Writer);
            }
            if self.fits(&case, operand).is_ok() {
                return Ok(());
            }
            self.fits(&case, otherwise).map_err(|miss| miss.within("else", None))
        });
        self.all(holds.into_iter().chain(fails))
    }

    /// What is written and fulfils a schema of the reader, too.
    fn within(&self, written: &Written<'a>, reader: &'a Value) -> Written<'a> {
        self.pair.spend(written.weight());
        let mut case = written.clone();
        case.hold(self.pair, reader, Side::Reader);
        case
    }

    /// Tries to prove something, then again for every alternative of what is written.
    pub(super) fn each_case(&self, written: &Written<'a>, prove: &dyn Fn(&Written<'a>) -> Fit) -> Fit {
        // Each of several alternatives is proved by itself.
        let lengths = written.choices.iter().map(|choice| choice.branches.len());
        let apart = lengths.fold(1, usize::saturating_mul);
        let miss = match (2..=MOST_CASES).contains(&apart) {
            true => Miss::new(Vec::new(), "no alternative accepts what is written"),
            false => match prove(written) {
                Ok(()) => return Ok(()),
                Err(miss) => miss,
            },
        };
        let Some(cases) = self.cases(written) else { return Err(miss) };
        let mut found: Option<Box<Miss>> = None;
        for case in cases {
            if self.spend().is_none() {
                return Err(miss);
            }
            if case.is_never(self.pair, 0) || self.is_impossible(&case) {
                continue;
            }
            if let Err(other) = self.each_case(&case, prove) {
                found = Some(match found {
                    None => other,
                    Some(known) => known.and(&other),
                });
                let is_plenty = found.as_ref().is_some_and(|found| found.values.len() > super::VALUES * 4);
                if is_plenty || self.skips_values.get() || self.is_enough(found.as_deref()) {
                    break;
                }
            }
        }
        match found {
            None => Ok(()),
            Some(other) => Err(other.and(&miss)),
        }
    }

    fn spend(&self) -> Option<()> {
        let fuel = self.fuel.get().checked_sub(1).filter(|_| !self.pair.is_spent())?;
        self.fuel.set(fuel);
        Some(())
    }

    /// What is written, in several lists of less: by alternative, by type, by value.
    fn cases(&self, written: &Written<'a>) -> Option<Vec<Written<'a>>> {
        if let Some(alternatives) = written.alternatives(self.pair) {
            return Some(alternatives);
        }
        let types: Vec<TypeSet> = written.types.each().collect();
        if types.len() > 1 {
            return Some(types.into_iter().map(|types| written.only(self.pair, types)).collect());
        }
        if let Some(values) = written.values.as_ref().filter(|values| (2..=MOST_VALUES).contains(&values.len())) {
            let one = |value: &&'a Value| {
                let mut case = written.clone();
                case.values = Some(vec![*value]);
                case
            };
            return Some(values.iter().map(one).collect());
        }
        if written.types != TypeSet::OBJECT {
            return None;
        }
        // The property whose values distinguish the alternatives.
        let declared = written.declared(self.pair);
        written
            .required(self.pair)
            .into_iter()
            .filter(|name| !written.fixed.iter().any(|(fixed, _)| fixed == name))
            .find_map(|name| {
                let property = written.property(self.pair, &declared, name)?;
                let values = property.values.filter(|values| (2..=MOST_VALUES).contains(&values.len()))?;
                Some(values.into_iter().map(|value| written.fixing(name, value)).collect())
            })
    }

    /// Whether nothing that is written is certainly accepted by a schema of the reader: the two have nothing in common.
    pub(super) fn is_apart(&self, written: &Written<'a>, reader: &'a Value, depth: u32) -> bool {
        if depth > 6 {
            return false;
        }
        if let Some(values) = &written.values {
            return values.iter().all(|value| self.pair.accepts(reader, Side::Reader, value, 0) == Some(false));
        }
        if depth == 0 {
            if self.spend().is_none() {
                return false;
            }
            self.emptiness_fuel.set(EMPTINESS_FUEL);
        }
        let both = self.within(written, reader);
        self.is_empty(&both, depth) || self.is_covered(written, reader)
    }

    /// Whether a schema certainly does not hold: it is one of those that do not.
    fn is_excluded(&self, written: &Written<'a>, schema: &Value, side: Side) -> bool {
        self.pair.spend(written.excluded.len());
        written.excluded.iter().any(|(excluded, of)| match (*of, side) {
            (Side::Writer, Side::Reader) => !self.pair.is_looser && self.pair.same(excluded, schema),
            (Side::Reader, Side::Writer) => self.pair.same(schema, excluded),
            (Side::Writer, Side::Writer) | (Side::Reader, Side::Reader) => *excluded == schema,
        })
    }

    /// The same for a schema of the reader, of which may be proved that one of those accepts everything that it accepts.
    fn is_covered(&self, written: &Written<'a>, schema: &'a Value) -> bool {
        if self.is_excluded(written, schema, Side::Reader) {
            return true;
        }
        let Some(reverse) = self.reverse else { return false };
        let excluded = written.excluded.iter().filter(|(_, side)| *side == Side::Writer);
        excluded.into_iter().any(|(excluded, _)| reverse.covers(excluded, schema))
    }

    /// Whether something is written that certainly is not.
    pub(super) fn is_impossible(&self, written: &Written<'a>) -> bool {
        !written.excluded.is_empty()
            && written.given.iter().any(|(schema, side)| self.is_excluded(written, schema, *side))
    }

    /// Whether certainly nothing is written.
    fn is_empty(&self, written: &Written<'a>, depth: u32) -> bool {
        if written.types.is_empty() {
            return true;
        }
        let Some(emptiness_fuel) =
            self.emptiness_fuel.get().checked_sub(1).filter(|_| depth <= 6 && !self.pair.is_spent())
        else {
            return false;
        };
        self.emptiness_fuel.set(emptiness_fuel);
        if let Some(values) = &written.values {
            return values.is_empty();
        }
        if let Some(alternatives) = written.alternatives(self.pair) {
            return alternatives.iter().all(|chosen| self.is_empty(chosen, depth + 1));
        }
        written.types.each().all(|types| match types {
            TypeSet::OBJECT => self.is_empty_object(&written.only(self.pair, types), depth),
            TypeSet::NUMBER | TypeSet::INTEGER | TypeSet::FRACTION => written.only(self.pair, types).range().is_empty(),
            TypeSet::STRING => {
                let lengths = crate::containment::text::Lengths::of(written);
                lengths.most.is_some_and(|most| most < lengths.least)
            }
            _ => false,
        })
    }

    fn is_empty_object(&self, written: &Written<'a>, depth: u32) -> bool {
        let declared = written.declared(self.pair);
        written.required(self.pair).into_iter().any(|name| match written.property(self.pair, &declared, name) {
            None => true,
            Some(property) => self.is_empty(&property, depth + 1),
        })
    }
}
