//! Types of one module that want one name: none of them has it by coming first, so that no type takes over the name of another when
//! a schema or a file is added, or put elsewhere.

use std::collections::BTreeMap;

use crate::shape::Id;

use super::identifiers::Names;

/// A type that wants a name.
pub(super) struct Claim {
    pub(super) id: Id,
    pub(super) module: Vec<String>,
    /// What it would be called, the best first; at least one.
    pub(super) candidates: Vec<String>,
    /// What tells the last of them apart, wherever it stands.
    pub(super) place: String,
}

/// Gives each its name. Of several that want the same, the one keeps it that came by it with the fewest tries, if that is one alone;
/// the others go on to their next candidates.
pub(super) fn settle(mut claims: Vec<Claim>, taken: &mut BTreeMap<Vec<String>, Names>) -> Vec<(Id, String)> {
    let mut tries = vec![0_usize; claims.len()];
    loop {
        for (claim, at) in claims.iter().zip(&mut tries) {
            let is_taken = |name: &str| taken.get(&claim.module).is_some_and(|names| names.has(name));
            while *at + 1 < claim.candidates.len() && is_taken(&claim.candidates[*at]) {
                *at += 1;
            }
        }
        let mut wanting: BTreeMap<(&[String], &str), Vec<usize>> = BTreeMap::new();
        for (index, claim) in claims.iter().enumerate() {
            wanting.entry((&claim.module, &claim.candidates[tries[index]])).or_default().push(index);
        }
        let mut moving: Vec<usize> = Vec::new();
        for rivals in wanting.into_values().filter(|rivals| rivals.len() > 1) {
            let fewest = rivals.iter().map(|rival| tries[*rival]).min();
            let first: Vec<&usize> = rivals.iter().filter(|rival| Some(tries[**rival]) == fewest).collect();
            let keeper = if let [only] = first.as_slice() { Some(**only) } else { None };
            let has_more = |rival: &usize| tries[*rival] + 1 < claims[*rival].candidates.len();
            moving.extend(rivals.iter().copied().filter(|rival| Some(*rival) != keeper && has_more(rival)));
        }
        if moving.is_empty() {
            break;
        }
        moving.into_iter().for_each(|rival| tries[rival] += 1);
    }
    for (claim, at) in claims.iter_mut().zip(&tries) {
        claim.candidates.swap(0, *at);
    }
    // What is still the same is numbered in an order of its own.
    claims.sort_by(|one, other| (&one.candidates[0], &one.place).cmp(&(&other.candidates[0], &other.place)));
    let take = |claim: Claim| {
        let names = taken.entry(claim.module).or_default();
        (claim.id, names.take(&claim.candidates[0]))
    };
    claims.into_iter().map(take).collect()
}
