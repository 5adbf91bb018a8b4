//! Numbers as the decimals that they are written as.

use std::cmp::Ordering;
use std::fmt;

use num_bigint::BigUint;

/// A decimal of any length: digits and a power of ten.
///
/// Work is linear in the length of its text. An exponent costs nothing: `1e999999999` is one digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    is_negative: bool,
    /// Without zeros on either side; none for zero.
    digits: String,
    exponent: i64,
}

/// Exponents beyond this count as this. A text of so many digits is longer than any payload.
const FARTHEST: i64 = 1 << 60;

/// The longest numbers whose division by a divisor beyond 64 bits is tried; its work is the product of both lengths.
const LONGEST_DIVIDED: usize = 4_096;

impl Decimal {
    /// Reads a number as JSON writes it; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], exponent_of(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) {
            return None;
        }
        let mut digits = String::with_capacity(mantissa.len());
        digits.push_str(whole.trim_start_matches('0'));
        digits.push_str(if digits.is_empty() { fraction.trim_start_matches('0') } else { fraction });
        let length = digits.len();
        digits.truncate(digits.trim_end_matches('0').len());
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits, exponent: 0 });
        }
        let places = i64::try_from(fraction.len()).ok()?;
        let zeros = i64::try_from(length - digits.len()).ok()?;
        Some(Self { is_negative, digits, exponent: exponent - places + zeros })
    }

    /// Whether it has no fraction.
    pub fn is_integer(&self) -> bool {
        self.exponent >= 0
    }

    /// The value, if it is an integer of 128 bits.
    pub fn to_i128(&self) -> Option<i128> {
        let value = self.absolute()?;
        if self.is_negative { 0_i128.checked_sub_unsigned(value) } else { value.try_into().ok() }
    }

    /// The value, if it is an integer of 128 bits without a sign.
    pub fn to_u128(&self) -> Option<u128> {
        self.absolute().filter(|value| !self.is_negative || *value == 0)
    }

    fn absolute(&self) -> Option<u128> {
        let digits: u128 = if self.digits.is_empty() { 0 } else { self.digits.parse().ok()? };
        digits.checked_mul(10_u128.checked_pow(u32::try_from(self.exponent).ok()?)?)
    }

    /// The greatest integer that is not above it, if that has 128 bits.
    pub fn floor(&self) -> Option<i128> {
        if self.is_integer() {
            return self.to_i128();
        }
        // The digits in front of the point, which may be none.
        let kept = usize::try_from(self.magnitude()).unwrap_or(0);
        let whole: i128 = if kept == 0 { 0 } else { self.digits.get(..kept)?.parse().ok()? };
        Some(if self.is_negative { -whole - 1 } else { whole })
    }

    /// The least integer that is not below it, if that has 128 bits.
    pub fn ceiling(&self) -> Option<i128> {
        if self.is_integer() { self.to_i128() } else { self.floor().map(|floor| floor + 1) }
    }

    /// Whether the division by another number leaves nothing. Nothing is a multiple of zero, and nothing is known to be one
    /// of a divisor beyond 64 bits where one of both has more than 4,096 digits.
    pub fn is_multiple_of(&self, divisor: &Self) -> bool {
        if divisor.digits.is_empty() {
            return false;
        }
        if self.digits.is_empty() {
            return true;
        }
        // The last digit is no zero: a smaller power of ten is no multiple of a greater one.
        let Ok(power) = u64::try_from(self.exponent - divisor.exponent) else { return false };
        if let Ok(divisor) = divisor.digits.parse::<u64>() {
            let divisor = u128::from(divisor);
            let digit = |byte: u8| u128::from(byte - b'0');
            let rest = self.digits.bytes().fold(0, |rest, byte| (rest * 10 + digit(byte)) % divisor);
            return (rest * power_of_ten(power, divisor)).is_multiple_of(divisor);
        }
        if self.digits.len().max(divisor.digits.len()) > LONGEST_DIVIDED {
            return false;
        }
        let (Ok(value), Ok(divisor)) = (self.digits.parse::<BigUint>(), divisor.digits.parse::<BigUint>()) else {
            return false;
        };
        let power = BigUint::from(10_u8).modpow(&BigUint::from(power), &divisor);
        value % &divisor * power % &divisor == BigUint::ZERO
    }

    /// How many digits stand in front of the point; below one for what is less than a tenth.
    fn magnitude(&self) -> i64 {
        self.exponent + i64::try_from(self.digits.len()).unwrap_or(FARTHEST)
    }
}

