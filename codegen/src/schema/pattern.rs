//! Patterns before any text is matched: whether the validator's engine runs them, and whether other engines do.

mod back_references;
mod modifiers;
mod properties;
mod slips;

use std::borrow::Cow;

use super::validator::Validator;

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternFault {
    /// Whether the engine refuses it or reads it differently from ECMA-262, so that it decides wrongly about payloads.
    pub is_fatal: bool,
    /// Whether it is wrong only where the pattern is one of names.
    pub is_of_names: bool,
    /// What is wrong, as the end of a sentence that begins with the pattern.
    pub message: String,
    /// What to write instead.
    pub help: Cow<'static, str>,
}

/// What is wrong with a pattern of JSON Schema; `None` where the engine runs it as ECMA-262 means it.
pub fn pattern_fault(pattern: &str) -> Option<PatternFault> {
    let warning = |message: &str, help: Cow<'static, str>| {
        Some(PatternFault { is_fatal: false, is_of_names: false, message: message.to_owned(), help })
    };
    let fatal = |message: &str, help: Cow<'static, str>| {
        Some(PatternFault { is_fatal: true, is_of_names: false, message: message.to_owned(), help })
    };
    if slips::is_between_slashes(pattern) && Validator::of_pattern(pattern).is_ok() {
        let message = "stands between the slashes of JavaScript, which are characters here, so that no text matches";
        return warning(message, "leave the slashes out, and the flags behind them".into());
    }
    if pattern.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'^' | b'$' | b'_' | b'-' | b'/')) {
        return None;
    }
    let found = features(pattern);
    if Validator::of_pattern(pattern).is_err() {
        let slip = if found.empty_class { None } else { slips::first(pattern) };
        let (reason, help) = match slip {
            Some((reason, help)) => (reason, help.into()),
            None => (reason(pattern), way_out(pattern, &found)),
        };
        return Some(PatternFault {
            is_fatal: true,
            is_of_names: false,
            message: format!("cannot be run: {reason}"),
            help,
        });
    }
    if found.angle {
        let message =
            "is read differently: ECMA-262 takes \\< and \\> for the characters, the engine for ends of words"
                .to_owned();
        return Some(PatternFault {
            is_fatal: true,
            is_of_names: false,
            message,
            help: "write < and > without the backslash".into(),
        });
    }
    if found.empty_class {
        let message =
            "is read differently: ECMA-262 ends a set at the first ], and the engine takes that one for a character";
        let help = "write [^\\]] for any character but a bracket, and [\\]a] for a bracket or a";
        return fatal(message, help.into());
    }
    if let Some((message, help)) = modifiers::read_differently(pattern) {
        return fatal(&format!("is read differently: {message}"), help);
    }
    if let Some(number) = back_references::to_nothing(pattern) {
        let message = format!(
            "is read differently: where the group of \\{number} has not matched, ECMA-262 goes on and the engine does not"
        );
        let help = "let the group match in any case, (a|) in place of (a)?, or write the alternatives out";
        return Some(PatternFault { is_fatal: true, is_of_names: false, message, help: help.into() });
    }
    if !jsonschema_regex::is_valid_ecma_regex(pattern) {
        let message = "is no regular expression of ECMA-262, so that other validators refuse it or read it differently";
        return warning(message, foreign_help(pattern));
    }
    if let Some(name) = properties::unknown(pattern) {
        let message = format!("has {name}, a name that ECMA-262 does not know, so that other validators refuse it");
        return warning(&message, "write it as the standard does: \\p{L}, \\p{Letter}, \\p{Script=Greek}".into());
    }
    if let Some(class) = found.class.filter(|_| found.is_fancy) {
        let message = format!(
            "has {class} beside a look-around or a back reference, where the engine also means characters beyond ASCII"
        );
        let help = "write the characters out: [A-Za-z0-9_] for \\w, [0-9] for \\d, [^\\n\\r] for a dot";
        // Of values, look-aheads at the start are tried apart, by the engine for patterns without them.
        let is_of_names = super::leading_look_aheads(pattern).is_some();
        return Some(PatternFault { is_fatal: false, is_of_names, message, help: help.into() });
    }
    if found.has_word_boundary {
        let message = "has a \\b or \\B, which the engine reads with the letters of every language and ECMA-262 with those of ASCII";
        return warning(message, "say which characters stand there: (^|[^A-Za-z0-9_])word([^A-Za-z0-9_]|$)".into());
    }
    None
}

