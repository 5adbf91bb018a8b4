//! The code that is written for a pattern, and the patterns for which none is.

use super::*;

fn code(pattern: &str) -> String {
    matcher(pattern, &quote!(text)).map(|tokens| tokens.to_string()).unwrap_or_default()
}

fn written(tokens: TokenStream) -> String {
    quote!(::eventsmith::checks::scan(text, |s| #tokens)).to_string()
}

#[test]
fn a_pattern_reads_as_somebody_would_write_it() {
    let expected = [
        (
            r"^evt_[a-z0-9]{24}$",
            quote!(s.literal("evt_") && s.exactly(24, |c| matches!(c, b'0'..=b'9' | b'a'..=b'z')) && s.is_at_end()),
        ),
        (r"^(draft|deleted)$", quote!(matches!(s.rest(), "draft" | "deleted"))),
        (r"^https?://", quote!(s.literal("http") && s.optional(|s| s.literal("s")) && s.literal("://"))),
        (
            r"^[^@]+@[^@]+$",
            quote!(s.run(1.., |c| *c != b'@') && s.literal("@") && s.run(1.., |c| *c != b'@') && s.is_at_end()),
        ),
        (
            r"^[a-z]+(\.[a-z]+)*$",
            quote!(
                s.run(1.., u8::is_ascii_lowercase)
                    && s.repeat(0.., |s| s.literal(".") && s.run(1.., u8::is_ascii_lowercase))
                    && s.is_at_end()
            ),
        ),
    ];
    for (pattern, tokens) in expected {
        assert_eq!(code(pattern), written(tokens), "{pattern}");
    }
}

#[test]
fn no_code_is_written_where_reading_on_might_be_wrong() {
    let patterns = [
        "[a-z]",
        "^[a-z]*[a-z]$",
        "^(ab|a)b$",
        "^(a|ab)(c|bcd)$",
        "^(a+)+$",
        "^(a?)*$",
        "^a*(ab)?$",
        "^(?=a)b",
        r"^(a)\1$",
        r"^\bfoo",
        "^a++$",
        "^(?i)a$",
        "^a|b",
        "^(a|b*)*$",
        "^[a-z]{1,3}[0-9a-f]$",
        "^(-?[0-9]+)?-$",
    ];
    for pattern in patterns {
        assert_eq!(code(pattern), "", "{pattern}");
    }
}

#[test]
fn a_length_that_the_pattern_implies_is_not_checked() {
    let implied = |pattern: &str, min, max| {
        let length = Check::Length { min, max };
        let checks = [Check::Pattern(pattern.to_owned()), length.clone()];
        implies(&checks, &length)
    };

    assert!(implied("^[a-z]{1,64}$", Some(1), Some(64)));
    assert!(implied("^(ä|ö){2}-?$", Some(2), Some(3)));
    assert!(implied("^[a-z]+", Some(1), None));
    assert!(!implied("^[a-z]{1,64}", None, Some(64)), "the text may go on");
    assert!(!implied("^[a-z]{1,64}$", Some(2), None));
    assert!(!implied("^[a-z]*$", None, Some(64)));
    assert!(!implied("[a-z]{2}$", Some(1), None), "not anchored");
}
