//! Subjects with wildcards: `*` for one token, `>` for all that follow.

/// Whether every subject that `other` stands for is one that `filter` stands for.
pub fn covers(filter: &str, other: &str) -> bool {
    let (mut filter, mut other) = (filter.split('.'), other.split('.'));
    loop {
        match (filter.next(), other.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some(_), Some(">")) => return false,
            (Some("*"), Some(_)) => {}
            (Some(own), Some(other)) if own == other => {}
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
            (Some(one), Some(other)) if one == other || one == "*" || other == "*" => {}
            _ => return false,
        }
    }
}

/// Whether a text may be a subject: tokens that are not empty, without white space, and `>` at the end alone.
pub fn is_subject(text: &str) -> bool {
    let mut rest = text.split('.').peekable();
    while let Some(token) = rest.next() {
        let is_legal = !token.is_empty() && !token.contains(|c: char| c.is_whitespace() || c.is_control());
        if !is_legal || token == ">" && rest.peek().is_some() {
            return false;
        }
    }
    true
}

/// The narrowest subject with wildcards, of one form, that covers all of these: by it a projection reads its stream.
pub(crate) fn merged<'a>(subjects: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut subjects = subjects.into_iter().map(|subject| subject.split('.').collect::<Vec<_>>());
    let first = subjects.next()?;
    Some(subjects.fold(first, |merged, other| both(&merged, &other)).join("."))
}

fn both<'a>(a: &[&'a str], b: &[&'a str]) -> Vec<&'a str> {
    let is_open = |tokens: &[&str]| tokens.last() == Some(&">");
    let is_alike = a.len() == b.len() && !is_open(a) && !is_open(b);
    let common = a.len().min(b.len()) - usize::from(!is_alike);
    let mut tokens: Vec<&str> = a.iter().zip(b).take(common).map(|(a, b)| if a == b { *a } else { "*" }).collect();
    if !is_alike {
        tokens.push(">");
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_what_it_stands_for() {
        for (filter, other, expected) in [
            ("a.b", "a.b", true),
            ("a.*", "a.b", true),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            ("a.*", "a.>", false),
            ("a.*", "a.*", true),
            ("a.b", "a.*", false),
            ("a.>", "a.>", true),
            ("a.*", "a.b.c", false),
            (">", "*", true),
        ] {
            assert_eq!(covers(filter, other), expected, "{filter} {other}");
        }
    }

    #[test]
    fn two_filters_overlap_where_one_subject_is_of_both() {
        assert!(overlap("a.*.c", "a.b.>") && overlap("a.>", "a.b") && !overlap("a.b", "a") && !overlap("a.>", "a"));
    }

    #[test]
    fn projections_read_by_one_subject() {
        assert_eq!(merged(["a.b.c", "a.b.d"]).as_deref(), Some("a.b.*"));
        assert_eq!(merged(["a.b", "a.b.c"]).as_deref(), Some("a.>"));
        assert_eq!(merged([]), None);
    }

    #[test]
    fn what_is_no_subject_is_known() {
        assert!(
            is_subject("a.*.>") && !is_subject("a..b") && !is_subject("a.>.b") && !is_subject("") && !is_subject("a b")
        );
    }
}
