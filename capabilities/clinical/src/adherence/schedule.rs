//! When doses are due: days and times of a day in the organisation's time zone, between two dates.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time},
    tz::TimeZone,
};
use medcor_fhir::{
    primitive::TimeSpan,
    view::{Text, TimingRepeat},
};
use medcor_tools::ToolError;
use serde_json::{Value, json};

use crate::prescribing::frequency::Daily;

/// Most doses that one reading of a schedule makes: every hour of a year.
const DOSES_MAX: usize = 24 * 366;
const WEEKDAY_CODES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// When doses are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) start: Date,
    pub(super) end: Date,
    /// In their order.
    pub(super) times: Vec<Time>,
    pub(super) every_days: u32,
    /// Days of the week, 0 for Monday; every one where there are none.
    pub(super) days: Vec<usize>,
    /// Doses before this moment are not expected.
    pub(super) since: Timestamp,
    /// It was ended before its end.
    pub(super) until: Option<Timestamp>,
}

impl Schedule {
    pub(super) fn new((start, end): (Date, Date), times: Vec<Time>, daily: &Daily, since: Timestamp) -> Self {
        let Daily { every_days, days, .. } = daily.clone();
        Self { start, end, times, every_days, days, since, until: None }
    }

    /// The doses from this moment to before that one, in their order.
    pub(super) fn doses(&self, from: Timestamp, to: Timestamp, zone: &TimeZone) -> Vec<Timestamp> {
        let from = from.max(self.since);
        let to = self.until.map_or(to, |until| until.min(to));
        let mut doses = Vec::new();
        let mut day = self.first_day(from, zone);
        while day <= self.end && doses.len() < DOSES_MAX {
            if self.is_day(day) {
                let moments = self.times.iter().filter_map(|time| moment(day, *time, zone));
                doses.extend(moments.filter(|moment| *moment >= from && *moment < to));
            }
            let is_past = moment(day, Time::midnight(), zone).is_none_or(|midnight| midnight >= to);
            let Ok(next) = day.tomorrow() else { break };
            if is_past {
                break;
            }
            day = next;
        }
        doses
    }

    /// The first dose after this moment.
    pub(super) fn next_after(&self, moment: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let after = moment.checked_add(1.microsecond()).ok()?;
        // A schedule has a dose within its longest step, a year, or never again.
        self.doses(after, after.checked_add((24 * 367).hours()).ok()?, zone).into_iter().next()
    }

    /// A day is never looked at before the one of `from`: a schedule may be old.
    fn first_day(&self, from: Timestamp, zone: &TimeZone) -> Date {
        let day = from.to_zoned(zone.clone()).date();
        day.yesterday().unwrap_or(day).max(self.start)
    }

    fn is_day(&self, day: Date) -> bool {
        let is_in_step = self.start.until(day).is_ok_and(|span| {
            let every = i32::try_from(self.every_days.max(1)).unwrap_or(i32::MAX);
            span.get_days() % every == 0
        });
        let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or_default();
        is_in_step && (self.days.is_empty() || self.days.contains(&weekday))
    }

    /// FHIR R4 `Timing`.
    pub(super) fn timing(&self) -> Value {
        let times: Vec<String> =
            self.times.iter().map(|time| time.strftime("%H:%M:%S").to_string()).collect();
        let mut repeat = json!({
            "boundsPeriod": { "start": self.start.to_string(), "end": self.end.to_string() },
            "frequency": times.len(),
            "period": self.every_days,
            "periodUnit": "d",
            "timeOfDay": times,
        });
        if !self.days.is_empty() {
            let days: Vec<&str> =
                self.days.iter().filter_map(|day| WEEKDAY_CODES.get(*day)).copied().collect();
            repeat["dayOfWeek"] = json!(days);
        }
        json!({ "repeat": repeat })
    }

    /// Reads what [`Self::timing`] wrote; `None` for a timing without times of a day.
    pub(super) fn read(view: &TimingRepeat<'_>, since: Timestamp, zone: &TimeZone) -> Option<Self> {
        let bounds = view.bounds_period.as_ref()?;
        let start: Date = bounds.start.as_deref()?.parse().ok()?;
        let (end, until) = end_of(bounds.end.as_deref()?, zone)?;
        let times: Vec<Time> = view.time_of_day.iter().filter_map(|time| time.parse().ok()).collect();
        let is_whole = !times.is_empty() && times.len() == view.time_of_day.len();
        let is_in_days = view.period_unit.as_deref() == Some("d");
        let day = |code: &Text<'_>| WEEKDAY_CODES.iter().position(|known| *known == code.as_str());
        let days = view.day_of_week.iter().filter_map(day).collect();
        (is_whole && is_in_days).then_some(Self {
            start,
            end,
            times,
            every_days: view.period.as_ref().map_or(Some(1), |period| period.parse().ok())?,
            days,
            since,
            until,
        })
    }
}

/// The last day, and the moment where it was ended before.
fn end_of(text: &str, zone: &TimeZone) -> Option<(Date, Option<Timestamp>)> {
    if let Ok(day) = text.parse::<Date>()
        && !text.contains('T')
    {
        return Some((day, None));
    }
    let moment = Timestamp::from_microsecond(TimeSpan::parse(text)?.low).ok()?;
    Some((moment.to_zoned(zone.clone()).date(), Some(moment)))
}

/// The moment of a time on a day. Where clocks skip it, it is the moment as far behind the gap.
fn moment(day: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    day.to_datetime(time).to_zoned(zone.clone()).ok().map(|moment| moment.timestamp())
}

