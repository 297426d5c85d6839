//! How a subscription stands on a day: it is reckoned from its dates and stored nowhere, so nothing has to run for
//! one to end.

use jiff::{Span, civil::Date};
use medcor_tools::PlanSubscription;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has not begun.
    Scheduled,
    Active,
    /// It is over because somebody cancelled it.
    Cancelled,
    /// It is over because its time was.
    Expired,
}

/// One cycle, or what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    /// The first day.
    pub(super) first: Date,
    /// The day after the last one.
    pub(super) over: Date,
}

impl Standing {
    pub(super) fn of(subscription: &PlanSubscription, today: Date) -> Self {
        let is_over = subscription.ends.is_some_and(|ends| ends <= today || ends <= subscription.starts);
        match (is_over, subscription.cancelled_at) {
            (true, Some(_)) => Self::Cancelled,
            (true, None) => Self::Expired,
            (false, _) if subscription.starts > today => Self::Scheduled,
            (false, _) => Self::Active,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Active => "ACTIVE",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Whether it is on or to come.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Scheduled | Self::Active)
    }
}

impl Period {
    /// The cycle of this day, the first one before it begins; cut off where the subscription ends.
    pub(super) fn of(subscription: &PlanSubscription, day: Date) -> Self {
        let whole = Self::whole(subscription, day);
        let over = subscription.ends.map_or(whole.over, |ends| ends.min(whole.over));
        Self { over: over.max(whole.first), ..whole }
    }

    /// The same, whatever its end. Each begins on the day of the month of the first one, or on the last day of a
    /// month that has no such day.
    pub(super) fn whole(subscription: &PlanSubscription, day: Date) -> Self {
        let starts = subscription.starts;
        let day = day.max(starts);
        let months = subscription.cycle.months();
        let between = (i32::from(day.year()) - i32::from(starts.year())) * 12
            + (i32::from(day.month()) - i32::from(starts.month()));
        let mut count = between.div_euclid(months);
        if after(starts, count * months) > day {
            count -= 1;
        }
        Self { first: after(starts, count * months), over: after(starts, (count + 1) * months) }
    }

    /// The last day.
    pub(super) fn last(self) -> Date {
        day_before(self.over).max(self.first)
    }
}

/// The day before this one.
pub(super) fn day_before(day: Date) -> Date {
    day.saturating_sub(Span::new().days(1))
}

fn after(starts: Date, months: i32) -> Date {
    starts.saturating_add(Span::new().months(months))
}

#[cfg(test)]
mod tests {
    use medcor_fhir::Id;
    use medcor_tools::{BillingCycle, TenantId};

    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn subscription(starts: &str, ends: Option<&str>, cycle: BillingCycle) -> PlanSubscription {
        PlanSubscription {
            id: Id::new("a").unwrap(),
            tenant: TenantId(1),
            number: 1,
            plan: Id::new("b").unwrap(),
            starts: day(starts),
            ends: ends.map(day),
            cycle,
            renews: ends.is_none(),
            cancelled_at: None,
            cancellation_reason: None,
            created_at: 0,
            version: 1,
        }
    }

    #[test]
    fn cycles_begin_on_the_same_day_of_the_month() {
        for (starts, cycle, today, first, last) in [
            ("2026-01-10", BillingCycle::Monthly, "2026-12-09", "2026-11-10", "2026-12-09"),
            ("2026-01-10", BillingCycle::Monthly, "2026-12-10", "2026-12-10", "2027-01-09"),
            ("2026-01-31", BillingCycle::Monthly, "2026-02-27", "2026-01-31", "2026-02-27"),
            ("2026-01-31", BillingCycle::Monthly, "2026-02-28", "2026-02-28", "2026-03-30"),
            ("2026-01-31", BillingCycle::Monthly, "2026-03-31", "2026-03-31", "2026-04-29"),
            ("2025-12-01", BillingCycle::Quarterly, "2026-12-02", "2026-12-01", "2027-02-28"),
            ("2025-12-15", BillingCycle::Quarterly, "2026-12-02", "2026-09-15", "2026-12-14"),
            ("2024-02-29", BillingCycle::Annual, "2026-03-01", "2026-02-28", "2027-02-27"),
            ("2024-02-29", BillingCycle::Annual, "2026-02-27", "2025-02-28", "2026-02-27"),
            ("2027-01-01", BillingCycle::Monthly, "2026-12-02", "2027-01-01", "2027-01-31"),
        ] {
            let period = Period::of(&subscription(starts, None, cycle), day(today));
            assert_eq!((period.first, period.last()), (day(first), day(last)), "{starts} {today}");
        }
    }

    #[test]
    fn how_it_stands_follows_from_its_dates() {
        let standing = |starts, ends, is_cancelled: bool| {
            let known = subscription(starts, ends, BillingCycle::Monthly);
            let known = PlanSubscription { cancelled_at: is_cancelled.then_some(1), ..known };
            Standing::of(&known, day("2026-12-02"))
        };
        assert_eq!(standing("2026-12-03", None, false), Standing::Scheduled);
        assert_eq!(standing("2026-12-02", None, false), Standing::Active);
        assert_eq!(standing("2026-11-02", Some("2026-12-03"), true), Standing::Active);
        assert_eq!(standing("2026-11-02", Some("2026-12-02"), true), Standing::Cancelled);
        assert_eq!(standing("2026-11-02", Some("2026-12-02"), false), Standing::Expired);
        assert_eq!(standing("2026-12-03", Some("2026-12-03"), true), Standing::Cancelled);
    }
}
