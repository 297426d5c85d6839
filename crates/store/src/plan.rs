//! Plans of this server, and which organisation has subscribed to which. They are the platform's and no records:
//! who may see and change them is decided where a session reads them.

use jiff::civil::Date;
use medcor_fhir::Id;
use medcor_policy::TenantId;

use crate::{
    Conflict, StoreError,
    batch::Change,
    database::{Row, SqlValue, Statement},
    webhook::row::tenant,
};

/// What a day is kept as that never comes: a subscription without an end.
const NEVER: &str = "9999-12-31";

/// What organisations can subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The id.
    pub id: Id,
    /// Counted from 1 on this server; older clients name plans so.
    pub number: i64,
    /// Unique on this server, whatever the case.
    pub name: String,
    /// For whom it is.
    pub kind: PlanKind,
    /// For one cycle, in ten-thousandths of the currency's unit.
    pub price: i64,
    /// ISO 4217, where it is said.
    pub currency: Option<String>,
    /// How often it is paid.
    pub cycle: BillingCycle,
    /// Most people who log in.
    pub users_max: Option<u32>,
    /// Most doctors.
    pub doctors_max: Option<u32>,
    /// Most patients.
    pub patients_max: Option<u32>,
    /// What it has: a JSON object as text.
    pub features: String,
    /// In words.
    pub description: Option<String>,
    /// Whether it can be subscribed to.
    pub is_active: bool,
    /// When it was made, microseconds since the epoch.
    pub created_at: i64,
}

/// For whom a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanKind {
    /// At no price.
    Free,
    /// Small practices.
    Basic,
    /// Clinics.
    Professional,
    /// Hospitals.
    Enterprise,
    /// None of these.
    Custom,
}

/// How often a plan is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillingCycle {
    /// Every month.
    Monthly,
    /// Every three months.
    Quarterly,
    /// Every year.
    Annual,
}

/// That an organisation has subscribed to a plan. Days are those of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSubscription {
    /// The id.
    pub id: Id,
    /// Whose.
    pub tenant: TenantId,
    /// Counted from 1 in the organisation.
    pub number: i64,
    /// The id of the plan.
    pub plan: Id,
    /// The first day.
    pub starts: Date,
    /// The first day on which it is over, where that is known.
    pub ends: Option<Date>,
    /// How often it is paid.
    pub cycle: BillingCycle,
    /// Whether a next cycle follows each.
    pub renews: bool,
    /// When it was cancelled, microseconds since the epoch.
    pub cancelled_at: Option<i64>,
    /// Why.
    pub cancellation_reason: Option<String>,
    /// When it was made, microseconds since the epoch.
    pub created_at: i64,
    /// Counted up by every change.
    pub version: i64,
}

/// What a subscription was to before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerPlan {
    /// The id of the subscription.
    pub subscription: Id,
    /// The id of the plan.
    pub plan: Id,
    /// How often it was paid.
    pub cycle: BillingCycle,
    /// When the subscription was changed, microseconds since the epoch.
    pub until: i64,
}

impl PlanKind {
    /// Every kind.
    const ALL: [Self; 5] = [Self::Free, Self::Basic, Self::Professional, Self::Enterprise, Self::Custom];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "FREE",
            Self::Basic => "BASIC",
            Self::Professional => "PROFESSIONAL",
            Self::Enterprise => "ENTERPRISE",
            Self::Custom => "CUSTOM",
        }
    }
}

impl BillingCycle {
    /// Every cycle.
    const ALL: [Self; 3] = [Self::Monthly, Self::Quarterly, Self::Annual];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monthly => "MONTHLY",
            Self::Quarterly => "QUARTERLY",
            Self::Annual => "ANNUAL",
        }
    }

    /// How long one is.
    pub const fn months(self) -> i32 {
        match self {
            Self::Monthly => 1,
            Self::Quarterly => 3,
            Self::Annual => 12,
        }
    }
}

impl PlanSubscription {
    /// Whether both are on some day.
    pub fn overlaps(&self, other: &Self) -> bool {
        let begins_before = |one: &Self, other: &Self| other.ends.is_none_or(|ends| one.starts < ends);
        begins_before(self, other) && begins_before(other, self) && !self.is_empty() && !other.is_empty()
    }

