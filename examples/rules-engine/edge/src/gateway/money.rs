//! Money of ours, in minor units, and of theirs, in decimal texts. Both exactly.

use rules_events::common::Money;

/// How many digits the minor unit of a currency has behind the point. (ISO 4217.)
fn digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

/// The amount as a decimal text: `98.00` for 9,800 cents.
pub(crate) fn to_decimal(money: &Money) -> String {
    let digits = digits(money.currency.as_str());
    let unit = 10_i64.pow(digits);
    match digits {
        0 => money.amount_minor.to_string(),
        _ => format!("{}.{:0width$}", money.amount_minor / unit, money.amount_minor % unit, width = digits as usize),
    }
}

/// The money that a decimal text and a currency in any letters mean; nothing where they mean none of ours.
pub(crate) fn from_decimal(text: &str, currency: &str) -> Option<Money> {
    let currency = currency.to_ascii_uppercase();
    let digits = digits(&currency) as usize;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > digits || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let amount_minor = format!("{whole}{fraction:0<digits$}").parse().ok()?;
    let is_exact = (0..=9_007_199_254_740_991).contains(&amount_minor);
    is_exact.then_some(Money { amount_minor, currency: currency.try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount_minor: i64, currency: &str) -> Money {
        Money { amount_minor, currency: currency.try_into().unwrap() }
    }

    #[test]
    fn money_survives_the_way_there_and_back() {
        for (minor, currency, text) in [
            (9_800, "EUR", "98.00"),
            (5, "EUR", "0.05"),
            (0, "EUR", "0.00"),
            (12_000, "JPY", "12000"),
            (1_234, "KWD", "1.234"),
            (9_007_199_254_740_991, "EUR", "90071992547409.91"),
        ] {
            assert_eq!(to_decimal(&money(minor, currency)), text);
            assert_eq!(from_decimal(text, &currency.to_ascii_lowercase()), Some(money(minor, currency)), "{text}");
        }
    }

    #[test]
    fn what_is_no_exact_amount_is_none() {
        for (text, currency) in [
            ("98.001", "eur"),
            ("-1.00", "eur"),
            ("1e3", "eur"),
            ("", "eur"),
            (".5", "eur"),
            ("1.5", "jpy"),
            ("99999999999999999999", "eur"),
            ("1.00", "euro"),
        ] {
            assert_eq!(from_decimal(text, currency), None, "{text} {currency}");
        }
        assert_eq!(from_decimal("1.5", "eur"), Some(money(150, "EUR")));
    }
}
