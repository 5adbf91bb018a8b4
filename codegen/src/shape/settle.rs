//! From lowered types to those that are written: each once, with a name, and on the heap where it contains itself or
//! would be large.

use crate::load::Loaded;

use super::homes::Homes;
use super::names::{self, Origin};
use super::{Program, boxes, chains, merge, nulls};

/// The types of payloads as they were lowered, each at its own place: nothing is merged, and nothing has a name.
pub(crate) fn apart((mut program, _): (Program, Vec<Origin>)) -> Program {
    boxes::break_circles(&mut program);
    program
}

/// Settles which types there are, where they stand and how they are called.
pub(crate) fn settle(loaded: &Loaded, (mut program, origins): (Program, Vec<Origin>)) -> Program {
    boxes::break_circles(&mut program);
    nulls::move_to_uses(&mut program, &origins);
    let origins = merge::keep_reachable(&mut program, origins);
    let homes = Homes::new(&loaded.catalogue);
    let wanted = names::wanted(&program, &origins, loaded, &homes);
    let origins = merge::merge_equal(&mut program, origins, &wanted, &homes);
    names::assign(&mut program, &origins, loaded, &homes);
    boxes::box_recursion(&mut program);
    boxes::box_large(&mut program);
    chains::cut(&mut program);
    program
}