    /// Whether it was over before it began.
    fn is_empty(&self) -> bool {
        self.ends.is_some_and(|ends| ends <= self.starts)
    }
}

/// The columns of [`plan`].
macro_rules! select_plans {
    () => {
        "SELECT id, number, name, kind, price, currency, cycle, users_max, doctors_max, patients_max, features,
             description, is_active, created_at FROM plan"
    };
}
/// The columns of [`subscription`].
macro_rules! select_subscriptions {
    () => {
        "SELECT tenant, id, number, plan, starts, ends, cycle, renews, cancelled_at, cancellation_reason,
             created_at, version FROM plan_subscription"
    };
}
/// The columns of [`former_plan`]: versions after which the plan was another one.
macro_rules! select_former_plans {
    () => {
        "SELECT former.id, former.plan, former.cycle, former.changed_at
         FROM plan_subscription_version former JOIN plan_subscription now
             ON now.tenant = former.tenant AND now.id = former.id
         LEFT JOIN plan_subscription_version next
             ON next.tenant = former.tenant AND next.id = former.id AND next.version = former.version + 1
         WHERE former.plan <> coalesce(next.plan, now.plan)"
    };
}
pub(crate) use {select_former_plans, select_plans, select_subscriptions};

/// A row of [`select_plans`].
pub(crate) fn plan(row: &Row) -> Result<Plan, StoreError> {
    let kind = row.text(3)?;
    let kind = PlanKind::ALL.into_iter().find(|known| known.name() == kind);
    Ok(Plan {
        id: id(row, 0)?,
        number: row.integer(1)?,
        name: row.text(2)?.to_owned(),
        kind: kind.ok_or(StoreError::Damaged("a plan is of no kind"))?,
        price: row.integer(4)?,
        currency: row.optional_text(5)?.map(str::to_owned),
        cycle: cycle(row, 6)?,
        users_max: limit(row, 7)?,
        doctors_max: limit(row, 8)?,
        patients_max: limit(row, 9)?,
        features: row.text(10)?.to_owned(),
        description: row.optional_text(11)?.map(str::to_owned),
        is_active: row.integer(12)? != 0,
        created_at: row.integer(13)?,
    })
}

/// A row of [`select_subscriptions`].
pub(crate) fn subscription(row: &Row) -> Result<PlanSubscription, StoreError> {
    let ends = day(row, 5)?;
    Ok(PlanSubscription {
        tenant: tenant(row, 0)?,
        id: id(row, 1)?,
        number: row.integer(2)?,
        plan: id(row, 3)?,
        starts: day(row, 4)?,
        ends: (ends.to_string() != NEVER).then_some(ends),
        cycle: cycle(row, 6)?,
        renews: row.integer(7)? != 0,
        cancelled_at: row.optional_integer(8)?,
        cancellation_reason: row.optional_text(9)?.map(str::to_owned),
        created_at: row.integer(10)?,
        version: row.integer(11)?,
    })
}

/// A row of [`select_former_plans`].
pub(crate) fn former_plan(row: &Row) -> Result<FormerPlan, StoreError> {
    Ok(FormerPlan {
        subscription: id(row, 0)?,
        plan: id(row, 1)?,
        cycle: cycle(row, 2)?,
        until: row.integer(3)?,
    })
}

fn id(row: &Row, column: usize) -> Result<Id, StoreError> {
    Id::new(row.text(column)?).ok_or(StoreError::Damaged("an id is not an id"))
}

fn cycle(row: &Row, column: usize) -> Result<BillingCycle, StoreError> {
    let name = row.text(column)?;
    let known = BillingCycle::ALL.into_iter().find(|known| known.name() == name);
    known.ok_or(StoreError::Damaged("a cycle is none"))
}

fn limit(row: &Row, column: usize) -> Result<Option<u32>, StoreError> {
    let number = row.optional_integer(column)?.map(u32::try_from).transpose();
    number.map_err(|_out_of_range| StoreError::Damaged("a limit of a plan is out of range"))
}

fn day(row: &Row, column: usize) -> Result<Date, StoreError> {
    row.text(column)?.parse().map_err(|_no_date| StoreError::Damaged("a day is none"))
}

