//! What a query asks for. Whatever is not understood is refused: a condition that is passed over widens the
//! answer.

use axum::{extract::Query, http::Uri};
use medcor_tools::{ArgumentProblem, CompiledTool, ToolError};
use serde_json::{Map, Value};

use super::{collection::members_of, expand, order::Sort};

/// Rows of a page that nobody gives a number.
pub(in crate::door::rest) const LIMIT_DEFAULT: u32 = 20;
/// Most rows of a page.
pub(in crate::door::rest) const LIMIT_MAX: u32 = 100;
/// The last page that can be asked for by its number.
const PAGE_MAX: u32 = 1000;
/// Arguments of tools that are no conditions, and so have no place in a filter.
const NO_CONDITIONS: [&str; 8] =
    ["page", "limit", "count", "page_size", "cursor", "access_token", "token", "session_id"];

/// What is wrong with a value, in words that follow the name of its parameter.
#[derive(Debug)]
pub(super) struct Misread(pub(super) String);

/// A query, read.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) page: u32,
    pub(super) limit: u32,
    /// Most rows that the tool answers.
    pub(super) rows_max: u32,
    /// Where an earlier page ended, instead of a number.
    pub(super) cursor: Option<String>,
    pub(super) sort: Option<Sort>,
    /// Arguments of the tool.
    pub(super) filter: Map<String, Value>,
    /// Of each row these alone, and its id; all where there are none.
    pub(super) fields: Vec<String>,
    /// What of each row is shown too.
    pub(super) expand: Vec<String>,
    /// The names that were given.
    given: Vec<String>,
}

impl Asked {
    /// Reads the query of this address.
    ///
    /// # Errors
    ///
    /// A `VALIDATION_ERROR` that lists every problem.
    pub(super) fn read(address: &Uri) -> Result<Self, ToolError> {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(address) else {
            return Err(ToolError::invalid("", "the query can't be read"));
        };
        let mut asked = Self {
            page: 1,
            limit: LIMIT_DEFAULT,
            rows_max: LIMIT_MAX,
            cursor: None,
            sort: None,
            filter: Map::new(),
            fields: Vec::new(),
            expand: Vec::new(),
            given: Vec::new(),
        };
        let mut problems = Vec::new();
        for (name, value) in pairs {
            let taken = if asked.given.contains(&name) {
                Err(Misread("is given twice".to_owned()))
            } else {
                asked.take(&name, &value)
            };
            match taken {
                Ok(()) => asked.given.push(name),
                Err(Misread(problem)) => {
                    problems.push(ArgumentProblem { path: format!("/{}", shown(&name)), problem });
                }
            }
        }
        if asked.cursor.is_some() && (asked.page > 1 || asked.sort.is_some()) {
            let problem = "goes on where a page ended, so it has no page and no sort beside it".to_owned();
            problems.push(ArgumentProblem { path: "/cursor".to_owned(), problem });
        }
        if problems.is_empty() { Ok(asked) } else { Err(ToolError::Validation(problems)) }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Misread> {
        match name {
            "page" => self.page = number(value, PAGE_MAX)?,
            "limit" => self.limit = number(value, LIMIT_MAX)?,
            "cursor" => self.cursor = Some(value.to_owned()),
            "sort" => self.sort = Some(Sort::read(value)?),
            "filter" => self.filter = filter(value)?,
            "fields" => self.fields = names(value)?,
            "expand" => self.expand = names(value)?,
            _ => {
                let problem =
                    "unknown parameter; known are page, limit, cursor, sort, filter, fields, expand";
                return Err(Misread(problem.to_owned()));
            }
        }
        Ok(())
    }

    /// Asks for no more rows at a time than the tool answers; what is put in order is gathered by several calls.
    pub(super) fn fit(&mut self, tool: &CompiledTool) {
        let most = tool.input_schema.pointer("/properties/limit/maximum").and_then(Value::as_u64);
        self.rows_max = most.and_then(|most| u32::try_from(most).ok()).unwrap_or(LIMIT_MAX).min(LIMIT_MAX);
        if self.sort.is_none() {
            self.limit = self.limit.min(self.rows_max);
        }
    }

    /// Refuses members that no row has. Without a schema there is no tool, and its absence is the answer.
    pub(super) fn check(&self, row: Option<&Value>) -> Result<(), ToolError> {
        let Some(members) = row.and_then(members_of) else { return Ok(()) };
        let mut problems = Vec::new();
        let mut refuse = |path: &str, name: &str, known: String| {
            let problem = format!("there is no `{}`; known are {known}", shown(name));
            problems.push(ArgumentProblem { path: path.to_owned(), problem });
        };
        let known = || members.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        for name in self.fields.iter().filter(|name| !members.contains_key(*name)) {
            refuse("/fields", name, known());
        }
        if let Some(sort) = self.sort.as_ref().filter(|sort| !members.contains_key(&sort.member)) {
            refuse("/sort", &sort.member, known());
        }
        for name in self.expand.iter().filter(|name| !expand::is_known(name, members)) {
            refuse("/expand", name, expand::known(members));
        }
        if problems.is_empty() { Ok(()) } else { Err(ToolError::Validation(problems)) }
    }

    /// Refuses what only a list has.
    pub(super) fn refuse_list_parameters(&self) -> Result<(), ToolError> {
        self.refuse(&["page", "limit", "cursor", "sort", "filter"])
    }

    /// Refuses what only a list of records has.
    pub(super) fn refuse_paging(&self) -> Result<(), ToolError> {
        self.refuse(&["page", "limit", "cursor", "sort", "expand"])
    }

    fn refuse(&self, names: &[&str]) -> Result<(), ToolError> {
        let given = self.given.iter().filter(|name| names.contains(&name.as_str()));
        let problems: Vec<ArgumentProblem> = given
            .map(|name| ArgumentProblem {
                path: format!("/{name}"),
                problem: "has no meaning here".to_owned(),
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(ToolError::Validation(problems)) }
    }
}

/// Leaves of a row its id, these members, and what it was expanded by.
pub(super) fn keep_fields(row: &mut Value, fields: &[String]) {
    if fields.is_empty() {
        return;
    }
    if let Value::Object(members) = row {
        members.retain(|name, _| {
            name == "id" || name == expand::MEMBER || fields.iter().any(|field| field == name)
        });
    }
}

fn number(value: &str, max: u32) -> Result<u32, Misread> {
    let number = value.parse().ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| Misread(format!("expected a number from 1 to {max}")))
}

fn names(value: &str) -> Result<Vec<String>, Misread> {
    let names: Vec<String> = value.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err(Misread("expected names, separated by commas".to_owned()));
    }
    Ok(names)
}

