//! Plans and subscriptions under a permit: staged and committed with the audit row, as records are.

use medcor_fhir::search::name::fold;
use medcor_policy::Area;

use super::{Claim, Session};
use crate::{
    StoreError,
    database::{Lane, Row, SqlValue, Statement},
    plan::{
        FormerPlan, Plan, PlanSubscription, former_plan, plan, select_former_plans, select_plans,
        select_subscriptions, subscription,
    },
};

/// Subscriptions of all organisations that are read at once.
pub const PLAN_SUBSCRIPTIONS_MAX: usize = 5000;
/// Plans, and subscriptions of one organisation, that are read.
const ROWS_MAX: i64 = 5000;

impl Session<'_> {
    /// Every plan of this server, in order of number.
    ///
    /// # Errors
    ///
    /// [`StoreError::OutsideArea`] unless the permit covers plans.
    pub async fn plans(&self) -> Result<Vec<Plan>, StoreError> {
        self.check_area(Area::Plans)?;
        let sql = concat!(select_plans!(), " ORDER BY number LIMIT ?1");
        self.plan_rows(sql, vec![ROWS_MAX.into()]).await?.iter().map(plan).collect()
    }

    /// Stages a new plan, for every organisation of this server.
    ///
    /// # Errors
    ///
    /// [`StoreError::OutsideArea`] unless the permit covers plans and organisations.
    pub fn create_plan(&mut self, plan: &Plan) -> Result<(), StoreError> {
        self.check_area(Area::Plans)?;
        self.check_area(Area::Tenants)?;
        self.changes.push(plan.insert(&fold(&plan.name)));
        Ok(())
    }

    /// The subscriptions of this organisation in the order in which they were made, with those that are over.
    ///
    /// # Errors
    ///
    /// [`StoreError::OutsideArea`] unless the permit covers plans.
    pub async fn plan_subscriptions(&self) -> Result<Vec<PlanSubscription>, StoreError> {
        self.check_area(Area::Plans)?;
        let sql = concat!(select_subscriptions!(), " WHERE tenant = ?1 ORDER BY number LIMIT ?2");
        self.own_rows(sql, vec![ROWS_MAX.into()]).await?.iter().map(subscription).collect()
    }

    /// What the subscriptions of this organisation were to before, each one's in their order.
    ///
    /// # Errors
    ///
    /// [`StoreError::OutsideArea`] unless the permit covers plans.
    pub async fn former_plans(&self) -> Result<Vec<FormerPlan>, StoreError> {
        self.check_area(Area::Plans)?;
        let sql = concat!(
            select_former_plans!(),
            " AND former.tenant = ?1 ORDER BY former.id, former.version LIMIT ?2"
        );
        self.own_rows(sql, vec![ROWS_MAX.into()]).await?.iter().map(former_plan).collect()
    }

    /// Those of every organisation of this server, each organisation's together, up to
    /// [`PLAN_SUBSCRIPTIONS_MAX`] of them.
    ///
    /// # Errors
    ///
    /// [`StoreError::OutsideArea`] unless the permit covers plans and organisations.
    pub async fn all_plan_subscriptions(&self) -> Result<Vec<PlanSubscription>, StoreError> {
        self.check_area(Area::Plans)?;
        self.check_area(Area::Tenants)?;
        let sql = concat!(select_subscriptions!(), " ORDER BY tenant, number LIMIT ?1");
        let most = i64::try_from(PLAN_SUBSCRIPTIONS_MAX).unwrap_or(i64::MAX);
        self.plan_rows(sql, vec![most.into()]).await?.iter().map(subscription).collect()
    }

    /// The subscription with this id: of this organisation, or of any for a permit that covers organisations.
    ///
    /// # Errors
    ///
    /// [`StoreError::OutsideArea`] unless the permit covers plans.
    pub async fn plan_subscription(&self, id: &str) -> Result<Option<PlanSubscription>, StoreError> {
        self.check_area(Area::Plans)?;
        let found = if self.permit.administers(Area::Tenants) {
            self.plan_rows(concat!(select_subscriptions!(), " WHERE id = ?1"), vec![id.into()]).await?
        } else {
            let sql = concat!(select_subscriptions!(), " WHERE tenant = ?1 AND id = ?2");
            self.own_rows(sql, vec![id.into()]).await?
        };
        found.first().map(subscription).transpose()
    }

    /// Stages a subscription of this organisation beside those that it is `known` to have. The commit fails where
    /// these are others by then.
    ///
    /// # Errors
    ///
    /// [`StoreError::OutsideArea`] for one of another organisation.
    pub fn begin_plan_subscription(
        &mut self,
        subscription: &PlanSubscription,
        known: &[PlanSubscription],
    ) -> Result<(), StoreError> {
        self.check_own_plan(subscription)?;
        self.claim_state(known);
        self.changes.push(subscription.insert());
        Ok(())
    }

    /// Stages a changed one of those that this organisation is `known` to have. The commit fails where these are
    /// others by then.
    ///
    /// # Errors
    ///
    /// [`StoreError::OutsideArea`] for one of another organisation.
    pub fn change_plan_subscription(
        &mut self,
        subscription: &PlanSubscription,
        known: &[PlanSubscription],
    ) -> Result<(), StoreError> {
        self.check_own_plan(subscription)?;
        self.claim_state(known);
        self.changes.push(subscription.keep(self.store.clock().now()));
        self.changes.push(subscription.update());
        Ok(())
    }

    /// Every change of an organisation's subscriptions counts one of their versions up. So of two calls that build
    /// on the same subscriptions one alone has what follows on them, whichever of them it adds or changes.
    fn claim_state(&mut self, known: &[PlanSubscription]) {
        let changes: i64 = known.iter().map(|subscription| subscription.version).sum();
        self.claim(Claim(format!("plan-subscriptions/{changes}")));
    }

    fn check_own_plan(&self, subscription: &PlanSubscription) -> Result<(), StoreError> {
        self.check_area(Area::Plans)?;
        let is_own = subscription.tenant == self.permit.tenant();
        if is_own { Ok(()) } else { Err(StoreError::OutsideArea(Area::Plans)) }
    }

    /// Rows of this organisation, which is the first value.
    async fn own_rows(&self, sql: &'static str, mut values: Vec<SqlValue>) -> Result<Vec<Row>, StoreError> {
        let tenant = self.permit.tenant();
        values.insert(0, tenant.into());
        self.store.backend().rows(Lane::Inline, Statement::of_tenant(tenant, sql, values)).await
    }

    async fn plan_rows(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<Vec<Row>, StoreError> {
        self.store.backend().rows(Lane::Inline, Statement::of_server(sql, values)).await
    }
}
