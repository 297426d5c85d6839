//! Pages by their number, and the links between them (RFC 8288).

use std::fmt::Write;

use axum::http::{HeaderValue, Uri, header};
use medcor_tools::ToolError;
use serde_json::{Map, Value};

use super::{Reading, Unanswered, query::Asked};
use crate::door::response::Answer;

const ROWS: &str = "results";
/// The last page that is found by going through those before it.
const WALK_MAX: u32 = 20;

impl Reading<'_> {
    /// The page that is asked for, in the tool's own order. Tools without numbers of pages are gone through
    /// by their cursors.
    pub(super) async fn page(
        &self,
        tool: &str,
        asked: &Asked,
        has_pages: bool,
    ) -> Result<Map<String, Value>, Unanswered> {
        if has_pages || asked.page == 1 {
            return self.numbered(tool, asked, has_pages).await;
        }
        if asked.page > WALK_MAX {
            let problem = format!("from page {WALK_MAX} on pass next_cursor of the page before as cursor");
            return Err(ToolError::invalid("/page", problem).into());
        }
        let mut cursor = asked.cursor.clone();
        for _ in 1..asked.page {
            let mut list = self.rows(tool, asked, asked.limit, cursor.as_deref()).await?;
            cursor = cursor_of(&list);
            if cursor.is_none() {
                put_rows(&mut list, Vec::new(), false);
                return Ok(list);
            }
        }
        self.rows(tool, asked, asked.limit, cursor.as_deref()).await
    }

    async fn numbered(
        &self,
        tool: &str,
        asked: &Asked,
        has_pages: bool,
    ) -> Result<Map<String, Value>, Unanswered> {
        if has_pages && asked.page > 1 {
            let mut numbered = asked.filter.clone();
            numbered.insert("page".to_owned(), asked.page.into());
            numbered.insert("limit".to_owned(), asked.limit.into());
            return object(self.call(tool, numbered).await?);
        }
        self.rows(tool, asked, asked.limit, asked.cursor.as_deref()).await
    }

    /// So many rows after this cursor.
    pub(super) async fn rows(
        &self,
        tool: &str,
        asked: &Asked,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Map<String, Value>, Unanswered> {
        let mut arguments = asked.filter.clone();
        arguments.insert("limit".to_owned(), limit.into());
        if let Some(cursor) = cursor {
            arguments.insert("cursor".to_owned(), cursor.into());
        }
        object(self.call(tool, arguments).await?)
    }
}

fn object(answer: Value) -> Result<Map<String, Value>, Unanswered> {
    match answer {
        Value::Object(list) => Ok(list),
        _ => Err(ToolError::not_found("collection").into()),
    }
}

/// The rows of a list.
pub(super) fn rows_of(list: &mut Map<String, Value>) -> &mut [Value] {
    list.get_mut(ROWS).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

pub(super) fn take_rows(list: &mut Map<String, Value>) -> Vec<Value> {
    list.get_mut(ROWS).and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default()
}

/// Puts other rows into a list, which has no cursor then.
pub(super) fn put_rows(list: &mut Map<String, Value>, rows: Vec<Value>, is_truncated: bool) {
    list.insert("count".to_owned(), rows.len().into());
    list.insert(ROWS.to_owned(), Value::Array(rows));
    list.insert("truncated".to_owned(), is_truncated.into());
    list.shift_remove("next_cursor");
}

pub(super) fn cursor_of(list: &Map<String, Value>) -> Option<String> {
    list.get("next_cursor").and_then(Value::as_str).map(str::to_owned)
}

pub(super) fn is_truncated(list: &Map<String, Value>) -> bool {
    list.get("truncated").and_then(Value::as_bool).unwrap_or(false)
}

/// The pages beside this one, each with its relation.
pub(super) fn links(address: &Uri, asked: &Asked, list: &Map<String, Value>) -> Vec<(&'static str, String)> {
    if asked.cursor.is_some() {
        return Vec::new();
    }
    let mut pages = vec![("first", 1)];
    if asked.page > 1 {
        pages.push(("prev", asked.page - 1));
    }
    if is_truncated(list) {
        pages.push(("next", asked.page + 1));
    }
    let total = list.get("total").and_then(Value::as_u64);
    if let Some(last) = total.and_then(|total| u32::try_from(total.div_ceil(asked.limit.into())).ok()) {
        pages.push(("last", last.max(1)));
    }
    pages.into_iter().map(|(relation, page)| (relation, numbered(address, page))).collect()
}

/// The address with this page; everything else of it stays as it was sent.
fn numbered(address: &Uri, page: u32) -> String {
    let mut link = address.path().to_owned();
    let others = address.query().unwrap_or_default().split('&');
    let others = others.filter(|pair| !pair.is_empty() && *pair != "page" && !pair.starts_with("page="));
    let pairs: Vec<&str> = others.collect();
    write!(link, "?{}", pairs.join("&")).expect("a text grows");
    let separator = if pairs.is_empty() { "" } else { "&" };
    write!(link, "{separator}page={page}").expect("a text grows");
    link
}

pub(super) fn add_links(answer: &mut Answer, links: &[(&'static str, String)]) {
    let links: Vec<String> =
        links.iter().map(|(relation, link)| format!("<{link}>; rel=\"{relation}\"")).collect();
    if let Ok(value) = HeaderValue::from_str(&links.join(", "))
        && !links.is_empty()
    {
        answer.headers_mut().append(header::LINK, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_the_same_address_with_another_page() {
        let link = |address: &str, page| numbered(&address.parse().unwrap(), page);
        assert_eq!(link("/a/b", 2), "/a/b?page=2");
        assert_eq!(link("/a?page=3&limit=5", 2), "/a?limit=5&page=2");
        assert_eq!(link("/a?filter=%7B%7D&pages=1", 1), "/a?filter=%7B%7D&pages=1&page=1");
    }
}
