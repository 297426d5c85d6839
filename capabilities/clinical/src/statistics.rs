//! Averages, extremes and trends of values over time: what callers get wrong when they do it themselves.

use schemars::JsonSchema;
use serde::Serialize;

const MICROSECONDS_PER_DAY: f64 = 86_400_000_000.0;

/// One value and when it was true, in microseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) at: i64,
    pub(crate) value: f64,
}

/// How much a value may move and still be called steady.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Steady {
    /// In the unit of the values.
    Within(f64),
    /// As a part of their average.
    WithinPart(f64),
}

/// What the values of a window amount to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) average: f64,
    pub(crate) minimum: f64,
    pub(crate) maximum: f64,
    /// Absent below two values at different times.
    pub(crate) trend: Option<Trend>,
}

/// Where values go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    /// The fitted line rises by more than the value's usual variation.
    Rising,
    /// The fitted line falls by more than that.
    Falling,
    /// It does neither.
    Steady,
}

/// The least-squares line through the values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trend {
    pub(crate) direction: Direction,
    /// From the first to the last value.
    pub(crate) change: f64,
    /// Slope of the fitted line.
    pub(crate) per_day: f64,
    pub(crate) first: Point,
    pub(crate) last: Point,
}

impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.value.total_cmp(&other.value).is_eq()
    }
}

impl Statistics {
    /// The statistics of these values, in any order; `None` of none.
    pub(crate) fn of(points: &[Point], steady: Steady) -> Option<Self> {
        let first = points.first()?;
        let (mut sum, mut minimum, mut maximum) = (0.0, first.value, first.value);
        for point in points {
            sum += point.value;
            minimum = point.value.min(minimum);
            maximum = point.value.max(maximum);
        }
        let average = sum / count(points);
        Some(Self { average, minimum, maximum, trend: trend(points, average, steady) })
    }
}

fn trend(points: &[Point], average: f64, steady: Steady) -> Option<Trend> {
    let first = *points.iter().min_by_key(|point| point.at)?;
    let last = *points.iter().max_by_key(|point| point.at)?;
    if first.at == last.at {
        return None;
    }
    let days = |point: &Point| days_between(first.at, point.at);
    let mean_day = points.iter().map(days).sum::<f64>() / count(points);
    let (mut covariance, mut variance) = (0.0, 0.0);
    for point in points {
        let distance = days(point) - mean_day;
        covariance += distance * (point.value - average);
        variance += distance * distance;
    }
    let per_day = covariance / variance;
    let fitted_change = per_day * days(&last);
    let tolerance = match steady {
        Steady::Within(tolerance) => tolerance,
        Steady::WithinPart(part) => part * average.abs(),
    };
    let direction = if fitted_change > tolerance {
        Direction::Rising
    } else if fitted_change < -tolerance {
        Direction::Falling
    } else {
        Direction::Steady
    };
    Some(Trend { direction, change: last.value - first.value, per_day, first, last })
}

#[expect(clippy::cast_precision_loss, reason = "days of a lifetime are far below 2^52 microseconds' worth")]
fn days_between(from: i64, to: i64) -> f64 {
    (to - from) as f64 / MICROSECONDS_PER_DAY
}

#[expect(clippy::cast_precision_loss, reason = "a page has at most a thousand values")]
fn count(points: &[Point]) -> f64 {
    points.len() as f64
}

/// To this many digits after the point: a computed figure is no more exact than what went into it.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    let rounded = (value * scale).round() / scale;
    // Zero has no sign in an answer.
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[(i64, f64)]) -> Vec<Point> {
        values.iter().map(|(day, value)| Point { at: day * 86_400_000_000, value: *value }).collect()
    }

    #[test]
    fn the_fitted_line_decides_and_not_the_last_value() {
        let values = points(&[(0, 120.0), (10, 130.0), (20, 140.0), (30, 150.0), (31, 138.0)]);
        let statistics = Statistics::of(&values, Steady::Within(5.0)).unwrap();
        let trend = statistics.trend.unwrap();
        assert_eq!(trend.direction, Direction::Rising);
        assert!((trend.change - 18.0).abs() < 1e-9);
        assert!((statistics.average - 135.6).abs() < 1e-9);
        assert!(statistics.minimum < 120.5 && statistics.maximum > 149.5);
    }

    #[test]
    fn small_moves_are_steady() {
        let values = points(&[(0, 36.6), (1, 36.8), (2, 36.7)]);
        let trend = Statistics::of(&values, Steady::Within(0.5)).unwrap().trend.unwrap();
        assert_eq!(trend.direction, Direction::Steady);
        let values = points(&[(0, 100.0), (1, 96.0), (2, 92.0)]);
        let trend = Statistics::of(&values, Steady::WithinPart(0.05)).unwrap().trend.unwrap();
        assert_eq!(trend.direction, Direction::Falling);
        assert!((trend.per_day + 4.0).abs() < 1e-9);
    }

    #[test]
    fn one_moment_has_no_trend_and_no_value_no_statistics() {
        let values = points(&[(3, 1.0), (3, 3.0)]);
        let statistics = Statistics::of(&values, Steady::Within(0.1)).unwrap();
        assert_eq!(statistics.trend, None);
        assert!((statistics.average - 2.0).abs() < 1e-9);
        assert_eq!(Statistics::of(&[], Steady::Within(0.1)), None);
    }

    #[test]
    fn nothing_is_not_negative() {
        assert!(rounded(-0.001, 2).is_sign_positive());
        assert!((rounded(71.456, 2) - 71.46).abs() < 1e-9);
    }
}
