//! Dates of birth, which may be known to the month or the year only, and ages.

use jiff::civil::Date;

/// A FHIR `date` of birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BirthDate {
    earliest: Date,
    latest: Date,
}

/// An age in whole years, and in months for the very young.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    /// Whole years. Where only month or year of birth are known, the fewest that are possible.
    pub years: u16,
    /// Whole months.
    pub months: u16,
}

impl BirthDate {
    /// Reads `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; `None` where it is none of them or impossible.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let year = number(parts.next()?, 4)?;
        let month = parts.next().map(|part| number(part, 2)).map_or(Some(None), |month| month.map(Some))?;
        let day = parts.next().map(|part| number(part, 2)).map_or(Some(None), |day| day.map(Some))?;
        if parts.next().is_some() {
            return None;
        }
        let first_month = i8::try_from(month.unwrap_or(1)).ok()?;
        let last_month = i8::try_from(month.unwrap_or(12)).ok()?;
        let earliest = Date::new(year, first_month, i8::try_from(day.unwrap_or(1)).ok()?).ok()?;
        let latest = match day {
            Some(_) => earliest,
            None => Date::new(year, last_month, 1).ok()?.last_of_month(),
        };
        Some(Self { earliest, latest })
    }

    /// The day, where it is known.
    pub fn day(&self) -> Option<Date> {
        (self.earliest == self.latest).then_some(self.earliest)
    }

    /// The earliest day that it can mean.
    pub fn earliest(&self) -> Date {
        self.earliest
    }

    /// The age on this day; `None` before the birth.
    pub fn age_on(&self, day: Date) -> Option<Age> {
        if self.earliest > day {
            return None;
        }
        // Born in the year of `day` with an unknown month: the age is nought, not negative.
        let from = self.latest.min(day);
        let mut months = (i32::from(day.year()) - i32::from(from.year())) * 12 + i32::from(day.month())
            - i32::from(from.month());
        // Somebody born on the 29th of February comes of age on the 1st of March.
        if day.day() < from.day() {
            months -= 1;
        }
        let months = u16::try_from(months).ok()?;
        Some(Age { years: months / 12, months })
    }
}

fn number(text: &str, digits: usize) -> Option<i16> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn years(birth: &str, day: &str) -> Option<u16> {
        BirthDate::parse(birth).unwrap().age_on(day.parse().unwrap()).map(|age| age.years)
    }

    #[test]
    fn a_year_is_complete_on_the_birthday_and_not_the_day_before() {
        assert_eq!(years("1985-03-15", "2026-03-14"), Some(40));
        assert_eq!(years("1985-03-15", "2026-03-15"), Some(41));
        assert_eq!(years("2000-02-29", "2026-02-28"), Some(25));
        assert_eq!(years("2000-02-29", "2026-03-01"), Some(26));
        assert_eq!(years("2026-03-15", "2026-03-14"), None);
    }

    #[test]
    fn a_partial_date_gives_the_fewest_years_that_are_possible() {
        assert_eq!(years("1985", "2026-03-14"), Some(40));
        assert_eq!(years("1985-03", "2026-03-30"), Some(40));
        assert_eq!(years("1985-03", "2026-03-31"), Some(41));
        assert_eq!(years("2026", "2026-03-31"), Some(0));
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in ["1985-02-30", "1985-13", "85-01-01", "1985-1-1", "1985-01-01-01", "", "abcd"] {
            assert_eq!(BirthDate::parse(text), None, "{text}");
        }
    }
}
