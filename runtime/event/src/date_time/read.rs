//! Reading date-times.

use super::{DateTime, Spelling, Zone, civil};

impl DateTime {
    /// Reads `YYYY-MM-DDThh:mm:ss[.f+](Z|±hh:mm)` as the format `date-time` does.
    #[inline]
    pub(super) fn read(text: &str) -> Option<Self> {
        let (head, rest) = text.as_bytes().split_first_chunk::<19>()?;
        let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, separator, h0, h1, b':', n0, n1, b':', s0, s1] = *head else {
            return None;
        };
        let (year, month, day) = (number([y0, y1, y2, y3])?, number([m0, m1])?, number([d0, d1])?);
        let (hour, minute, second) = (number([h0, h1])?, number([n0, n1])?, number([s0, s1])?);
        if hour > 23 || minute > 59 || second > 60 || !matches!(separator, b'T' | b't') {
            return None;
        }
        let (nanoseconds, digits, rest) = fraction(rest)?;
        let (zone, offset_minutes) = zone(rest)?;
        let is_leap_second = second == 60;
        let of_day = hour * 3600 + minute * 60 + second - i64::from(is_leap_second);
        let local = civil::day_of(year, month, day)? * civil::SECONDS_PER_DAY + of_day;
        let seconds = local - i64::from(offset_minutes) * 60;
        // A leap second is the last second of a day in UTC.
        if is_leap_second && seconds.rem_euclid(civil::SECONDS_PER_DAY) != civil::SECONDS_PER_DAY - 1 {
            return None;
        }
        let fraction_digits = u8::try_from(digits.min(PLACES)).ok()?;
        let spelling = Spelling { fraction_digits, is_leap_second, has_small_t: separator == b't', zone };
        let text = (digits > PLACES).then(|| text.into());
        Some(Self { seconds, nanoseconds, offset_minutes, spelling, text })
    }
}

/// The decimal places of nanoseconds.
const PLACES: usize = 9;

/// Reads digits.
#[inline]
fn number<const N: usize>(digits: [u8; N]) -> Option<i64> {
    let mut value = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(value)
}

/// Reads `[.f+]`: the nanoseconds, how many digits there are, and what comes next.
#[inline]
fn fraction(bytes: &[u8]) -> Option<(u32, usize, &[u8])> {
    let [b'.', bytes @ ..] = bytes else { return Some((0, 0, bytes)) };
    let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at(count);
    let mut nanoseconds = 0;
    for place in 0..PLACES {
        nanoseconds = nanoseconds * 10 + digits.get(place).map_or(0, |digit| u32::from(digit - b'0'));
    }
    (count > 0).then_some((nanoseconds, count, rest))
}

/// Reads `Z` or `±hh:mm`, up to the end: the minutes east of UTC.
#[inline]
fn zone(bytes: &[u8]) -> Option<(Zone, i16)> {
    let (zone, hours, minutes) = match *bytes {
        [b'Z'] => return Some((Zone::Z, 0)),
        [b'z'] => return Some((Zone::SmallZ, 0)),
        [b'+', h0, h1, b':', m0, m1] => (Zone::Plus, number([h0, h1])?, number([m0, m1])?),
        [b'-', h0, h1, b':', m0, m1] => (Zone::Minus, number([h0, h1])?, number([m0, m1])?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let east = i16::try_from(hours * 60 + minutes).ok()?;
    Some((zone, if zone == Zone::Minus { -east } else { east }))
}