fn filter(value: &str) -> Result<Map<String, Value>, Misread> {
    if let Some(flaw) = crate::door::mcp_http::flaw_of(value) {
        return Err(Misread(flaw.words().to_owned()));
    }
    let filter: Map<String, Value> =
        serde_json::from_str(value).map_err(|_| Misread("expected a JSON object".to_owned()))?;
    match filter.keys().find(|name| NO_CONDITIONS.contains(&name.as_str())) {
        Some(name) => Err(Misread(format!("`{name}` is no condition"))),
        None => Ok(filter),
    }
}

/// A name as it may be repeated: it could be anything.
fn shown(name: &str) -> String {
    name.chars().filter(|it| it.is_ascii_alphanumeric() || "_.-".contains(*it)).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Asked, ToolError> {
        Asked::read(&format!("/api/mcp/resources/patients?{query}").parse().unwrap())
    }

    #[test]
    fn what_is_asked_is_read() {
        let asked =
            read("page=2&limit=100&sort=-last_name&filter=%7B%22active_only%22%3Afalse%7D&fields=id,name");
        let asked = asked.unwrap();
        assert_eq!((asked.page, asked.limit), (2, 100));
        let sort = asked.sort.unwrap();
        assert_eq!((sort.member.as_str(), sort.is_descending), ("last_name", true));
        assert_eq!(asked.filter["active_only"], false);
        assert_eq!(asked.fields, ["id", "name"]);
        assert_eq!(read("").unwrap().limit, LIMIT_DEFAULT);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for query in [
            "colour=red",
            "page=0",
            "page=x",
            "limit=101",
            "limit=5&limit=6",
            "sort=",
            "sort=-",
            "filter=x",
            "filter=[]",
            "filter=%7B%22limit%22%3A1%7D",
            "filter=%7B%22access_token%22%3A%22x%22%7D",
            "filter=%7B%22a%22%3A1%2C%22a%22%3A2%7D",
            "fields=",
            "fields=a,,b",
            "expand=",
            "cursor=x&page=2",
        ] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