/// The value of an exponent behind its letter.
fn exponent_of(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse().unwrap_or(FARTHEST).min(FARTHEST);
    Some(if is_negative { -value } else { value })
}

/// The rest of a power of ten, by squaring.
fn power_of_ten(mut power: u64, divisor: u128) -> u128 {
    let (mut rest, mut square) = (1 % divisor, 10 % divisor);
    while power > 0 {
        if power % 2 == 1 {
            rest = rest * square % divisor;
        }
        square = square * square % divisor;
        power /= 2;
    }
    rest
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |decimal: &Self| match (decimal.digits.is_empty(), decimal.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        sign(self).cmp(&sign(other)).then_with(|| {
            let magnitudes = self.magnitude().cmp(&other.magnitude());
            // Neither has zeros at its end: what goes on is greater.
            let greater = magnitudes.then_with(|| self.digits.cmp(&other.digits));
            if self.is_negative { greater.reverse() } else { greater }
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One text for all spellings of a number.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits.is_empty() {
            return f.write_str("0");
        }
        let sign = if self.is_negative { "-" } else { "" };
        write!(f, "{sign}{}e{}", self.digits, self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn decimals_compare_by_value_whatever_they_are_written_as() {
        let ascending = [
            "-1e999999999",
            "-18446744073709551617",
            "-18446744073709551616",
            "-1.5",
            "-1",
            "-1e-999999999",
            "0",
            "1e-99999999999999999999",
            "1e-400",
            "0.1",
            "0.10000000000000000001",
            "1",
            "9",
            "10",
            "9007199254740992.5",
            "9007199254740993",
            "18446744073709551616",
            "18446744073709551617",
            "1e400",
        ];
        for pair in ascending.windows(2) {
            assert!(decimal(pair[0]) < decimal(pair[1]), "{pair:?}");
        }
        for (one, other) in [("1.0", "1"), ("1e2", "100"), ("-0", "0.0e7"), ("0.05E+1", "5e-1"), ("1200", "1.2e3")] {
            assert_eq!(decimal(one), decimal(other));
        }
    }

    #[test]
    fn multiples_are_found_for_numbers_of_any_size() {
        let long = format!("{}0", "9".repeat(1_000));
        for (value, divisor) in [
            ("0.1", "0.01"),
            ("0", "0.3"),
            ("1", "1e-320"),
            ("1e300", "1e-320"),
            ("18446744073709551616", "2"),
            ("36893488147419103234", "18446744073709551617"),
            ("36893488147419103234e5", "18446744073709551617"),
            (&long, "90"),
        ] {
            assert!(decimal(value).is_multiple_of(&decimal(divisor)), "{value} {divisor}");
        }
        for (value, divisor) in [
            ("0.015", "0.01"),
            ("1e-7", "1e-6"),
            ("18446744073709551617", "2"),
            ("18446744073709551617", "18446744073709551616"),
            ("1e999999999", "3"),
            ("1", "0"),
            (&long, "7e3"),
        ] {
            assert!(!decimal(value).is_multiple_of(&decimal(divisor)), "{value} {divisor}");
        }
    }

    #[test]
    fn a_decimal_knows_the_integers_beside_it() {
        for (text, floor, ceiling) in [
            ("1.5", 1, 2),
            ("-1.5", -2, -1),
            ("0.001", 0, 1),
            ("-0.001", -1, 0),
            ("1e2", 100, 100),
            ("-12.0", -12, -12),
        ] {
            assert_eq!((decimal(text).floor(), decimal(text).ceiling()), (Some(floor), Some(ceiling)), "{text}");
        }
        assert_eq!(decimal("1e40").floor(), None);
        assert_eq!(decimal("18446744073709551617").to_i128(), Some((1 << 64) + 1));
        assert_eq!(decimal("0.5").to_i128(), None);
    }

    #[test]
    fn what_is_no_number_is_no_decimal() {
        for text in ["", "-", "a", "1.e", "1e", ".5", "1e+", "0x1", "\"1\"", "{}"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