impl Plan {
    /// Adds it. Another of this name or number stands against it.
    pub(crate) fn insert(&self, folded_name: &str) -> Change {
        let limit = |limit: Option<u32>| SqlValue::from(limit.map(i64::from));
        let statement = Statement::of_server(
            "INSERT INTO plan (number, id, name, folded_name, kind, price, currency, cycle, users_max,
                 doctors_max, patients_max, features, description, is_active, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT DO NOTHING",
            vec![
                self.number.into(),
                self.id.as_str().into(),
                self.name.as_str().into(),
                folded_name.into(),
                self.kind.name().into(),
                self.price.into(),
                self.currency.as_deref().into(),
                self.cycle.name().into(),
                limit(self.users_max),
                limit(self.doctors_max),
                limit(self.patients_max),
                self.features.as_str().into(),
                self.description.as_deref().into(),
                self.is_active.into(),
                self.created_at.into(),
            ],
        );
        Change { statement, otherwise: Conflict::Claimed("the plan".to_owned()) }
    }
}

impl PlanSubscription {
    /// Adds it.
    pub(crate) fn insert(&self) -> Change {
        change(
            "INSERT INTO plan_subscription (tenant, id, number, plan, starts, ends, cycle, renews, created_at,
                 version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1) ON CONFLICT DO NOTHING",
            vec![
                self.tenant.into(),
                self.id.as_str().into(),
                self.number.into(),
                self.plan.as_str().into(),
                self.starts.to_string().into(),
                self.until(),
                self.cycle.name().into(),
                self.renews.into(),
                self.created_at.into(),
            ],
        )
    }

    /// Keeps what it was until now, before [`Self::update`] changes it.
    pub(crate) fn keep(&self, now: i64) -> Change {
        change(
            "INSERT INTO plan_subscription_version (tenant, id, version, plan, starts, ends, cycle, renews,
                 cancelled_at, cancellation_reason, changed_at)
             SELECT tenant, id, version, plan, starts, ends, cycle, renews, cancelled_at, cancellation_reason, ?4
             FROM plan_subscription WHERE tenant = ?1 AND id = ?2 AND version = ?3",
            vec![self.tenant.into(), self.id.as_str().into(), self.version.into(), now.into()],
        )
    }

    /// Puts this in the place of what it was before.
    pub(crate) fn update(&self) -> Change {
        change(
            "UPDATE plan_subscription SET plan = ?4, ends = ?5, cycle = ?6, renews = ?7, cancelled_at = ?8,
                 cancellation_reason = ?9, version = version + 1
             WHERE tenant = ?1 AND id = ?2 AND version = ?3",
            vec![
                self.tenant.into(),
                self.id.as_str().into(),
                self.version.into(),
                self.plan.as_str().into(),
                self.until(),
                self.cycle.name().into(),
                self.renews.into(),
                self.cancelled_at.into(),
                self.cancellation_reason.as_deref().into(),
            ],
        )
    }

    fn until(&self) -> SqlValue {
        self.ends.map_or_else(|| NEVER.into(), |ends| ends.to_string().into())
    }
}

fn change(sql: &'static str, values: Vec<SqlValue>) -> Change {
    let otherwise = Conflict::Claimed("the subscription".to_owned());
    Change { statement: Statement::of_server(sql, values), otherwise }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_subscriptions_overlap_where_a_day_is_of_both() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let subscription = |starts: &str, ends: Option<&str>| PlanSubscription {
            id: Id::new("a").unwrap(),
            tenant: TenantId(1),
            number: 1,
            plan: Id::new("b").unwrap(),
            starts: day(starts),
            ends: ends.map(day),
            cycle: BillingCycle::Monthly,
            renews: true,
            cancelled_at: None,
            cancellation_reason: None,
            created_at: 0,
            version: 1,
        };
        let open = subscription("2026-01-10", None);
        for (starts, ends, is_overlapping) in [
            ("2026-02-01", None, true),
            ("2026-01-01", Some("2026-01-11"), true),
            ("2026-01-01", Some("2026-01-10"), false),
            ("2026-02-01", Some("2026-02-01"), false),
        ] {
            let other = subscription(starts, ends);
            assert_eq!(open.overlaps(&other), is_overlapping, "{starts} {ends:?}");
            assert_eq!(other.overlaps(&open), is_overlapping, "{starts} {ends:?}");
        }
    }
}