/// What a pattern holds that engines part over.
#[derive(Default)]
struct Features {
    /// `[]` or `[^]`.
    empty_class: bool,
    /// An escape that only some engines know, with the letter behind the backslash.
    escape: Option<char>,
    /// `\<` or `\>`.
    angle: bool,
    /// A hyphen between a class such as `\w` and another character of a set.
    hyphen: bool,
    /// An escape of half a character, `\ud83d`.
    surrogate: bool,
    /// A brace that repeats nothing.
    brace: bool,
    /// `\b` inside a set.
    backspace: bool,
    has_word_boundary: bool,
    /// A look-around or back reference, which another engine runs.
    is_fancy: bool,
    /// The first of `\w \W \s \S \d \D .`.
    class: Option<&'static str>,
}

fn features(pattern: &str) -> Features {
    let mut found = Features::default();
    let mut set: Option<&str> = None;
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let mut length = c.len_utf8();
        match (c, set) {
            ('\\', _) => {
                let escaped = after.chars().next();
                length += escaped.map_or(0, char::len_utf8);
                found.escaped(escaped, after, set.is_some());
                if matches!(escaped, Some('w' | 'W' | 'd' | 'D' | 's' | 'S')) && set.is_some() {
                    let behind = &rest[length..];
                    found.hyphen |= behind.starts_with('-') && !behind.starts_with("-]");
                }
            }
            ('[', None) => {
                set = Some(after);
                found.empty_class |= after.starts_with(']') || after.starts_with("^]");
            }
            (']', Some(_)) => set = None,
            ('-', Some(_)) => {
                found.hyphen |= ["\\w", "\\d", "\\s", "\\W", "\\D", "\\S"].iter().any(|class| after.starts_with(class))
                    && !pattern[..pattern.len() - rest.len()].ends_with('[');
            }
            ('(', None) => {
                found.is_fancy |= ["?=", "?!", "?<=", "?<!"].iter().any(|look| after.starts_with(look));
            }
            ('{', None) => found.brace |= !after.starts_with(|digit: char| digit.is_ascii_digit()),
            ('.', None) => found.class = found.class.or(Some("a dot")),
            _ => {}
        }
        rest = &rest[length..];
    }
    found
}

impl Features {
    fn escaped(&mut self, escaped: Option<char>, after: &str, is_in_set: bool) {
        match escaped {
            Some('b') if is_in_set => self.backspace = true,
            Some('b' | 'B') => self.has_word_boundary = true,
            Some('<' | '>') if !is_in_set => self.angle = true,
            Some('u') => {
                let digits = after.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                self.surrogate |= digits.is_some_and(|code| (0xD800..=0xDFFF).contains(&code));
            }
            Some('w') => self.class = self.class.or(Some("\\w")),
            Some('W') => self.class = self.class.or(Some("\\W")),
            Some('d') => self.class = self.class.or(Some("\\d")),
            Some('D') => self.class = self.class.or(Some("\\D")),
            Some('s') => self.class = self.class.or(Some("\\s")),
            Some('S') => self.class = self.class.or(Some("\\S")),
            Some('1'..='9') => self.is_fancy = true,
            Some(
                letter
                @ ('0' | 'A' | 'Z' | 'z' | 'k' | 'p' | 'P' | 'h' | 'H' | 'Q' | 'G' | 'K' | 'R' | 'X' | 'e' | 'a'),
            ) => {
                self.escape = self.escape.or(Some(letter));
            }
            _ => {}
        }
    }
}

/// Why an engine refuses a pattern: in the words of the parser where it does not parse, else it is its size.
fn reason(pattern: &str) -> String {
    let Ok(translated) = jsonschema_regex::to_rust_regex(pattern) else {
        let parsed = regex_syntax::ast::parse::Parser::new().parse(pattern);
        return parsed.err().map_or_else(unknown, |error| error.kind().to_string());
    };
    match regex_syntax::parse(&translated) {
        Err(regex_syntax::Error::Translate(error)) => error.kind().to_string(),
        Ok(_) => "its repetitions make it too large".to_owned(),
        Err(_) => unknown(),
    }
}

