//! The properties of Unicode that ECMA-262 knows by name (tables 66 to 68). The engine takes more, in any spelling.

/// General categories, by their short and long names.
const CATEGORIES: &[&str] = &[
    "C",
    "Other",
    "Cc",
    "Control",
    "cntrl",
    "Cf",
    "Format",
    "Cn",
    "Unassigned",
    "Co",
    "Private_Use",
    "Cs",
    "Surrogate",
    "L",
    "Letter",
    "LC",
    "Cased_Letter",
    "Ll",
    "Lowercase_Letter",
    "Lm",
    "Modifier_Letter",
    "Lo",
    "Other_Letter",
    "Lt",
    "Titlecase_Letter",
    "Lu",
    "Uppercase_Letter",
    "M",
    "Mark",
    "Combining_Mark",
    "Mc",
    "Spacing_Mark",
    "Me",
    "Enclosing_Mark",
    "Mn",
    "Nonspacing_Mark",
    "N",
    "Number",
    "Nd",
    "Decimal_Number",
    "digit",
    "Nl",
    "Letter_Number",
    "No",
    "Other_Number",
    "P",
    "Punctuation",
    "punct",
    "Pc",
    "Connector_Punctuation",
    "Pd",
    "Dash_Punctuation",
    "Pe",
    "Close_Punctuation",
    "Pf",
    "Final_Punctuation",
    "Pi",
    "Initial_Punctuation",
    "Po",
    "Other_Punctuation",
    "Ps",
    "Open_Punctuation",
    "S",
    "Symbol",
    "Sc",
    "Currency_Symbol",
    "Sk",
    "Modifier_Symbol",
    "Sm",
    "Math_Symbol",
    "So",
    "Other_Symbol",
    "Z",
    "Separator",
    "Zl",
    "Line_Separator",
    "Zp",
    "Paragraph_Separator",
    "Zs",
    "Space_Separator",
];

/// Properties that a character has or has not.
const BINARY: &[&str] = &[
    "ASCII",
    "ASCII_Hex_Digit",
    "AHex",
    "Alphabetic",
    "Alpha",
    "Any",
    "Assigned",
    "Bidi_Control",
    "Bidi_C",
    "Bidi_Mirrored",
    "Bidi_M",
    "Case_Ignorable",
    "CI",
    "Cased",
    "Changes_When_Casefolded",
    "CWCF",
    "Changes_When_Casemapped",
    "CWCM",
    "Changes_When_Lowercased",
    "CWL",
    "Changes_When_NFKC_Casefolded",
    "CWKCF",
    "Changes_When_Titlecased",
    "CWT",
    "Changes_When_Uppercased",
    "CWU",
    "Dash",
    "Default_Ignorable_Code_Point",
    "DI",
    "Deprecated",
    "Dep",
    "Diacritic",
    "Dia",
    "Emoji",
    "Emoji_Component",
    "EComp",
    "Emoji_Modifier",
    "EMod",
    "Emoji_Modifier_Base",
    "EBase",
    "Emoji_Presentation",
    "EPres",
    "Extended_Pictographic",
    "ExtPict",
    "Extender",
    "Ext",
    "Grapheme_Base",
    "Gr_Base",
    "Grapheme_Extend",
    "Gr_Ext",
    "Hex_Digit",
    "Hex",
    "IDS_Binary_Operator",
    "IDSB",
    "IDS_Trinary_Operator",
    "IDST",
    "ID_Continue",
    "IDC",
    "ID_Start",
    "IDS",
    "Ideographic",
    "Ideo",
    "Join_Control",
    "Join_C",
    "Logical_Order_Exception",
    "LOE",
    "Lowercase",
    "Lower",
    "Math",
    "Noncharacter_Code_Point",
    "NChar",
    "Pattern_Syntax",
    "Pat_Syn",
    "Pattern_White_Space",
    "Pat_WS",
    "Quotation_Mark",
    "QMark",
    "Radical",
    "Regional_Indicator",
    "RI",
    "Sentence_Terminal",
    "STerm",
    "Soft_Dotted",
    "SD",
    "Terminal_Punctuation",
    "Term",
    "Unified_Ideograph",
    "UIdeo",
    "Uppercase",
    "Upper",
    "Variation_Selector",
    "VS",
    "White_Space",
    "space",
    "XID_Continue",
    "XIDC",
    "XID_Start",
    "XIDS",
];

/// The first property of a pattern, with its braces, that ECMA-262 does not know by this name.
pub(super) fn unknown(pattern: &str) -> Option<&str> {
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at..];
        let length = escape.chars().nth(1).map_or(1, |escaped| 1 + escaped.len_utf8());
        if escape.starts_with("\\p") || escape.starts_with("\\P") {
            let Some(end) = escape.find('}').filter(|_| escape[2..].starts_with('{')) else {
                return Some(&escape[..length]);
            };
            if !is_known(&escape[3..end]) {
                return Some(&escape[..=end]);
            }
        }
        rest = &escape[length..];
    }
    None
}

fn is_known(name: &str) -> bool {
    match name.split_once('=') {
        Some(("General_Category" | "gc", value)) => CATEGORIES.contains(&value),
        // The engine knows which scripts there are.
        Some(("Script" | "sc" | "Script_Extensions" | "scx", value)) => {
            value.starts_with(|first: char| first.is_ascii_uppercase()) && !value.contains([' ', '-'])
        }
        Some(_) => false,
        None => CATEGORIES.contains(&name) || BINARY.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn names_are_known_as_the_standard_spells_them() {
        for pattern in [
            r"\p{L}\P{Lu}",
            r"[\p{Letter}\d]",
            r"\p{Script=Greek}",
            r"\p{sc=Grek}",
            r"\p{gc=L}",
            r"\p{Emoji}",
            r"\\p{x}",
            "a",
        ] {
            assert_eq!(unknown(pattern), None, "{pattern}");
        }
        for (pattern, name) in [
            (r"^\p{Greek}+$", r"\p{Greek}"),
            (r"\p{IsGreek}", r"\p{IsGreek}"),
            (r"\p{L}\P{lu}", r"\P{lu}"),
            (r"\p{script=Greek}", r"\p{script=Greek}"),
            (r"\p{Script=greek}", r"\p{Script=greek}"),
            (r"\pL", r"\p"),
        ] {
            assert_eq!(unknown(pattern), Some(name), "{pattern}");
        }
    }
}
