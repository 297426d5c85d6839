//! Values of the same thing over time: the latest of each, and what a window of them amounts to.

use medcor_fhir::{primitive::TimeSpan, view::Decimal};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    flag::Flag,
    statistics::{Direction, Point, Statistics, Steady, rounded},
    vital::{Measured, Measurement, Unit},
};

/// Most kinds of value that one answer sums up.
const SERIES_MAX: usize = 40;
const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// One value of a record.
#[derive(Debug)]
pub(crate) struct Sample<'s> {
    /// What is measured, where it is a vital sign.
    pub(crate) vital: Option<(&'static Measurement, &'static Unit)>,
    pub(crate) code: &'s str,
    pub(crate) name: &'s str,
    pub(crate) unit: &'s str,
    /// As the record has it.
    pub(crate) date: &'s str,
    pub(crate) value: Decimal<'s>,
    pub(crate) flag: Option<Flag>,
}

/// Every series of a list of records.
#[derive(Debug, Default)]
pub(crate) struct SeriesSet {
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    vital: Option<&'static Measurement>,
    code: String,
    name: String,
    unit: String,
    /// How the unit of the latest value is made from the unit of the points.
    converted: Option<&'static Unit>,
    points: Vec<Point>,
    latest: Latest,
}

#[derive(Debug)]
struct Latest {
    at: i64,
    date: String,
    value: Box<RawValue>,
    flag: Option<Flag>,
}

impl SeriesSet {
    /// Adds a value. One without a number or without a date is in no series.
    pub(crate) fn add(&mut self, sample: &Sample<'_>) {
        let (Some(number), Some(span)) = (sample.value.number(), TimeSpan::parse(sample.date)) else {
            return;
        };
        let value = sample.vital.map_or(number, |(_, unit)| unit.to_first(number));
        let point = Point { at: span.low, value };
        let Some(series) = self.series.iter_mut().find(|series| series.is_of(sample)) else {
            if self.series.len() < SERIES_MAX {
                self.series.push(Series::begun(sample, point));
            }
            return;
        };
        series.points.push(point);
        if point.at > series.latest.at {
            series.latest = latest(sample, point.at);
            series.converted = sample.vital.map(|(_, unit)| unit);
        }
    }

    /// Whether there is a value of this.
    pub(crate) fn has(&self, measured: Measured) -> bool {
        self.series.iter().any(|series| series.measures(measured))
    }

    /// Takes over the other set's series of vital signs of which this one has none; whether there were any.
    pub(crate) fn adopt(&mut self, other: Self) -> bool {
        let count = self.series.len();
        for series in other.series {
            let is_new = series.vital.is_some_and(|vital| !self.has(vital.measured));
            if is_new && self.series.len() < SERIES_MAX {
                self.series.push(series);
            }
        }
        self.series.len() > count
    }

    /// Forgets the values but keeps the latest of each kind.
    pub(crate) fn clear_points(&mut self) {
        self.series.iter_mut().for_each(|series| series.points.clear());
    }

    /// What the values from `start` to before `end` amount to, in microseconds.
    pub(crate) fn summaries(self, start: i64, end: i64) -> Vec<SeriesSummary> {
        self.series.into_iter().map(|series| series.summary(start, end)).collect()
    }
}

fn latest(sample: &Sample<'_>, at: i64) -> Latest {
    Latest { at, date: sample.date.to_owned(), value: sample.value.to_raw(), flag: sample.flag }
}

impl Series {
    fn begun(sample: &Sample<'_>, point: Point) -> Self {
        Self {
            vital: sample.vital.map(|(measurement, _)| measurement),
            code: sample.code.to_owned(),
            name: sample.name.to_owned(),
            unit: sample.unit.to_owned(),
            converted: sample.vital.map(|(_, unit)| unit),
            points: vec![point],
            latest: latest(sample, point.at),
        }
    }

    fn measures(&self, measured: Measured) -> bool {
        self.vital.is_some_and(|vital| vital.measured == measured)
    }

    /// Vital signs are one series in whatever unit, for their units convert; other values only in one.
    fn is_of(&self, sample: &Sample<'_>) -> bool {
        match (self.vital, sample.vital) {
            (Some(own), Some((other, _))) => own.measured == other.measured,
            (None, None) => self.code == sample.code && self.unit == sample.unit,
            _ => false,
        }
    }

