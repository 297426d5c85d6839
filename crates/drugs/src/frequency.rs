//! How often a dose is taken, as people write it: `twice daily`, `BID`, `every 6 hours`, `q4-6h PRN`.

/// How often a dose is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frequency {
    /// How often at most, within the period.
    times: f64,
    /// The shortest period, in days.
    days: f64,
    /// Whether only as needed.
    pub is_as_needed: bool,
    /// Whether it is taken once and not again.
    pub is_once: bool,
}

impl Frequency {
    /// So often in so many days.
    pub fn new(times: f64, days: f64) -> Option<Self> {
        let is_sound = times.is_finite() && days.is_finite() && times > 0.0 && days > 0.0;
        is_sound.then_some(Self { times, days, is_as_needed: false, is_once: false })
    }

    /// Reads how often; `None` where it is written in another way, of which nothing is concluded.
    pub fn parse(text: &str) -> Option<Self> {
        let folded =
            text.to_lowercase().replace(['.', ','], "").replace(['-', '–', '_'], " ").replace('/', " / ");
        let mut words: Vec<&str> = folded.split_whitespace().collect();
        let is_as_needed =
            words.contains(&"prn") || folded.contains("as needed") || folded.contains("as required");
        if let Some(end) = words.iter().position(|word| matches!(*word, "prn" | "as" | "for" | "with" | "if"))
        {
            words.truncate(end);
        }
        let (times, days) = rate(&words)?;
        let is_once = words.first().is_some_and(|word| matches!(*word, "stat")) || words == ["once"];
        Some(Self { times, days, is_as_needed, is_once })
    }

    /// How often at most in a day; `None` where it is taken once.
    pub fn per_day_max(&self) -> Option<f64> {
        Some(if self.is_once { 1.0 } else { (self.times / self.days).max(1.0_f64.min(self.times)) })
            .filter(|times| times.is_finite())
    }

    /// The days from one dose to the next, fewer than one where it is taken several times a day; `None` where
    /// it is taken once.
    pub fn days_between(&self) -> Option<f64> {
        (!self.is_once).then(|| self.days / self.times)
    }

    /// Whether it is the same rhythm, however it is written: every 12 hours is twice a day.
    pub fn is_as_often_as(&self, other: &Self) -> bool {
        let is_same = match (self.days_between(), other.days_between()) {
            (Some(one), Some(other)) => (one - other).abs() <= other * 1e-6,
            (one, other) => one == other,
        };
        is_same && self.is_as_needed == other.is_as_needed
    }
}

/// How often, and in how many days.
fn rate(words: &[&str]) -> Option<(f64, f64)> {
    let first = *words.first()?;
    if let Some(rate) = abbreviation(first) {
        return Some(rate);
    }
    if let Some(hours) = first.strip_prefix('q').and_then(|rest| rest.strip_suffix('h')) {
        return Some((1.0, f64::from(hours.parse::<u16>().ok().filter(|hours| *hours > 0)?) / 24.0));
    }
    // "q4" of "q4-6h", "q" of "q 6 h".
    let every = first == "every" || first == "each" || first == "q";
    if every {
        return interval(words.get(1..)?);
    }
    if let Some((number, "")) = first.strip_prefix('q').and_then(leading_number) {
        let is_hours =
            words.iter().any(|word| word.ends_with('h') || word.starts_with("hour") || *word == "hr");
        return is_hours.then_some((1.0, number / 24.0));
    }
    let (times, rest) = count(words)?;
    match rest {
        [] if times < 1.5 => Some((1.0, 1.0)),
        ["stat"] => Some((1.0, 1.0)),
        _ => Some((times, period(rest)?)),
    }
}

fn abbreviation(word: &str) -> Option<(f64, f64)> {
    Some(match word {
        "daily" | "qd" | "od" | "nightly" | "qhs" | "hs" | "qam" | "qpm" | "stat" | "mane" | "nocte"
        | "at" | "in" => (1.0, 1.0),
        "bid" | "bd" => (2.0, 1.0),
        "tid" | "tds" => (3.0, 1.0),
        "qid" | "qds" => (4.0, 1.0),
        "qod" => (1.0, 2.0),
        "weekly" | "qwk" | "qw" => (1.0, 7.0),
        "biweekly" | "fortnightly" => (1.0, 14.0),
        "monthly" => (1.0, 28.0),
        _ => return None,
    })
}

/// After `every`: `6 hours`, `4 6 h`, `day`, `other day`, `12hrs`, `morning`.
fn interval(words: &[&str]) -> Option<(f64, f64)> {
    let (number, rest) = match words.first()? {
        &"other" => (2.0, words.get(1..)?),
        word => match leading_number(word) {
            Some((number, "")) => (number, words.get(1..)?),
            Some((number, unit)) => return Some((1.0, number * unit_days(unit)?)),
            None => (1.0, words),
        },
    };
    // The second number of a range: the shorter interval counts.
    let rest = match rest {
        ["to", _, rest @ ..] => rest,
        [second, rest @ ..] if leading_number(second).is_some_and(|(_, unit)| unit.is_empty()) => rest,
        [second, ..] if let Some((_, unit)) = leading_number(second) => {
            return Some((1.0, number * unit_days(unit)?));
        }
        rest => rest,
    };
    Some((1.0, number * unit_days(rest.first()?)?))
}

