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
    fn covered_filters_are_left_out_once() {
        let filters = ["a.*", "a.b", "c", "c"].map(str::to_owned).to_vec();

        assert_eq!(without_covered(filters), ["a.*", "c"]);
    }
}
