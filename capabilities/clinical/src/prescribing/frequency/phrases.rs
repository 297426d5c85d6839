//! Words for days of the week and moments of a day.

/// A day of the week.
pub(super) struct Weekday {
    /// In English.
    pub(super) name: &'static str,
    /// Of FHIR's `days-of-week`.
    pub(super) code: &'static str,
}

pub(super) const WEEKDAYS: [Weekday; 7] = [
    Weekday { name: "Monday", code: "mon" },
    Weekday { name: "Tuesday", code: "tue" },
    Weekday { name: "Wednesday", code: "wed" },
    Weekday { name: "Thursday", code: "thu" },
    Weekday { name: "Friday", code: "fri" },
    Weekday { name: "Saturday", code: "sat" },
    Weekday { name: "Sunday", code: "sun" },
];

/// A moment of a day.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Of FHIR's `event-timing` or HL7's `v3-TimingEvent`.
    pub(super) code: &'static str,
    pub(super) words: &'static str,
    /// How often a day has it.
    pub(super) times: u32,
    /// What people write, in lower case.
    phrases: &'static [&'static str],
}

const fn moment(
    code: &'static str,
    words: &'static str,
    times: u32,
    phrases: &'static [&'static str],
) -> Moment {
    Moment { code, words, times, phrases }
}

/// Longer phrases stand before those that they begin with.
static MOMENTS: [Moment; 17] = [
    moment("ACM", "before breakfast", 1, &["before breakfast"]),
    moment("ACD", "before lunch", 1, &["before lunch"]),
    moment("ACV", "before dinner", 1, &["before dinner", "before supper"]),
    moment("PCM", "after breakfast", 1, &["after breakfast"]),
    moment("PCD", "after lunch", 1, &["after lunch"]),
    moment("PCV", "after dinner", 1, &["after dinner", "after supper"]),
    moment("CM", "with breakfast", 1, &["with breakfast"]),
    moment("CD", "with lunch", 1, &["with lunch"]),
    moment("CV", "with dinner", 1, &["with dinner", "with supper"]),
    moment("AC", "before meals", 3, &["before each meal", "before every meal", "before meals", "ac"]),
    moment("PC", "after meals", 3, &["after each meal", "after every meal", "after meals", "pc"]),
    moment("C", "with meals", 3, &["with each meal", "with every meal", "with meals", "with food"]),
    moment(
        "HS",
        "at bedtime",
        1,
        &[
            "before bedtime",
            "before bed",
            "at bedtime",
            "every night",
            "each night",
            "at night",
            "nightly",
            "bedtime",
            "qhs",
            "hs",
        ],
    ),
    moment(
        "MORN",
        "in the morning",
        1,
        &["every morning", "each morning", "in the morning", "mornings", "morning", "qam", "am"],
    ),
    moment("NOON", "at noon", 1, &["at midday", "at noon", "noon"]),
    moment("AFT", "in the afternoon", 1, &["every afternoon", "in the afternoon", "afternoon"]),
    moment(
        "EVE",
        "in the evening",
        1,
        &["every evening", "each evening", "in the evening", "evenings", "evening", "qpm", "pm"],
    ),
];

/// The text without moments, and the moments.
pub(super) fn moments(text: &str) -> (String, Vec<&'static Moment>) {
    let mut rest = format!(" {text} ");
    let mut found = Vec::new();
    for moment in &MOMENTS {
        for phrase in moment.phrases {
            if !rest.contains(phrase) {
                continue;
            }
            let phrase = format!(" {phrase} ");
            if rest.contains(&phrase) {
                rest = rest.replace(&phrase, " ");
                if !found.contains(&moment) {
                    found.push(moment);
                }
            }
        }
    }
    (rest.trim().to_owned(), found)
}

/// The text without days of the week and the words that tie them, and the days in their order, 0 for Monday.
pub(super) fn weekdays(text: &str) -> (String, Vec<usize>) {
    let mut days: Vec<usize> = text.split(' ').filter_map(weekday).collect();
    if days.is_empty() {
        return (text.to_owned(), days);
    }
    days.sort_unstable();
    days.dedup();
    let is_rest = |word: &&str| {
        weekday(word).is_none() && !matches!(*word, "on" | "/" | "and" | "&" | "every" | "each")
    };
    (text.split(' ').filter(is_rest).collect::<Vec<_>>().join(" "), days)
}

fn weekday(word: &str) -> Option<usize> {
    let word = word.trim_end_matches('s');
    WEEKDAYS.iter().position(|day| {
        let name = day.name.to_ascii_lowercase();
        word == name || word == day.code || (day.code == "thu" && word == "thur")
    })
}
