//! The numbers of a JSON text, as they are spelled.

use crate::Decimal;

/// Below this, 2^53, comparing the doubles nearest to two decimals of one text each is comparing the decimals.
pub const EXACT_DOUBLES: f64 = 9_007_199_254_740_992.0;

/// The numbers of a JSON text that are wide, each with how many numbers stand before it. None in nearly every text.
pub(crate) fn wide(text: &str) -> Vec<(usize, &str)> {
    let numerals = numerals(text).map(|(_, numeral)| numeral);
    numerals.enumerate().filter(|(_, numeral)| is_wide(numeral)).collect()
}

/// Whether a JSON text has a wide number.
pub fn has_wide(text: &str) -> bool {
    numerals(text).any(|(_, numeral)| is_wide(numeral))
}

/// The text with every wide number that is an integer of 64 bits written as one: `1e19` without its exponent.
pub fn whole_in_digits(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut copied = 0;
    for (start, numeral) in numerals(text).filter(|(_, numeral)| is_wide(numeral)) {
        let Some(whole) = Decimal::parse(numeral).and_then(|decimal| decimal.to_i128()) else { continue };
        if i64::try_from(whole).is_ok() || u64::try_from(whole).is_ok() {
            plain.push_str(&text[copied..start]);
            plain.push_str(&whole.to_string());
            copied = start + numeral.len();
        }
    }
    plain.push_str(&text[copied..]);
    plain
}

/// The number of a JSON text that ends at a place or around it, and how many stand before it.
pub fn number_at(text: &str, place: usize) -> Option<(usize, &str)> {
    let (index, (start, numeral)) = numerals(text).enumerate().take_while(|(_, (start, _))| *start <= place).last()?;
    (place <= start + numeral.len() + 1).then_some((index, numeral))
}

/// Whether `serde_json` may not hold what a number says: whether it is neither an integer of 64 bits, nor below 2^53 and
/// the shortest decimal of its nearest double.
pub fn is_wide(numeral: &str) -> bool {
    /// Every decimal of so many digits has a double to itself.
    const FEW: usize = 15;
    let digits = numeral.bytes().filter(u8::is_ascii_digit).count();
    if !numeral.contains(['.', 'e', 'E']) {
        return digits > FEW && numeral.parse::<i64>().is_err() && numeral.parse::<u64>().is_err();
    }
    if digits <= FEW && !numeral.contains(['e', 'E']) {
        return false;
    }
    let Ok(nearest) = numeral.parse::<f64>() else { return true };
    nearest.abs() >= EXACT_DOUBLES || Decimal::parse(numeral) != Decimal::parse(&format!("{nearest:e}"))
}

/// Every number of a JSON text, in its order, and where it begins.
fn numerals(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => at = string_end(bytes, at + 1),
                b'-' | b'0'..=b'9' => {
                    let start = at;
                    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
                    at += bytes[at..].iter().take_while(|byte| is_part(byte)).count();
                    return Some((start, text.get(start..at)?));
                }
                _ => at += 1,
            }
        }
        None
    })
}

/// The place behind the quote that ends a string.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_serde_json_holds_are_not_wide() {
        for numeral in [
            "0",
            "-0",
            "1",
            "1.0",
            "0.1",
            "-9223372036854775808",
            "18446744073709551615",
            "1e2",
            "1e-7",
            "0.30000000000000004",
            "5e-324",
            "2.2250738585072014e-308",
            "2251799813685248.5",
        ] {
            assert!(!is_wide(numeral), "{numeral}");
        }
        for numeral in [
            "18446744073709551616",
            "-9223372036854775809",
            "9007199254740993.0",
            "1e16",
            "1e400",
            "1e-400",
            "0.1000000000000000055",
            "0.99999999999999999999",
            "1e999999999",
        ] {
            assert!(is_wide(numeral), "{numeral}");
        }
    }

    #[test]
    fn numbers_are_counted_outside_of_strings() {
        let text = r#"{"1e99": [1, "2\"3", -4.5e+6], "a\\": 18446744073709551616, "b": true}"#;

        let numerals: Vec<&str> = numerals(text).map(|(_, numeral)| numeral).collect();
        assert_eq!(numerals, ["1", "-4.5e+6", "18446744073709551616"]);
        assert_eq!(wide(text), [(2, "18446744073709551616")]);
        assert_eq!(
            whole_in_digits("[1e19, 1.0, 1e20, 9007199254740993.0]"),
            "[10000000000000000000, 1.0, 1e20, 9007199254740993]"
        );
        assert_eq!((number_at("[12, true]", 3), number_at("[12, true]", 9)), (Some((0, "12")), None));
    }
}