fn unknown() -> String {
    "the engine does not know a part of it".to_owned()
}

fn way_out(pattern: &str, found: &Features) -> Cow<'static, str> {
    let text = match found {
        Features { empty_class: true, .. } => "write [\\s\\S] for any character",
        Features { surrogate: true, .. } => "write the character itself, or \\u{1F600} in place of two halves",
        Features { hyphen: true, .. } => "put the hyphen last in its brackets, [\\w.-], or write \\-",
        Features { backspace: true, .. } => "write \\x08 for a backspace",
        Features { escape: Some('0'), .. } => "write \\x00 for the character zero",
        Features { escape: Some('k'), .. } => "refer to a group by its number, (a)\\1, or write its pattern once more",
        Features { escape: Some('Z' | 'z'), .. } => "write $ for the end of the text",
        Features { escape: Some('A' | 'G'), .. } => "write ^ for the start of the text",
        Features { escape: Some('p' | 'P'), .. } => {
            "write a property of Unicode that the engine knows, such as \\p{L} or \\p{Script=Greek}"
        }
        Features { escape: Some(letter), .. } => {
            return format!("ECMA-262 knows no \\{letter}; write the characters that are meant").into();
        }
        Features { brace: true, .. } => "write \\{ for a brace that repeats nothing",
        _ if pattern.contains('{') => "repeat less, and let maxLength or maxItems bound the rest",
        _ => "write a regular expression of ECMA-262; a backslash makes a special character stand for itself",
    };
    text.into()
}

fn foreign_help(pattern: &str) -> Cow<'static, str> {
    let text = if pattern.contains("(?P<") {
        "write (?<name>...) for a named group"
    } else if let Some(class) = posix_class(pattern) {
        return format!("write {class}").into();
    } else if let Some((_, help)) = slips::first(pattern) {
        return help.into();
    } else if pattern.contains("(?x") {
        "leave the flag out, and with it the spaces and comments that it lets stand in a pattern"
    } else if pattern.contains("(?s") {
        "leave the flag out, and write [\\s\\S] for a dot that also matches ends of lines"
    } else if pattern.contains("(?m") {
        "leave the flag out, and write (^|\\n) for the start of a line"
    } else if pattern.starts_with("(?") && !pattern.starts_with("(?:") {
        "write the flag out: [Aa][Bb] for (?i)ab"
    } else if ["++", "*+", "?+", "}+"].iter().any(|repeat| pattern.contains(repeat)) {
        "write the repetition without the second +"
    } else if pattern.contains("\\A") || pattern.contains("\\z") {
        "write ^ for the start of the text and $ for its end"
    } else {
        "write it as ECMA-262 has it; a literal ] or } takes a backslash"
    };
    text.into()
}

/// What to write for a class in the manner of POSIX.
fn posix_class(pattern: &str) -> Option<&'static str> {
    const CLASSES: &[(&str, &str)] = &[
        ("[:alpha:]", "A-Za-z for [:alpha:], within the brackets of its set"),
        ("[:digit:]", "0-9 for [:digit:], within the brackets of its set"),
        ("[:alnum:]", "A-Za-z0-9 for [:alnum:], within the brackets of its set"),
        ("[:upper:]", "A-Z for [:upper:], within the brackets of its set"),
        ("[:lower:]", "a-z for [:lower:], within the brackets of its set"),
        ("[:space:]", "\\s for [:space:], within the brackets of its set"),
        ("[:xdigit:]", "0-9A-Fa-f for [:xdigit:], within the brackets of its set"),
        ("[:word:]", "\\w for [:word:], within the brackets of its set"),
        ("[:", "the characters out; ECMA-262 has no classes [:name:]"),
    ];
    CLASSES.iter().find(|(class, _)| pattern.contains(class)).map(|(_, help)| *help)
}

#[cfg(test)]
mod tests {
    use super::pattern_fault;

