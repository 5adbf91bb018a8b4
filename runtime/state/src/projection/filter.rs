//! One subject for several.

/// The narrowest subject with wildcards, of this form, that covers all of them. Reading by one subject keeps the order of a stream.
pub(crate) fn merged<'a>(subjects: impl IntoIterator<Item = &'a str>) -> String {
    let mut merged: Option<Vec<&str>> = None;
    for subject in subjects {
        let tokens: Vec<&str> = subject.split('.').collect();
        merged = Some(match merged {
            None => tokens,
            Some(before) => both(&before, &tokens),
        });
    }
    merged.map_or_else(|| ">".to_owned(), |tokens| tokens.join("."))
}

fn both<'a>(a: &[&'a str], b: &[&'a str]) -> Vec<&'a str> {
    let mut tokens = Vec::new();
    // Where one ends, or goes on as it likes, the other may too: `>` is for at least one token.
    let is_open = |tokens: &[&str]| tokens.last() == Some(&">");
    let is_alike = a.len() == b.len() && !is_open(a) && !is_open(b);
    let common = a.len().min(b.len()) - usize::from(!is_alike);
    for (a, b) in a.iter().zip(b).take(common) {
        tokens.push(if a == b { *a } else { "*" });
    }
    if !is_alike {
        tokens.push(">");
    }
    tokens
}

#[cfg(test)]
mod tests {
    use eventsmith_event::filter::covers;

    use super::*;

    #[test]
    fn all_subjects_are_covered_and_few_others() {
        for (subjects, expected) in [
            (&["a.b.c"][..], "a.b.c"),
            (&["a.b.c", "a.b.d"], "a.b.*"),
            (&["a.b.*", "a.c.*"], "a.*.*"),
            (&["a.b", "a.b.c"], "a.>"),
            (&["a.b.>", "a.b.c.d"], "a.b.>"),
            (&["a.>", "a.b.c"], "a.>"),
            (&["a", "b.c"], ">"),
            (&[">", "a.b"], ">"),
            (&["a.b.c.d", "a.x.c", "a.b.c.d"], "a.*.>"),
        ] {
            let merged = merged(subjects.iter().copied());
            assert_eq!(merged, expected, "{subjects:?}");
            assert!(subjects.iter().all(|subject| covers(&merged, subject)), "{subjects:?}");
        }
    }
}
