//! FHIR primitives that keep what came: partial dates, time zones, decimal precision.

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
const MICROS_PER_DAY: i64 = 24 * 60 * MICROS_PER_MINUTE;
/// The widest offset from UTC (FHIR R4 §2.24.0.1, `dateTime`).
const OFFSET_MINUTES_MAX: i64 = 14 * 60;

/// The span of time that a FHIR `date`, `dateTime` or `instant` stands for.
///
/// Microseconds since 1970-01-01T00:00:00Z, `low` inside, `high` outside. `2012-05` is all of May 2012.
/// A text without a time zone is read as UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeSpan {
    /// First microsecond inside.
    pub low: i64,
    /// First microsecond after.
    pub high: i64,
}

impl TimeSpan {
    /// Reads a FHIR `date`, `dateTime` or `instant`; `None` if it is none of them (impossible dates too).
    ///
    /// As in searches (FHIR R4 §3.1.1.5.7), seconds and the time zone may be absent after a time of day;
    /// digits of a second beyond microseconds are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let mut cursor = Cursor { rest: text.as_bytes() };
        let year = cursor.digits(4).filter(|&year| year > 0)?;
        if cursor.is_done() {
            return Some(Self::days(day_number(year, 1, 1), day_number(year + 1, 1, 1)));
        }
        cursor.skip(b'-')?;
        let month = cursor.digits(2).filter(|month| (1..=12).contains(month))?;
        if cursor.is_done() {
            let first = day_number(year, month, 1);
            return Some(Self::days(first, first + days_in_month(year, month)));
        }
        cursor.skip(b'-')?;
        let day = cursor.digits(2).filter(|day| (1..=days_in_month(year, month)).contains(day))?;
        let date = day_number(year, month, day);
        if cursor.is_done() {
            return Some(Self::days(date, date + 1));
        }
        cursor.skip(b'T')?;
        let (time, width) = cursor.time_of_day()?;
        let offset = cursor.offset()?;
        let low = date * MICROS_PER_DAY + time - offset;
        cursor.is_done().then_some(Self { low, high: low + width })
    }

    const fn days(first: i64, end: i64) -> Self {
        Self { low: first * MICROS_PER_DAY, high: end * MICROS_PER_DAY }
    }
}

