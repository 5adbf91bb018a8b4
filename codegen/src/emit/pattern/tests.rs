//! The code that is written for a pattern, and the patterns for which none is.

use super::*;

fn code(pattern: &str) -> String {
    matcher(&Runtime::default(), pattern, &quote!(text)).map(|tokens| tokens.to_string()).unwrap_or_default()
}

#[test]
fn a_pattern_reads_as_somebody_would_write_it() {
    let whole = |body: TokenStream| quote!(::eventsmith::generated::checks::scan_all(text, |s| #body));
    let start = |body: TokenStream| quote!(::eventsmith::generated::checks::scan(text, |s| #body));
    let class = |notation: &str| quote!(::eventsmith::generated::class!(#notation));
    let (hex, lower, not_at) = (class("0-9a-f"), class("a-z"), class("^@"));
    let expected = [
        ("^0x[0-9a-f]{24}$", whole(quote!(s.literal("0x") && s.exactly(24, #hex)))),
        ("^(draft|deleted)$", start(quote!(::std::matches!(s.rest(), "draft" | "deleted")))),
        ("^https?://", start(quote!(s.literal("http") && s.optional(|s| s.literal("s")) && s.literal("://")))),
        ("^[^@]+@", start(quote!(s.run(1.., #not_at) && s.literal("@")))),
        (
            r"^[a-z]+(\.[a-z]+)*$",
            whole(quote!(s.run(1.., #lower) && s.repeat(0.., |s| s.literal(".") && s.run(1.., #lower)))),
        ),
        ("^[äöü]{2}$", whole(quote!(s.chars(2..=2, |c| *c == 'ä' || *c == 'ö' || *c == 'ü')))),
    ];
    for (pattern, tokens) in expected {
        assert_eq!(code(pattern), tokens.to_string(), "{pattern}");
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