    #[test]
    fn what_the_engine_cannot_run_is_fatal_with_a_way_out() {
        for (pattern, help) in [
            (r"[\w-.]", r"[\w.-]"),
            (r"^[a-\d]$", r"\-"),
            ("[^]", r"[\s\S]"),
            ("^[]$", r"[\s\S]"),
            (r"^(?=x)[^]$", r"[\s\S]"),
            (r"\k<y>", r"\1"),
            (r"^(?<n>a)\k<n>$", r"\1"),
            (r"\0", r"\x00"),
            (r"\Z", "$"),
            ("[a", "close the ["),
            ("^O-[0-9{6}$", "close the [ at character 4"),
            ("a{2", "close the {"),
            ("(", "close the ("),
            ("a**", "repetitions"),
            ("*a", "repeats before it"),
            ("(?>a)", "(?:...)"),
            ("(?P=n)", r"\1"),
            ("(a{1000}){1000}", "maxLength"),
            (r"^[\b]$", r"\x08"),
            (r"^\ud83d\ude00$", r"\u{1F600}"),
            (r"\p{Foo}", r"\p{L}"),
            (r"^\h$", r"no \h"),
            ("^a{,3}$", r"\{"),
            // Not refused, but read differently.
            (r"^(a)?\1b$", "(a|)"),
            (r"^(?:(a)|b)\1$", "(a|)"),
            (r"^\<a\>$", "without the backslash"),
            ("^[^]]+$", r"[^\]]"),
            ("^[]a]$", r"[\]a]"),
            ("^(?s:.)$", r"[\s\S]"),
            ("^(a(?is:b(c).))$", r"[\s\S]"),
            ("(?m:^a$)", r"[\n\r]"),
        ] {
            let fault = pattern_fault(pattern).unwrap();
            assert!(fault.is_fatal, "{pattern}");
            assert!(fault.help.contains(help), "{pattern}: {fault:?}");
        }
    }

    #[test]
    fn what_runs_and_is_not_of_ecma_262_is_worth_a_warning() {
        for pattern in [
            "(?i)abc",
            "(?P<x>a)",
            "a++",
            r"\Aa\z",
            r"^\x{41}$",
            "(?s).",
            "[[:alpha:]]",
            r"^(?!x)\w+$",
            r"^(?=.)\w+$",
            r"\bcat\b",
            r"^\p{Greek}+$",
        ] {
            assert!(pattern_fault(pattern).is_some_and(|fault| !fault.is_fatal), "{pattern}");
        }
    }

    #[test]
    fn look_aheads_at_the_start_make_a_difference_to_names_only() {
        let is_of_names = |pattern: &str| pattern_fault(pattern).unwrap().is_of_names;

        assert!(is_of_names(r"^(?=.*\d)\w+$"));
        assert!(!is_of_names(r"^(?=a)(?!x)\w+$") && !is_of_names(r"^\w+(?=x)"));
    }

    #[test]
    fn what_is_foreign_is_reported_by_its_kind() {
        for (pattern, help) in [
            ("(?x)a b", "spaces"),
            ("(?s).", r"[\s\S]"),
            ("{1,1000}{1,1000}", "repeats"),
            ("[[:alpha:]]", "A-Za-z"),
            ("/^abc$/", "slashes"),
            ("/^a.c$/i", "slashes"),
        ] {
            let fault = pattern_fault(pattern).unwrap();
            assert!(fault.help.contains(help), "{pattern}: {fault:?}");
        }
        assert_eq!(pattern_fault("/orders/"), None);
    }

    #[test]
    fn what_every_engine_reads_alike_is_left_alone() {
        for pattern in [
            "^[A-Z]{3}$",
            r"^\d+(\.\d+)?$",
            r"^[\w.-]+@[\w.-]+$",
            "^(?!x)[a-z]+$",
            r"^\p{L}+$",
            r"^\u0041$",
            r"^(?<year>[0-9]{4})$",
            r"^(a)\1$",
            r"^\p{Script=Greek}$",
            r"^a\/b$",
            r"^[a\-z]$",
            r"^\{\}$",
            "^(?i:a)$",
            r"^(?s:[.]\.)$",
            r"(?m:[$^]\$).^",
            r"\(?s:.",
            "",
            "^[^a]$",
            r"^[\s\S]$",
            r"^\cA$",
            "^[-a]$",
            r"^[-\w]$",
        ] {
            assert_eq!(pattern_fault(pattern), None, "{pattern}");
        }
    }
}
