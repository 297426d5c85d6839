//! `sort=-member`: the rows of a list in another order than its tool's. All of them have to be seen for that,
//! so there is an end to how many there may be.

use std::cmp::Ordering;

use medcor_tools::ToolError;
use serde_json::{Map, Value};

use super::{
    Reading, Unanswered, page,
    query::{Asked, Misread},
};

/// Most calls by which the rows are gathered.
const CALLS_MAX: usize = 10;

/// By which member, and in which direction.
#[derive(Debug)]
pub(super) struct Sort {
    pub(super) member: String,
    pub(super) is_descending: bool,
}

impl Sort {
    pub(super) fn read(value: &str) -> Result<Self, Misread> {
        let (member, is_descending) = match value.strip_prefix('-') {
            Some(member) => (member, true),
            None => (value, false),
        };
        if member.is_empty() || member.contains(',') {
            let problem = "expected the name of one member, with - before it for descending order";
            return Err(Misread(problem.to_owned()));
        }
        Ok(Self { member: member.to_owned(), is_descending })
    }

    /// What has no such member stands at the end in both directions.
    fn compare(&self, one: &Value, other: &Value) -> Ordering {
        match (present(one, &self.member), present(other, &self.member)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(other)) if self.is_descending => values(other, one),
            (Some(one), Some(other)) => values(one, other),
        }
    }
}

fn present<'v>(row: &'v Value, member: &str) -> Option<&'v Value> {
    row.get(member).filter(|value| !value.is_null())
}

fn values(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::String(one), Value::String(other)) => one.to_lowercase().cmp(&other.to_lowercase()),
        _ => one.to_string().cmp(&other.to_string()),
    }
}

impl Reading<'_> {
    /// The page that is asked for of the rows in this order.
    pub(super) async fn sorted(
        &self,
        tool: &str,
        asked: &Asked,
        sort: &Sort,
    ) -> Result<Map<String, Value>, Unanswered> {
        let (mut rows, mut cursor) = (Vec::new(), None);
        let mut list = Map::new();
        for _ in 0..CALLS_MAX {
            list = self.rows(tool, asked, asked.rows_max, cursor.as_deref()).await?;
            rows.append(&mut page::take_rows(&mut list));
            cursor = page::cursor_of(&list);
            if cursor.is_none() {
                break;
            }
        }
        if cursor.is_some() || page::is_truncated(&list) {
            let problem =
                format!("there are more than {} to put in order; narrow them by a filter", rows.len());
            return Err(ToolError::invalid("/sort", problem).into());
        }
        rows.sort_by(|one, other| sort.compare(one, other));
        let total = rows.len();
        let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
        let start = limit.saturating_mul(usize::try_from(asked.page - 1).unwrap_or(usize::MAX));
        let rows: Vec<Value> = rows.into_iter().skip(start).take(limit).collect();
        page::put_rows(&mut list, rows, total > start.saturating_add(limit));
        list.insert("total".to_owned(), total.into());
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_in_order_and_those_without_the_member_at_the_end() {
        let mut rows =
            [json!({ "a": 2 }), json!({}), json!({ "a": 10 }), json!({ "a": null }), json!({ "a": 1 })];
        let sort = Sort::read("-a").unwrap();
        rows.sort_by(|one, other| sort.compare(one, other));
        let order: Vec<Option<i64>> = rows.iter().map(|row| row.get("a").and_then(Value::as_i64)).collect();
        assert_eq!(order, [Some(10), Some(2), Some(1), None, None]);
        let mut names = [json!({ "n": "b" }), json!({ "n": "A" }), json!({ "n": "C" })];
        let sort = Sort::read("n").unwrap();
        names.sort_by(|one, other| sort.compare(one, other));
        assert_eq!(json!(names), json!([{ "n": "A" }, { "n": "b" }, { "n": "C" }]));
    }
}
