//! Writing date-times.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{DateTime, Zone, civil};

/// The bytes of `YYYY-MM-DDThh:mm:ss.fffffffff±hh:mm`.
const LONGEST: usize = 35;

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_writable() { f.write_str(self.write(&mut [0; LONGEST])) } else { self.timestamp().fmt(f) }
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_writable() {
            serializer.serialize_str(self.write(&mut [0; LONGEST]))
        } else {
            serializer.collect_str(self)
        }
    }
}

impl DateTime {
    /// The text of a date-time that is writable, in a buffer unless it is kept.
    fn write<'a>(&'a self, buffer: &'a mut [u8; LONGEST]) -> &'a str {
        if let Some(text) = &self.text {
            return text;
        }
        let local = self.local_seconds();
        let of_day = local.rem_euclid(civil::SECONDS_PER_DAY);
        let (year, month, day) = civil::date_of(local.div_euclid(civil::SECONDS_PER_DAY));
        let mut text = Text { buffer, length: 0 };
        text.number(year, 4);
        text.byte(b'-');
        text.number(month, 2);
        text.byte(b'-');
        text.number(day, 2);
        text.byte(if self.spelling.has_small_t { b't' } else { b'T' });
        text.number(of_day / 3600, 2);
        text.byte(b':');
        text.number(of_day / 60 % 60, 2);
        text.byte(b':');
        text.number(of_day % 60 + i64::from(self.spelling.is_leap_second), 2);
        if self.spelling.fraction_digits > 0 {
            text.byte(b'.');
            text.number(i64::from(self.nanoseconds), 9);
            text.length -= 9 - usize::from(self.spelling.fraction_digits);
        }
        let east = i64::from(self.offset_minutes).abs();
        let sign = match self.spelling.zone {
            Zone::Z => b'Z',
            Zone::SmallZ => b'z',
            Zone::Plus => b'+',
            Zone::Minus => b'-',
        };
        text.byte(sign);
        if matches!(sign, b'+' | b'-') {
            text.number(east / 60, 2);
            text.byte(b':');
            text.number(east % 60, 2);
        }
        let Text { buffer, length } = text;
        str::from_utf8(&buffer[..length]).unwrap_or_default()
    }
}

struct Text<'a> {
    buffer: &'a mut [u8; LONGEST],
    length: usize,
}

impl Text<'_> {
    fn byte(&mut self, byte: u8) {
        self.buffer[self.length] = byte;
        self.length += 1;
    }

    /// Writes the last digits of a number that is not negative.
    fn number(&mut self, mut value: i64, digits: usize) {
        for place in self.buffer[self.length..][..digits].iter_mut().rev() {
            // A digit fits.
            *place = b'0' + u8::try_from(value % 10).unwrap_or_default();
            value /= 10;
        }
        self.length += digits;
    }
}