/// The number of times at the beginning: `twice`, `3 times`, `3x`, `one to two times`.
fn count<'w>(words: &'w [&'w str]) -> Option<(f64, &'w [&'w str])> {
    let number = |word: &str| {
        Some(match word {
            "once" | "one" => 1.0,
            "twice" | "two" => 2.0,
            "thrice" | "three" => 3.0,
            "four" => 4.0,
            "five" => 5.0,
            "six" => 6.0,
            _ => match leading_number(word)? {
                (times, "" | "x") => times,
                _ => return None,
            },
        })
    };
    let mut times = number(words.first()?)?;
    let mut rest = words.get(1..)?;
    loop {
        rest = match rest {
            ["to" | "or" | "times" | "time" | "x", rest @ ..] => rest,
            [word, rest @ ..] if let Some(more) = number(word) => {
                times = times.max(more);
                rest
            }
            rest => return Some((times, rest)),
        };
    }
}

/// The days of `daily`, `a day`, `per week`, `weekly`.
fn period(words: &[&str]) -> Option<f64> {
    match words {
        ["a" | "per" | "each" | "every" | "/", unit, ..] => unit_days(unit),
        [word, ..] => match *word {
            "daily" | "at" | "in" | "nightly" => Some(1.0),
            "weekly" => Some(7.0),
            "monthly" => Some(28.0),
            _ => None,
        },
        [] => None,
    }
}

fn unit_days(unit: &str) -> Option<f64> {
    Some(match unit {
        "h" | "hr" | "hrs" | "hour" | "hours" | "hourly" => 1.0 / 24.0,
        "day" | "days" | "d" | "morning" | "evening" | "night" | "bedtime" | "noon" | "afternoon" => 1.0,
        "week" | "weeks" | "wk" | "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday"
        | "sunday" => 7.0,
        "month" | "months" => 28.0,
        _ => return None,
    })
}

/// A number and what is written together with it.
fn leading_number(word: &str) -> Option<(f64, &str)> {
    let end = word.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(word.len());
    let (digits, rest) = word.split_at(end);
    let number = digits.parse::<u16>().ok().filter(|number| *number > 0)?;
    Some((f64::from(number), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn per_day(text: &str) -> f64 {
        let frequency = Frequency::parse(text).unwrap_or_else(|| panic!("{text} is read"));
        (frequency.times / frequency.days * 100.0).round() / 100.0
    }

    #[test]
    fn what_people_write_is_read() {
        for (text, times) in [
            ("once daily", 1.0),
            ("daily", 1.0),
            ("Once a day", 1.0),
            ("twice daily", 2.0),
            ("BID", 2.0),
            ("b.i.d.", 2.0),
            ("TID", 3.0),
            ("three times daily", 3.0),
            ("3 times a day", 3.0),
            ("3x/day", 3.0),
            ("every 6 hours", 4.0),
            ("q6h", 4.0),
            ("q4-6h PRN", 6.0),
            ("every 4 to 6 hours as needed", 6.0),
            ("every 4-6 hours", 6.0),
            ("every 12hrs", 2.0),
            ("every morning", 1.0),
            ("at bedtime", 1.0),
            ("every other day", 0.5),
            ("weekly", 0.14),
            ("once weekly", 0.14),
            ("twice weekly", 0.29),
            ("once a week", 0.14),
            ("every 8 hours", 3.0),
            ("four times daily", 4.0),
            ("nightly", 1.0),
            ("1-2 times a day", 2.0),
            ("once", 1.0),
            ("once daily in the morning", 1.0),
            ("every 2 weeks", 0.07),
        ] {
            assert!((per_day(text) - times).abs() < 0.006, "{text}: {}", per_day(text));
        }
        assert!(Frequency::parse("q4-6h PRN").unwrap().is_as_needed);
    }

    #[test]
    fn of_what_is_not_understood_nothing_is_concluded() {
        for text in
            ["", "as directed", "with food", "see instructions", "banana", "q", "every", "0 times a day"]
        {
            assert_eq!(Frequency::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_weekly_dose_counts_once_on_its_day() {
        assert_eq!(Frequency::parse("weekly").unwrap().per_day_max(), Some(1.0));
        assert_eq!(Frequency::parse("twice weekly").unwrap().per_day_max(), Some(1.0));
        assert_eq!(Frequency::parse("q6h").unwrap().per_day_max(), Some(4.0));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
            if let Some(frequency) = Frequency::parse(&text) {
                prop_assert!(frequency.per_day_max().is_some_and(f64::is_finite));
            }
        }
    }

    #[test]
    fn the_same_rhythm_is_the_same_however_it_is_written() {
        let is_same = |one: &str, other: &str| {
            Frequency::parse(one).unwrap().is_as_often_as(&Frequency::parse(other).unwrap())
        };
        assert!(is_same("every 12 hours", "twice daily") && is_same("BID", "2 times daily"));
        assert!(!is_same("twice daily", "twice daily as needed"));
        assert!(!is_same("once", "once daily") && !is_same("weekly", "daily"));
    }
}
