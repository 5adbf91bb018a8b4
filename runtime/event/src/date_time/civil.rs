//! Days of the Gregorian calendar, numbered.

/// The first second of the year 0, counted from 1970.
pub(super) const YEAR_0: i64 = -719_528 * SECONDS_PER_DAY;

pub(super) const SECONDS_PER_DAY: i64 = 86_400;

/// The days from 1 March of the year 0 to 1 January 1970.
const FROM_MARCH_0: i64 = 719_468;

/// Days in 400 years, in most centuries, and in most spans of four years.
const DAYS_PER_400_YEARS: i64 = 146_097;
const DAYS_PER_CENTURY: i64 = 36_524;
const DAYS_PER_4_YEARS: i64 = 1_461;

/// The day of a date, counted from 1 January 1970; `None` when there is no such date.
pub(super) fn day_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap_year),
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // Years that begin in March have their leap day at the end, so that the months before it always lie alike.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + days_before(month) + day - 1 - FROM_MARCH_0)
}

/// Year, month and day of a day counted from 1 January 1970.
pub(super) fn date_of(day: i64) -> (i64, i64, i64) {
    let day = day + FROM_MARCH_0;
    let (eras, day) = (day.div_euclid(DAYS_PER_400_YEARS), day.rem_euclid(DAYS_PER_400_YEARS));
    // The last century of an era is a day longer than the others, and so is every fourth year, but the last of a century.
    let centuries = (day / DAYS_PER_CENTURY).min(3);
    let day = day - centuries * DAYS_PER_CENTURY;
    let (fours, day) = (day / DAYS_PER_4_YEARS, day % DAYS_PER_4_YEARS);
    let years = (day / 365).min(3);
    let day = day - years * 365;
    let month = (day * 5 + 2) / 153;
    let year = eras * 400 + centuries * 100 + fours * 4 + years;
    let (year, calendar_month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (year, calendar_month, day - days_before(month) + 1)
}

/// The days from 1 March to the first of a month, March being 0: five months have 153 days, whichever they are.
fn days_before(month: i64) -> i64 {
    (month * 153 + 2) / 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_ten_thousand_years_follows_the_one_before() {
        let (mut date, start) = ((0, 1, 1), YEAR_0 / SECONDS_PER_DAY);
        for day in start..=2_932_896 {
            assert_eq!(date_of(day), date);
            assert_eq!(day_of(date.0, date.1, date.2), Some(day));
            let (year, month, next) = (date.0, date.1, date.2 + 1);
            let candidates = [(year, month, next), (year, month + 1, 1), (year + 1, 1, 1)];
            date = *candidates.iter().find(|(year, month, day)| day_of(*year, *month, *day).is_some()).unwrap_or(&date);
        }
        assert_eq!(date, (10_000, 1, 1));
        assert_eq!(date_of(0), (1970, 1, 1));
    }
}
