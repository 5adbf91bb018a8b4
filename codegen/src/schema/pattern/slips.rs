//! Slips in the writing of a pattern: what is not closed, repeats nothing, or belongs to other engines, each with its own help.

/// What is written wrongly, as the end of a sentence, and what to write instead.
pub(super) type Slip = (String, String);

/// The first slip of a pattern. Characters are counted from 1.
pub(super) fn first(pattern: &str) -> Option<Slip> {
    let mut scan = Scan { chars: pattern.chars().collect(), at: 0, groups: Vec::new(), before: Before::Nothing };
    scan.run().or_else(|| scan.unclosed_group())
}

/// Whether a pattern stands between the slashes of JavaScript, with anchors that nothing beside a slash can meet.
pub(super) fn is_between_slashes(pattern: &str) -> bool {
    let flags = |c: char| matches!(c, 'd' | 'g' | 'i' | 'm' | 's' | 'u' | 'v' | 'y');
    let body = pattern.strip_prefix('/').and_then(|rest| rest.trim_end_matches(flags).strip_suffix('/'));
    body.is_some_and(|body| body.starts_with('^') || (body.ends_with('$') && !body.ends_with("\\$")))
}

/// What stands before a repetition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Atom,
    Repetition,
}

struct Scan {
    chars: Vec<char>,
    at: usize,
    /// Where the groups begin that are open.
    groups: Vec<usize>,
    before: Before,
}

impl Scan {
    fn run(&mut self) -> Option<Slip> {
        while let Some(&c) = self.chars.get(self.at) {
            let place = self.at + 1;
            match c {
                '\\' if place == self.chars.len() => {
                    return slip("it ends with a backslash", "write \\\\ for a backslash".to_owned());
                }
                '\\' => self.atom(2),
                '[' => match self.end_of_set() {
                    Some(end) => self.atom(end - self.at),
                    None => {
                        let help = format!(
                            "close the [ at character {place}: write ] behind the last character of the set, or \\[ for a bracket"
                        );
                        return slip("unclosed character class", help);
                    }
                },
                '(' => {
                    if let Some(slip) = self.group() {
                        return Some(slip);
                    }
                }
                ')' if self.groups.pop().is_none() => {
                    let help = format!("open a group for the ) at character {place}, or write \\) for a parenthesis");
                    return slip("unopened group", help);
                }
                '*' | '+' | '?' => {
                    if let Some(slip) = self.repetition(1) {
                        return Some(slip);
                    }
                }
                '{' if self.chars.get(place).is_some_and(char::is_ascii_digit) => {
                    let Some(length) = self.length_of_count() else {
                        let help = format!(
                            "close the {{ at character {place}: write {{2}}, {{2,}} or {{2,4}}, or \\{{ for a brace"
                        );
                        return slip("unclosed repetition", help);
                    };
                    if let Some(slip) = self.counts_down(length).or_else(|| self.repetition(length)) {
                        return Some(slip);
                    }
                }
                '|' | '^' => {
                    self.at += 1;
                    self.before = Before::Nothing;
                }
                _ => self.atom(1),
            }
        }
        None
    }

    fn atom(&mut self, length: usize) {
        self.at += length;
        self.before = Before::Atom;
    }

    /// Where the set ends that begins here.
    fn end_of_set(&self) -> Option<usize> {
        let mut at = self.at + 1;
        while let Some(&c) = self.chars.get(at) {
            at += if c == '\\' { 2 } else { 1 };
            if c == ']' {
                return Some(at);
            }
        }
        None
    }

    fn group(&mut self) -> Option<Slip> {
        let begin = self.at;
        let rest: String = self.chars[begin..].iter().take(24).collect();
        let help = foreign_group(&rest);
        if let Some((opening, help)) = help {
            return slip(&format!("ECMA-262 has no group {opening}"), help.to_owned());
        }
        self.groups.push(begin);
        self.at += 1;
        if self.chars.get(self.at) == Some(&'?') {
            self.at += 1;
        }
        self.before = Before::Nothing;
        None
    }

