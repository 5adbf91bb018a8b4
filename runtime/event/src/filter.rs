//! Subjects with wildcards: `*` for one token, `>` at the end for one or more.

/// Whether every subject that `inner` stands for, itself perhaps a wildcard, is one that `outer` stands for.
pub fn covers(outer: &str, inner: &str) -> bool {
    let (mut outer, mut inner) = (outer.split('.'), inner.split('.'));
    loop {
        match (outer.next(), inner.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(token)) if token != ">" => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

/// Whether some subject is one that both stand for.
pub fn overlap(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        match (a.next(), b.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (Some("*"), Some(_)) | (Some(_), Some("*")) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

/// Those of some filters that are not covered by one of others, so that more comes through. No filters at all let everything
/// through.
pub fn beyond<'a>(filters: &'a [String], others: &[String]) -> Vec<&'a str> {
    let is_covered = |filter: &str| others.is_empty() || others.iter().any(|other| covers(other, filter));
    match filters {
        [] if !others.is_empty() => vec![">"],
        filters => filters.iter().map(String::as_str).filter(|filter| !is_covered(filter)).collect(),
    }
}

/// The filters that let through what either of two sets does.
pub fn union(one: &[String], other: &[String]) -> Vec<String> {
    if one.is_empty() || other.is_empty() { Vec::new() } else { without_covered([one, other].concat()) }
}

/// The filters, sorted, without those that another one covers: a consumer may not have overlapping ones.
pub fn without_covered(mut filters: Vec<String>) -> Vec<String> {
    filters.sort_unstable();
    filters.dedup();
    let all = filters.clone();
    filters.retain(|filter| !all.iter().any(|other| other != filter && covers(other, filter)));
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_what_is_narrower() {
        for (outer, inner) in [("a.b", "a.b"), ("a.*", "a.b"), ("a.>", "a.b.c"), ("a.>", "a.*.c"), ("a.>", "a.>")] {
            assert!(covers(outer, inner), "{outer} {inner}");
        }
        for (outer, inner) in [("a.b", "a.*"), ("a.*", "a.>"), ("a.>", "a"), ("a.*", "a.b.c"), ("a.b.c", "a.b")] {
            assert!(!covers(outer, inner), "{outer} {inner}");
        }
    }

    #[test]
    fn wildcards_overlap_where_one_subject_fits_both() {
        assert!(overlap("a.*.c", "a.b.*"));
        assert!(overlap("a.>", "*.b"));
        assert!(!overlap("a.*", "a.b.c"));
        assert!(!overlap("a.>", "a"));
    }

    #[test]
    fn what_some_filters_let_through_beyond_others_is_found() {
        let [all, some, other] = [&[][..], &["a.*", "b"], &["a.b", "c"]]
            .map(|filters| filters.iter().map(ToString::to_string).collect::<Vec<_>>());

        assert_eq!(beyond(&some, &other), ["a.*", "b"]);
        assert_eq!(beyond(&other, &some), ["c"]);
        assert_eq!(beyond(&all, &some), [">"]);
        assert!(beyond(&some, &all).is_empty() && beyond(&all, &all).is_empty() && beyond(&some, &some).is_empty());
        assert_eq!(union(&some, &other), ["a.*", "b", "c"]);
        assert!(union(&some, &all).is_empty() && union(&all, &some).is_empty());
    }

    #[test]
    fn covered_filters_are_left_out_once() {
        let filters = ["a.*", "a.b", "c", "c"].map(str::to_owned).to_vec();

        assert_eq!(without_covered(filters), ["a.*", "c"]);
    }
}