/// A FHIR `instant` in UTC with milliseconds, such as `2026-11-21T08:00:00.000Z`, from microseconds since
/// 1970-01-01T00:00:00Z. Microseconds within the millisecond are dropped.
pub fn format_instant(micros: i64) -> String {
    let (year, month, day) = civil_date(micros.div_euclid(MICROS_PER_DAY));
    let millis = micros.rem_euclid(MICROS_PER_DAY) / 1000;
    let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
    let (second, milli) = (millis / 1000 % 60, millis % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        let mut number = 0;
        for byte in digits {
            number = number * 10 + i64::from(digit(*byte)?);
        }
        self.rest = rest;
        Some(number)
    }

    /// Microseconds since midnight, and how many the text stands for.
    fn time_of_day(&mut self) -> Option<(i64, i64)> {
        // 24:00 is refused by FHIR R4 §2.24.0.1: the next day's 00:00 says it.
        let hour = self.digits(2).filter(|&hour| hour < 24)?;
        self.skip(b':')?;
        let minute = self.digits(2).filter(|&minute| minute < 60)?;
        let minutes = (hour * 60 + minute) * MICROS_PER_MINUTE;
        if self.skip(b':').is_none() {
            return Some((minutes, MICROS_PER_MINUTE));
        }
        // 60 is a leap second.
        let second = self.digits(2).filter(|&second| second <= 60)?;
        let seconds = minutes + second * MICROS_PER_SECOND;
        if self.skip(b'.').is_none() {
            return Some((seconds, MICROS_PER_SECOND));
        }
        let (fraction, width) = self.fraction()?;
        Some((seconds + fraction, width))
    }

    fn fraction(&mut self) -> Option<(i64, i64)> {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(length).filter(|_| length > 0)?;
        let (mut fraction, mut width) = (0, MICROS_PER_SECOND);
        for byte in digits.iter().take(6) {
            width /= 10;
            fraction += i64::from(digit(*byte)?) * width;
        }
        self.rest = rest;
        Some((fraction, width))
    }

    /// Microseconds east of UTC.
    fn offset(&mut self) -> Option<i64> {
        if self.is_done() || self.skip(b'Z').is_some() {
            return Some(0);
        }
        let sign = if self.skip(b'+').is_some() { 1 } else { self.skip(b'-').map(|()| -1)? };
        let hour = self.digits(2)?;
        self.skip(b':')?;
        let minute = self.digits(2).filter(|&minute| minute < 60)?;
        let minutes = hour * 60 + minute;
        (minutes <= OFFSET_MINUTES_MAX).then_some(sign * minutes * MICROS_PER_MINUTE)
    }
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

const fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// Both conversions count from 1 March of year 0, so that the leap day is the last of its year: eras of
// 400 years have 146,097 days, and five months from March on have 153.

/// Days since 1970-01-01 of a day of the Gregorian calendar.
const fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of the days since 1970-01-01.
const fn civil_date(day_number: i64) -> (i64, i64, i64) {
    let days = day_number + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era;
    if month < 10 { (year, month + 3, day_of_month) } else { (year + 1, month - 9, day_of_month) }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::{TimeSpan, format_instant};

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a timestamp").as_microsecond()
    }

    fn assert_span(text: &str, low: &str, high: &str) {
        let expected = TimeSpan { low: micros(low), high: micros(high) };
        assert_eq!(TimeSpan::parse(text), Some(expected), "{text}");
    }

    #[test]
    fn a_partial_date_stands_for_all_of_its_time() {
        assert_span("2012", "2012-01-01T00:00:00Z", "2013-01-01T00:00:00Z");
        assert_span("2012-05", "2012-05-01T00:00:00Z", "2012-06-01T00:00:00Z");
        assert_span("2012-12", "2012-12-01T00:00:00Z", "2013-01-01T00:00:00Z");
        assert_span("2012-02-29", "2012-02-29T00:00:00Z", "2012-03-01T00:00:00Z");
        assert_span("1066-10-14", "1066-10-14T00:00:00Z", "1066-10-15T00:00:00Z");
        assert_span("2013-01-14T10:00", "2013-01-14T10:00:00Z", "2013-01-14T10:01:00Z");
        assert_span("2013-01-14T10:00:07Z", "2013-01-14T10:00:07Z", "2013-01-14T10:00:08Z");
    }

    #[test]
    fn fractions_and_offsets_are_kept() {
        assert_span("2015-02-07T13:28:17.239+02:00", "2015-02-07T11:28:17.239Z", "2015-02-07T11:28:17.240Z");
        assert_span("2015-02-07T13:28:17-05:00", "2015-02-07T18:28:17Z", "2015-02-07T18:28:18Z");
        assert_span("2015-02-07T13:28:17.5", "2015-02-07T13:28:17.5Z", "2015-02-07T13:28:17.6Z");
        assert_span(
            "2015-02-07T13:28:17.1234567Z",
            "2015-02-07T13:28:17.123456Z",
            "2015-02-07T13:28:17.123457Z",
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "12",
            "0000",
            "2012-13",
            "2012-00",
            "2012-5",
            "2011-02-29",
            "1900-02-29",
            "2012-04-31",
            "2012-01-00",
            "2012-01-01T",
            "2012-01-01T10",
            "2012-01-01T24:00:00Z",
            "2012-01-01T10:60:00Z",
            "2012-01-01T10:00:61Z",
            "2012-01-01T10:00:00.Z",
            "2012-01-01T10:00:00z",
            "2012-01-01T10:00:00+14:01",
            "2012-01-01T10:00:00+0200",
            "2012-01-01 10:00:00Z",
            "2012-01-01Z",
            "２０１２",
        ] {
            assert_eq!(TimeSpan::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds() {
        assert_eq!(format_instant(micros("2026-11-21T08:00:00Z")), "2026-11-21T08:00:00.000Z");
        assert_eq!(format_instant(micros("1969-12-31T23:59:59.9999Z")), "1969-12-31T23:59:59.999Z");
        assert_eq!(format_instant(micros("2000-02-29T12:34:56.789Z")), "2000-02-29T12:34:56.789Z");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _span: Option<TimeSpan> = TimeSpan::parse(&text);
        }

        #[test]
        fn dates_agree_with_the_calendar(micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000) {
            let text = format_instant(micros);
            let millis = micros.div_euclid(1000);
            prop_assert_eq!(&text, &format!("{:.3}", Timestamp::from_millisecond(millis).unwrap()));
            let span = TimeSpan { low: millis * 1000, high: (millis + 1) * 1000 };
            prop_assert_eq!(TimeSpan::parse(&text), Some(span));
        }

        #[test]
        fn a_longer_text_is_inside_the_shorter_one(micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000) {
            let text = format_instant(micros);
            let spans: Vec<TimeSpan> = [4, 7, 10, 23]
                .iter()
                .map(|&length| TimeSpan::parse(text[..length].trim_end_matches('Z')).unwrap())
                .collect();
            for pair in spans.windows(2) {
                prop_assert!(pair[0].low <= pair[1].low && pair[1].high <= pair[0].high);
                prop_assert!(pair[1].low < pair[1].high);
            }
        }
    }
}
