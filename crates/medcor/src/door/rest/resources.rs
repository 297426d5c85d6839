//! `GET /api/mcp/resources/{collection}[/{id}]`: the documented collections, each read by its tools. What a
//! query asks beyond a tool's own arguments (page, order, members, what is named) is done to their answers.

mod collection;
mod expand;
mod order;
mod page;
mod query;
pub(super) mod tag;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{Request, StatusCode},
};
use medcor_tools::ToolError;
use serde_json::{Map, Value};

use super::{Head, Rest, manners};
use crate::door::{
    mcp::Asker,
    response::{self, Answer},
};
use collection::Only;
use query::Asked;

pub(super) use collection::{ANALYTICS, COLLECTIONS, Collection};
pub(super) use query::{LIMIT_DEFAULT, LIMIT_MAX};

/// One request for a resource, let in.
struct Reading<'r> {
    rest: &'r Rest,
    head: &'r Head,
    asker: Asker,
}

/// Why there is nothing to answer with.
enum Unanswered {
    /// Refused here; it still has to be recorded.
    Refused(ToolError),
    /// Refused by a call, which has recorded it.
    Answered(Box<Answer>),
}

impl From<ToolError> for Unanswered {
    fn from(error: ToolError) -> Self {
        Self::Refused(error)
    }
}

/// `GET /api/mcp/resources/{collection}`.
pub(super) async fn list(
    State(rest): State<Rest>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Answer {
    read(&rest, (&name, None), request).await
}

/// `GET /api/mcp/resources/analytics/reports/{id}`.
pub(super) async fn report(
    State(rest): State<Rest>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Answer {
    read(&rest, (collection::REPORTS, Some(&id)), request).await
}

/// `GET /api/mcp/resources/{collection}/{id}`, and what `analytics` has.
pub(super) async fn item(
    State(rest): State<Rest>,
    Path((name, id)): Path<(String, String)>,
    request: Request<Body>,
) -> Answer {
    read(&rest, (&name, Some(&id)), request).await
}

/// A collection, or what this id has in it.
async fn read(rest: &Rest, (name, id): (&str, Option<&str>), request: Request<Body>) -> Answer {
    let (head, _) = Head::of(rest, request);
    let reading = match Reading::begin(rest, &head).await {
        Ok(reading) => reading,
        Err(refusal) => return refusal,
    };
    let answered = match id {
        None => reading.list(name).await,
        Some(id) => match collection::only(name, id) {
            Some(only) => reading.only(only).await,
            None if format!("{name}/{id}") == collection::REPORTS => reading.list(collection::REPORTS).await,
            None => reading.item(name, id).await,
        },
    };
    reading.ended(answered).await
}

impl<'r> Reading<'r> {
    async fn begin(rest: &'r Rest, head: &'r Head) -> Result<Self, Answer> {
        Ok(Self { rest, head, asker: rest.asker(head).await? })
    }

    async fn ended(&self, answered: Result<Answer, Unanswered>) -> Answer {
        match answered {
            Ok(answer) => answer,
            Err(Unanswered::Answered(refusal)) => *refusal,
            Err(Unanswered::Refused(error)) => self.rest.refused(&self.asker, "", error).await,
        }
    }

    async fn list(&self, name: &str) -> Result<Answer, Unanswered> {
        let collection = Collection::of(name)?;
        let mut asked = Asked::read(&self.head.parts.uri)?;
        collection.complete(&mut asked.filter);
        let tool = self.tool(collection.list, &Value::Object(asked.filter.clone()));
        let row = tool.and_then(|tool| collection::row_of(&tool.output_schema));
        asked.check(row)?;
        if let Some(tool) = tool {
            asked.fit(tool);
        }
        let has_pages = tool.is_some_and(|tool| tool.parameters().any(|it| it == "page"));
        let mut list = match &asked.sort {
            Some(sort) => self.sorted(collection.list, &asked, sort).await?,
            None => self.page(collection.list, &asked, has_pages).await?,
        };
        let links = page::links(&self.head.parts.uri, &asked, &list);
        self.expand(&asked, page::rows_of(&mut list)).await?;
        for row in page::rows_of(&mut list) {
            query::keep_fields(row, &asked.fields);
        }
        list.insert("page".to_owned(), asked.page.into());
        list.insert("limit".to_owned(), asked.limit.into());
        let mut answer = self.json(&list);
        page::add_links(&mut answer, &links);
        Ok(answer)
    }

    async fn item(&self, name: &str, id: &str) -> Result<Answer, Unanswered> {
        let collection = Collection::of(name)?;
        let asked = Asked::read(&self.head.parts.uri)?;
        asked.refuse_list_parameters()?;
        let (tool, parameter) = collection.item;
        let mut arguments = Map::new();
        arguments.insert(parameter.to_owned(), id.into());
        let row = self.tool(tool, &Value::Object(arguments.clone())).map(|tool| &tool.output_schema);
        asked.check(row)?;
        let mut item = self.call(tool, arguments).await?;
        self.expand(&asked, std::slice::from_mut(&mut item)).await?;
        query::keep_fields(&mut item, &asked.fields);
        match item {
            Value::Object(item) => Ok(self.json(&item)),
            _ => Err(ToolError::not_found(name).into()),
        }
    }

    /// A reading that is no list of records. Its filter is the arguments of its tool.
    async fn only(&self, only: &Only) -> Result<Answer, Unanswered> {
        let asked = Asked::read(&self.head.parts.uri)?;
        asked.refuse_paging()?;
        let tool = self.tool(only.tool, &Value::Object(asked.filter.clone()));
        asked.check(tool.map(|tool| &tool.output_schema))?;
        // By GET nothing is changed, whatever becomes of the tool of this name.
        if tool.is_some_and(|tool| !tool.entry.effect.is_read_only()) {
            let problem = format!("is made by POST /api/mcp/tools/invoke with the tool `{}`", only.tool);
            return Err(ToolError::invalid("", problem).into());
        }
        let mut answer = self.call(only.tool, asked.filter.clone()).await?;
        query::keep_fields(&mut answer, &asked.fields);
        match answer {
            Value::Object(answer) => Ok(self.json(&answer)),
            _ => Err(ToolError::not_found(only.name).into()),
        }
    }

    /// The tool of this name that the arguments mean.
    fn tool(&self, name: &str, arguments: &Value) -> Option<&'r medcor_tools::CompiledTool> {
        self.rest.catalog().meant(name, arguments).into_iter().next()
    }

    /// One call; a collection whose tool this server has not is not there.
    async fn call(&self, tool: &str, arguments: Map<String, Value>) -> Result<Value, Unanswered> {
        match self.rest.mcp.call(&self.asker, tool, Value::Object(arguments)).await {
            Ok(answer) => serde_json::from_str(answer.json()).map_err(|error| ToolError::from(error).into()),
            Err(failure) => Err(Unanswered::Answered(Box::new(self.rest.failed(&failure)))),
        }
    }

    /// The answer, or 304 to whoever has it.
    fn json(&self, body: &Map<String, Value>) -> Answer {
        let body = serde_json::to_string(body).expect("JSON is written as JSON");
        let tag = tag::of(&body);
        let answer = response::json(StatusCode::OK, body);
        manners::compressible(tag::answered(&self.head.parts.headers, answer, &tag))
    }
}