    fn summary(mut self, start: i64, end: i64) -> SeriesSummary {
        self.points.retain(|point| (start..end).contains(&point.at));
        let steady = self.vital.map_or(Steady::WithinPart(0.05), |vital| vital.steady);
        let statistics = Statistics::of(&self.points, steady);
        let shown = |value: f64| rounded(self.converted.map_or(value, |unit| unit.of_first(value)), 2);
        let trend = statistics.as_ref().and_then(|statistics| statistics.trend.as_ref()).map(|trend| {
            let (first, last) = (shown(trend.first.value), shown(trend.last.value));
            TrendView {
                direction: trend.direction,
                first,
                last,
                change: rounded(last - first, 2),
                days: rounded(days_between(trend.first, trend.last), 1),
            }
        });
        SeriesSummary {
            kind: self.vital.map(|vital| vital.measured),
            code: self.code,
            name: self.vital.map_or(self.name, |vital| vital.title.to_owned()),
            unit: self.converted.map_or(self.unit, |unit| unit.code.to_owned()),
            latest: LatestView {
                value: self.latest.value,
                recorded_date: self.latest.date,
                age_days: end.saturating_sub(self.latest.at).max(0) / MICROSECONDS_PER_DAY,
                flag: self.latest.flag,
            },
            values: self.points.len(),
            average: statistics.as_ref().map(|statistics| shown(statistics.average)),
            minimum: statistics.as_ref().map(|statistics| shown(statistics.minimum)),
            maximum: statistics.as_ref().map(|statistics| shown(statistics.maximum)),
            trend,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "days of a lifetime are few")]
fn days_between(from: Point, to: Point) -> f64 {
    (to.at - from.at) as f64 / 86_400_000_000.0
}

/// What the values of one kind amount to.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SeriesSummary {
    /// Which vital sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Measured>,
    /// LOINC, or the code that the record has.
    code: String,
    name: String,
    /// UCUM unit of every figure here.
    unit: String,
    /// The latest value known, whether in the window or before it.
    latest: LatestView,
    /// How many values are in the window.
    values: usize,
    /// Mean of the values in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    average: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<f64>,
    /// Absent where the window has values at one time only.
    #[serde(skip_serializing_if = "Option::is_none")]
    trend: Option<TrendView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LatestView {
    #[schemars(with = "f64")]
    value: Box<RawValue>,
    recorded_date: String,
    /// Whole days from it to the end of the window, which is now unless `to` was asked for.
    age_days: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<Flag>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TrendView {
    /// By the least-squares line through the window's values; steady within the usual variation.
    direction: Direction,
    /// The earliest value in the window.
    first: f64,
    /// The latest value in the window.
    last: f64,
    /// `last` less `first`.
    change: f64,
    /// Days from first to last.
    days: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight<'s>(unit: &str, date: &'s str, value: &'s str) -> Sample<'s> {
        let measurement = Measurement::of(Measured::Weight);
        Sample {
            vital: measurement.unit_of(unit).map(|unit| (measurement, unit)),
            code: "29463-7",
            name: "Body weight",
            unit: "",
            date,
            value: serde_json::from_str(value).unwrap(),
            flag: None,
        }
    }

    #[test]
    fn values_in_two_units_are_one_series_in_the_unit_of_the_latest() {
        let mut set = SeriesSet::default();
        set.add(&weight("kg", "2026-01-01", "80"));
        set.add(&weight("lb", "2026-02-01", "180"));
        let summaries = set.summaries(0, i64::MAX);
        let json = serde_json::to_value(&summaries).unwrap();
        assert_eq!(json[0]["unit"], "[lb_av]");
        assert_eq!(json[0]["values"], 2);
        assert_eq!(json[0]["latest"]["value"], 180);
        assert_eq!(json[0]["trend"]["first"], 176.37);
        assert_eq!(json[0]["trend"]["change"], 3.63);
        assert_eq!(json[0]["trend"]["direction"], "rising");
    }

    #[test]
    fn the_latest_value_is_known_even_where_the_window_is_empty() {
        let mut set = SeriesSet::default();
        set.add(&weight("kg", "2019-01-01", "80.0"));
        let text =
            serde_json::to_string(&set.summaries(1_700_000_000_000_000, 1_700_086_400_000_000)).unwrap();
        assert!(
            text.contains(
                r#""latest":{"value":80.0,"recorded_date":"2019-01-01","age_days":1779},"values":0}"#
            ),
            "{text}"
        );
    }
}