/// Times of a day as people write them, in their order: `08:00`, `8:30 PM`, `20:00:00`.
pub(super) fn times(given: &[String]) -> Result<Vec<Time>, ToolError> {
    let mut times = Vec::new();
    for (index, text) in given.iter().enumerate() {
        let Some(time) = time(text) else {
            return Err(ToolError::invalid(format!("/times/{index}"), "not a time such as 08:00 or 8:00 PM"));
        };
        if times.contains(&time) {
            return Err(ToolError::invalid(format!("/times/{index}"), "is the same time again"));
        }
        times.push(time);
    }
    times.sort_unstable();
    Ok(times)
}

fn time(text: &str) -> Option<Time> {
    let text = text.trim().to_ascii_lowercase();
    let (digits, half) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(digits), _) => (digits.trim(), Some(0)),
        (_, Some(digits)) => (digits.trim(), Some(12)),
        (None, None) => (text.as_str(), None),
    };
    let mut parts = digits.split(':').map(|part| {
        let is_number = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse::<i8>().ok()).flatten()
    });
    let hour = parts.next()??;
    let minute = match parts.next() {
        Some(minute) => minute?,
        None if half.is_some() => 0,
        None => return None,
    };
    let second = parts.next().map_or(Some(0), |second| second)?;
    if parts.next().is_some() {
        return None;
    }
    let hour = match half {
        None => hour,
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
    };
    Time::new(hour, minute, second, 0).ok()
}

/// The times of a day for so many doses, where the caller names none.
pub(super) fn usual_times(count: u32) -> Vec<Time> {
    let hours: Vec<i8> = match count {
        1 => vec![8],
        2 => vec![8, 20],
        3 => vec![8, 14, 20],
        4 => vec![8, 12, 16, 20],
        count => (0..count).filter_map(|dose| i8::try_from(dose * 24 / count).ok()).collect(),
    };
    hours.into_iter().filter_map(|hour| Time::new(hour, 0, 0, 0).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(every_days: u32, days: Vec<usize>) -> Schedule {
        let daily = Daily { times: 2, every_days, days };
        let dates = ("2026-11-02".parse().unwrap(), "2026-11-09".parse().unwrap());
        let times = times(&["20:00".to_owned(), "8 am".to_owned()]).unwrap();
        Schedule::new(dates, times, &daily, "2026-11-02T12:00:00Z".parse().unwrap())
    }

    fn doses(schedule: &Schedule) -> Vec<String> {
        let (from, to) = ("2026-11-01T00:00:00Z".parse().unwrap(), "2026-12-01T00:00:00Z".parse().unwrap());
        schedule.doses(from, to, &TimeZone::UTC).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn doses_begin_after_the_reminder_was_made_and_end_with_its_last_day() {
        let doses = doses(&schedule(1, vec![]));
        assert_eq!(doses.len(), 15);
        assert_eq!(doses.first().map(String::as_str), Some("2026-11-02T20:00:00Z"));
        assert_eq!(doses.last().map(String::as_str), Some("2026-11-09T20:00:00Z"));
    }

    #[test]
    fn days_between_and_days_of_the_week_are_left_out() {
        assert_eq!(doses(&schedule(3, vec![])).len(), 5, "the 2nd, the 5th and the 8th");
        assert_eq!(doses(&schedule(1, vec![0])).len(), 3, "two Mondays");
    }

    #[test]
    fn a_schedule_is_read_as_it_was_written() {
        let mut written = schedule(1, vec![0, 3]);
        let text = written.timing()["repeat"].to_string();
        let view: TimingRepeat<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(Schedule::read(&view, written.since, &TimeZone::UTC).as_ref(), Some(&written));
        let text = text.replace("\"2026-11-09\"", "\"2026-11-05T10:00:00.000Z\"");
        let view: TimingRepeat<'_> = serde_json::from_str(&text).unwrap();
        written.end = "2026-11-05".parse().unwrap();
        written.until = Some("2026-11-05T10:00:00Z".parse().unwrap());
        assert_eq!(Schedule::read(&view, written.since, &TimeZone::UTC), Some(written));
    }

    #[test]
    fn a_dose_stays_at_its_hour_when_clocks_change() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let mut schedule = schedule(1, vec![]);
        schedule.start = "2026-10-24".parse().unwrap();
        schedule.since = "2026-10-24T00:00:00Z".parse().unwrap();
        let doses = schedule.doses(schedule.since, "2026-10-26T23:00:00Z".parse().unwrap(), &zone);
        let doses: Vec<String> = doses.iter().map(ToString::to_string).collect();
        assert_eq!(doses[0], "2026-10-24T07:00:00Z");
        assert_eq!(doses[4], "2026-10-26T08:00:00Z");
        let next = schedule.next_after("2026-10-26T08:00:00Z".parse().unwrap(), &zone).unwrap();
        assert_eq!(next.to_string(), "2026-10-26T20:00:00Z");
        assert_eq!(schedule.next_after("2026-11-10T08:00:00Z".parse().unwrap(), &zone), None);
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, time_of_day) in [
            ("08:00", Some("08:00:00")),
            ("8:30 PM", Some("20:30:00")),
            ("12 am", Some("00:00:00")),
            ("12:15pm", Some("12:15:00")),
            ("20:00:00", Some("20:00:00")),
            ("24:00", None),
            ("13 pm", None),
            ("8", None),
            ("noon", None),
        ] {
            assert_eq!(time(text).map(|time| time.to_string()).as_deref(), time_of_day, "{text}");
        }
    }
}
