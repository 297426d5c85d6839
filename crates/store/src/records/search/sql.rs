//! A tiny builder of SQL text: parameters are numbered as they are bound, and whatever came from outside
//! is bound.

use std::fmt::{self, Write};

use medcor_policy::TenantId;

use crate::database::{SqlValue, Statement};

/// Where the databases' planners want to be told different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Without statistics its planner guesses, so the text says which index to take.
    Sqlite,
    /// Plans by statistics.
    Postgres,
}

/// A bound parameter in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(usize);

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "?{}", self.0)
    }
}

/// The values of one statement. `?1` is the tenant and `?2` the resource type, always.
#[derive(Debug, Clone)]
pub(super) struct Values {
    tenant: TenantId,
    values: Vec<SqlValue>,
}

impl Values {
    pub(super) fn new(tenant: TenantId, resource_type: medcor_fhir::ResourceType) -> Self {
        let values = vec![SqlValue::from(tenant), SqlValue::Integer(i64::from(resource_type.code()))];
        Self { tenant, values }
    }

    pub(super) fn bind(&mut self, value: impl Into<SqlValue>) -> Mark {
        self.values.push(value.into());
        Mark(self.values.len())
    }

    /// The marks of several values, as the list of an `IN`.
    pub(super) fn bind_all<V: Into<SqlValue>>(&mut self, values: impl IntoIterator<Item = V>) -> String {
        let marks: Vec<String> = values.into_iter().map(|value| self.bind(value).to_string()).collect();
        marks.join(", ")
    }

    /// The statement with the marks that its text uses, numbered anew: what a plan leaves to the records
    /// themselves has bound values too.
    pub(super) fn into_statement(self, text: &str) -> Statement {
        let mut sql = String::with_capacity(text.len());
        let mut used: Vec<usize> = Vec::with_capacity(self.values.len());
        let mut places: Vec<Option<usize>> = vec![None; self.values.len() + 1];
        let mut parts = text.split('?');
        sql.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
            let (number, rest) = part.split_at(end);
            let number: usize = number.parse().expect("a mark has a number");
            let place = places.get_mut(number).expect("a mark is made by binding its value");
            let position = *place.get_or_insert_with(|| {
                used.push(number);
                used.len() - 1
            });
            write!(sql, "?{}{rest}", position + 1).expect("a String takes all text");
        }
        let mut values: Vec<Option<SqlValue>> = self.values.into_iter().map(Some).collect();
        let mut take = |number: &usize| values.get_mut(number - 1).and_then(Option::take);
        let used = used.iter().map(|number| take(number).expect("each mark has its value")).collect();
        Statement::of_tenant(self.tenant, sql, used)
    }
}

#[cfg(test)]
mod tests {
    use medcor_fhir::ResourceType;

    use super::*;

    #[test]
    fn values_without_a_mark_in_the_text_are_left_out() {
        let mut values = Values::new(TenantId(3), ResourceType::PATIENT);
        let unused = values.bind("unused");
        let used = values.bind("used");
        assert_ne!(unused, used);
        let statement = values.into_statement(&format!("a = {used} AND t = ?1 AND b = {used}"));
        assert_eq!(statement.sql, "a = ?1 AND t = ?2 AND b = ?1");
        assert_eq!(statement.values, [SqlValue::from("used"), SqlValue::Integer(3)]);
    }
}
