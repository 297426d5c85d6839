//! When a message that was not taken is tried again.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use ring::rand::{SecureRandom, SystemRandom};

/// Between two attempts; after the last of them there is one more attempt, and then the event is given up.
const DELAYS: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
];
/// How far from it an attempt may be, so that those of many do not come at once: a fifth, either way.
const JITTER_PERCENT: u64 = 20;
/// The longest that a receiver may ask to wait.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// How long to wait after so many attempts that failed; `None` after the last. A receiver may ask for more.
pub(super) fn delay_after(attempts: u32, asked: Option<Duration>) -> Option<Duration> {
    let place = usize::try_from(attempts).ok()?.checked_sub(1)?;
    let delay = jittered(*DELAYS.get(place)?);
    Some(asked.map_or(delay, |asked| delay.max(asked.min(RETRY_AFTER_MAX))))
}

/// What `Retry-After` says (RFC 9110 §10.2.3): seconds, or a date; `now` is in microseconds since the epoch.
pub(super) fn asked(retry_after: &str, now: i64) -> Option<Duration> {
    let text = retry_after.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?.as_microsecond();
    u64::try_from(at - now).ok().map(Duration::from_micros)
}

fn jittered(delay: Duration) -> Duration {
    let mut random = [0];
    SystemRandom::new().fill(&mut random).expect("the system's randomness does not run dry");
    let percent = 100 - JITTER_PERCENT + u64::from(random[0]) * 2 * JITTER_PERCENT / u64::from(u8::MAX);
    let milliseconds = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(milliseconds / 100 * percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_waits_longer_and_the_eighth_is_the_last() {
        let mut last = Duration::ZERO;
        for attempts in 1..=7 {
            let delay = delay_after(attempts, None).unwrap();
            assert!(delay > last, "{attempts}: {delay:?}");
            last = delay;
        }
        assert_eq!(delay_after(8, None), None);
        for _ in 0..200 {
            let first = delay_after(1, None).unwrap();
            assert!((Duration::from_secs(4)..=Duration::from_secs(6)).contains(&first), "{first:?}");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_more_but_not_for_days() {
        let now = 1_796_202_000_000_000;
        assert_eq!(asked("120", now), Some(Duration::from_mins(2)));
        assert_eq!(asked("Wed, 02 Dec 2026 09:10:00 GMT", now), Some(Duration::from_mins(10)));
        for bad in ["", "-5", "soon", "Wed, 02 Dec 2020 09:10:00 GMT"] {
            assert_eq!(asked(bad, now), None, "{bad}");
        }
        assert_eq!(delay_after(1, Some(Duration::from_hours(1))), Some(Duration::from_hours(1)));
        assert_eq!(delay_after(1, Some(Duration::from_hours(999))), Some(RETRY_AFTER_MAX));
        assert!(delay_after(7, Some(Duration::from_secs(1))).unwrap() > Duration::from_hours(11));
    }
}