    fn repetition(&mut self, length: usize) -> Option<Slip> {
        let (c, place) = (self.chars[self.at], self.at + 1);
        match self.before {
            Before::Atom => {}
            // Lazy, or the possessive repetition of other engines.
            Before::Repetition if matches!(c, '?' | '+') => {
                self.at += length;
                return None;
            }
            Before::Repetition => {
                let help = format!(
                    "leave one of the two repetitions out at character {place}, or put the first into a group, (?:..){c}"
                );
                return slip("it repeats a repetition", help);
            }
            Before::Nothing => {
                let help =
                    format!("write what the {c} at character {place} repeats before it, or \\{c} for the character");
                return slip("it repeats nothing", help);
            }
        }
        self.at += length;
        self.before = Before::Repetition;
        None
    }

    /// The length of `{2}`, `{2,}` or `{2,4}`.
    fn length_of_count(&self) -> Option<usize> {
        let length = self.chars[self.at..].iter().position(|c| *c == '}')? + 1;
        let inner: String = self.chars[self.at + 1..self.at + length - 1].iter().collect();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_count = match inner.split_once(',') {
            Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
            None => is_number(&inner),
        };
        is_count.then_some(length)
    }

    fn counts_down(&self, length: usize) -> Option<Slip> {
        let inner: String = self.chars[self.at + 1..self.at + length - 1].iter().collect();
        let (least, most) = inner.split_once(',')?;
        let (least, most): (u64, u64) = (least.parse().ok()?, most.parse().ok()?);
        (most < least).then(|| {
            (format!("{{{inner}}} counts down"), format!("write the smaller number first: {{{most},{least}}}"))
        })
    }

    fn unclosed_group(&self) -> Option<Slip> {
        let place = self.groups.last()? + 1;
        slip("unclosed group", format!("close the ( at character {place} with ), or write \\( for a parenthesis"))
    }
}

/// The opening of a group that only other engines know, and what to write instead.
fn foreign_group(rest: &str) -> Option<(&'static str, &'static str)> {
    const GROUPS: &[(&str, &str)] = &[
        ("(?>", "write (?:...) in its place"),
        ("(?P=", "refer to a group by its number, (a)\\1"),
        ("(?P>", "write the pattern of the group once more"),
        ("(?&", "write the pattern of the group once more"),
        ("(?R", "write the pattern out as deep as it may go"),
        ("(?#", "leave the comment out, and write it into \"$comment\""),
        ("(?|", "write (?:...) in its place"),
        ("(?'", "write (?<name>...) for a named group"),
        ("(?(", "write the two cases as alternatives, (?:a|b)"),
    ];
    GROUPS.iter().find(|(opening, _)| rest.starts_with(opening)).copied()
}

fn slip(message: &str, help: String) -> Option<Slip> {
    Some((message.to_owned(), help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slip_has_help_of_its_own() {
        for (pattern, message, help) in [
            ("^O-[0-9{6}$", "unclosed character class", "close the [ at character 4"),
            ("(?=x)[a", "unclosed character class", "close the [ at character 6"),
            ("a{2", "unclosed repetition", "close the { at character 2"),
            ("a{2,x}", "unclosed repetition", "{2,4}"),
            ("(a(b)", "unclosed group", "close the ( at character 1"),
            ("a)", "unopened group", "\\)"),
            ("a**", "repeats a repetition", "character 3"),
            ("a{2}{3}", "repeats a repetition", "(?:..){"),
            ("*a", "repeats nothing", "\\*"),
            ("{1,1000}{1,1000}", "repeats nothing", "the { at character 1"),
            ("a{4,2}", "counts down", "{2,4}"),
            ("(?>a)", "no group (?>", "(?:...)"),
            ("(?P=n)", "no group (?P=", "\\1"),
            ("(?#x)a", "no group (?#", "$comment"),
            ("a\\", "ends with a backslash", "\\\\"),
        ] {
            let (found, way_out) = first(pattern).expect(pattern);
            assert!(found.contains(message) && way_out.contains(help), "{pattern}: {found}; {way_out}");
        }
    }

    #[test]
    fn what_is_written_well_has_no_slip() {
        for pattern in
            ["^[(*]{2,4}?$", "(?<n>a)+?", "(?=a)(?<!b)c", "(?i:a)", "(a|b)*", "\\(", "[^\\]]", "(^a)?", "a++"]
        {
            assert_eq!(first(pattern), None, "{pattern}");
        }
    }
}
