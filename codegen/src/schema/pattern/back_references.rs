//! Back references to groups that may have matched nothing.
//!
//! ECMA-262 takes such a reference for the empty text and goes on (22.2.2.9.2, BackreferenceMatcher); the engine gives up there. A
//! look-behind is matched from its end by ECMA-262 (22.2.2.4, direction) and from its start by the engine, so that within one
//! either of them comes to the reference before it comes to the group.

/// A group, the whole pattern being the first.
struct Group {
    parent: usize,
    end: usize,
    /// Its number, where it captures.
    number: Option<usize>,
    /// Whether it may be passed over: repeated from zero times on, or within `(?!...)`.
    is_optional: bool,
    is_look_behind: bool,
    /// Where its alternatives part.
    bars: Vec<usize>,
}

/// The first back reference of a pattern to a group that need not have matched before it.
pub(super) fn to_nothing(pattern: &str) -> Option<usize> {
    let mut groups = vec![Group {
        parent: 0,
        end: usize::MAX,
        number: None,
        is_optional: false,
        is_look_behind: false,
        bars: Vec::new(),
    }];
    let mut references = Vec::new();
    let (mut here, mut captures, mut is_in_set) = (0, 0, false);
    let bytes = pattern.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => {
                let digits = pattern.get(at + 1..).unwrap_or_default();
                let count = digits.bytes().take_while(u8::is_ascii_digit).count();
                if let Ok(number) = digits[..count].parse::<usize>()
                    && number > 0
                    && !is_in_set
                {
                    references.push((at, number, here));
                }
                at += 1;
            }
            b'[' => is_in_set = true,
            b']' => is_in_set = false,
            b'(' if !is_in_set => {
                let rest = &bytes[at + 1..];
                let is_look_behind = rest.starts_with(b"?<=") || rest.starts_with(b"?<!");
                let number = (!rest.starts_with(b"?") || rest.starts_with(b"?<") && !is_look_behind).then(|| {
                    captures += 1;
                    captures
                });
                let is_optional = rest.starts_with(b"?!") || rest.starts_with(b"?<!");
                let bars = Vec::new();
                groups.push(Group { parent: here, end: usize::MAX, number, is_optional, is_look_behind, bars });
                here = groups.len() - 1;
            }
            b')' if !is_in_set => {
                let rest = &bytes[at + 1..];
                groups[here].end = at;
                groups[here].is_optional |= [&b"?"[..], b"*", b"{0"].iter().any(|repeat| rest.starts_with(repeat));
                here = groups[here].parent;
            }
            b'|' if !is_in_set => groups[here].bars.push(at),
            _ => {}
        }
        at += 1;
    }
    let is_loose = |(at, number, within): &&(usize, usize, usize)| may_be_unset(&groups, *at, *number, *within);
    references.iter().find(is_loose).map(|(_, number, _)| *number)
}

/// Whether the group of a number need not have matched when what stands at a place, within a group, is reached.
fn may_be_unset(groups: &[Group], at: usize, number: usize, within: usize) -> bool {
    let Some(mut of) = groups.iter().position(|group| group.number == Some(number)) else { return false };
    if groups[of].end >= at {
        return true;
    }
    let around = ancestors(groups, within);
    if ancestors(groups, of).iter().any(|group| groups[*group].is_look_behind && around.contains(group)) {
        return true;
    }
    let mut is_first = true;
    while !around.contains(&of) {
        let group = &groups[of];
        if group.is_optional || !is_first && !group.bars.is_empty() {
            return true;
        }
        let parent = group.parent;
        if around.contains(&parent) && groups[parent].bars.iter().any(|bar| (group.end..at).contains(bar)) {
            return true;
        }
        (of, is_first) = (parent, false);
    }
    false
}

fn ancestors(groups: &[Group], mut group: usize) -> Vec<usize> {
    let mut found = vec![group];
    while group > 0 {
        group = groups[group].parent;
        found.push(group);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::to_nothing;

    #[test]
    fn a_group_that_always_matches_before_may_be_referred_to() {
        for pattern in [
            r"(a)\1",
            r"^(.*)\1$",
            r#"(['"]).*?\1"#,
            r"(a|b)\1",
            r"(?:(a))+\1",
            r"(a?)\1",
            r"(?=(a+))\1b",
            r"x|(a)\1",
            r"(?<n>a)(b)\2",
            r"[(](a)\1",
            r"\((a)\1",
            r"(?<=x)(a)\1",
            r"(a)b(?<=\1b)",
            r"(?<=(a))\1",
            r"(?:(a)\1)?",
            r"((a)b)\2",
            r"[\1]",
        ] {
            assert_eq!(to_nothing(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn one_that_may_be_passed_over_may_not() {
        for (pattern, number) in [
            (r"^(?:(a)|b)\1$", 1),
            (r"^(?:(a)|(b))\1\2$", 1),
            (r"^(a)?\1b$", 1),
            (r"(a)*\1", 1),
            (r"(a){0,3}\1", 1),
            (r"(?:x(a))?\1", 1),
            (r"^(?!(a))\1b$", 1),
            (r"\1(a)", 1),
            (r"(a\1)", 1),
            (r"(a)|\1", 1),
            (r"(x)((a)|b)\3", 3),
            (r"(?:(?:\2b|x)(y)(a))+", 2),
            (r"(?<=(a)\1)b", 1),
            (r"(?<=\1(a))b", 1),
            (r"^x(?<!(?:(a)|b)c(?:\1))$", 1),
        ] {
            assert_eq!(to_nothing(pattern), Some(number), "{pattern}");
        }
    }
}
