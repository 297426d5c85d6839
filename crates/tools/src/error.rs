//! Everything that a call can end in, and the one table from code to HTTP, FHIR and MCP.

mod code;

use medcor_fhir::{Problem, search::QueryProblem};
use medcor_policy::{Area, Denial, DenialCause, Need, Principal, ScopeContext, sufficient_scopes};
use medcor_store::{Conflict, StoreError};
use serde::Serialize;
use serde_json::{Value, json};

pub use self::code::ErrorCode;

/// One thing wrong with the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArgumentProblem {
    /// JSON Pointer of the argument, such as `/patient`, or a FHIRPath for a problem of a record.
    pub path: String,
    /// What is wrong and what is expected.
    pub problem: String,
}

/// One record that a name could mean: the least that tells it apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Its id, to call again with.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Birth year, specialty or status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Everything that a call can end in but success.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// No token.
    #[error("a bearer token is required")]
    AuthRequired,
    /// A token that does not verify.
    #[error("the token is not valid: {0}")]
    AuthInvalid(&'static str),
    /// Role or scope.
    #[error("your role or scopes do not allow {needed}")]
    PermissionDenied {
        /// What is missing, such as `reading Observation`.
        needed: String,
    },
    /// The roles allow it, and the token was narrowed to less (RFC 6750 §3.1, `insufficient_scope`).
    #[error("the token's scopes do not allow {needed}; ask for a token with {}", .scopes.join(" "))]
    ScopeRequired {
        /// What is missing, such as `reading Observation`.
        needed: String,
        /// All scopes that the tool can't do without.
        scopes: Vec<String>,
    },
    /// There is no tool of this name, or none in the caller's sight.
    #[error("there is no tool of this name")]
    UnknownTool {
        /// Names that are near, for the caller to choose.
        near: Vec<&'static str>,
    },
    /// No such record in the caller's sight.
    #[error("no {what} matches")]
    NotFound {
        /// The type, and the parameter that named it.
        what: String,
        /// Records that are near, for reads.
        candidates: Vec<Candidate>,
    },
    /// Wrong arguments or a record that is not valid.
    #[error("{} in the arguments", problems(.0.len()))]
    Validation(Vec<ArgumentProblem>),
    /// A name fits several records.
    #[error("`{parameter}` fits several records; call again with the id of one")]
    Ambiguous {
        /// The parameter.
        parameter: String,
        /// What it could mean.
        candidates: Vec<Candidate>,
    },
    /// Somebody was first.
    #[error("{0}")]
    Conflict(String),
    /// Something stands against it.
    #[error("{message}")]
    Blocked {
        /// What happened and what to do.
        message: String,
        /// Everything that stands against it, each with its `problem` in words.
        conflicts: Vec<Value>,
        /// What could be done instead, each with its `text` in words.
        alternatives: Vec<Value>,
    },
    /// The key was used before with other arguments.
    #[error("this idempotency key was used with other arguments")]
    IdempotencyMismatch,
    /// The record is not in the state that the call needs.
    #[error("{0}")]
    Precondition(String),
    /// A person has to confirm it.
    #[error(
        "nothing is done yet: show a person what will be done, and on a yes repeat the call within 5 minutes with \
         confirmation_token"
    )]
    ConfirmationRequired {
        /// For the same call of the same caller, once.
        token: String,
        /// What a person is to be asked: what will be done, and with what, as the caller said it.
        question: String,
    },
    /// The person who was asked did not confirm it.
    #[error("who was asked did not confirm it, and nothing is done; repeat the call only if they want it")]
    Declined,
    /// The person logged in too long ago (RFC 9470, `insufficient_user_authentication`).
    #[error(
        "this takes a login within the last {} minutes: log in again and repeat the call", .max_age_seconds / 60
    )]
    LoginTooOld {
        /// How old a login may be.
        max_age_seconds: i64,
    },
    /// Too many calls.
    #[error("too many calls; retry in {retry_after_seconds} s")]
    RateLimit {
        /// When to retry.
        retry_after_seconds: u32,
    },
    /// Not ready.
    #[error("the server is not ready")]
    NotReady,
    /// A search within the call took longer than it may, and the caller did not choose what it looks through.
    #[error("a search took too long and was stopped, and nothing was changed; repeat the call")]
    TooSlow,
    /// Our fault. The source goes to the log by way of [`ToolError::cause`], never to a caller.
    #[error("the server failed; the request id finds the cause in its log")]
    Server(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn problems(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}

impl ToolError {
    /// One problem with one argument.
    pub fn invalid(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Validation(vec![ArgumentProblem { path: path.into(), problem: problem.into() }])
    }

    /// No such record, without near matches.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into(), candidates: Vec::new() }
    }

    /// The error of a search whose conditions are the caller's own: where it takes too long, more of them help.
    pub fn of_own_search(error: StoreError) -> Self {
        match error {
            StoreError::TooCostly => Self::invalid(
                "",
                "the search takes too long; add a condition such as a patient, a code or a date",
            ),
            error => error.into(),
        }
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::AuthRequired | Self::LoginTooOld { .. } => ErrorCode::AuthRequired,
            Self::AuthInvalid(_) => ErrorCode::AuthInvalid,
            Self::PermissionDenied { .. } | Self::ScopeRequired { .. } => ErrorCode::PermissionDenied,
            Self::UnknownTool { .. } | Self::NotFound { .. } => ErrorCode::ResourceNotFound,
            Self::Validation(_) => ErrorCode::ValidationError,
            Self::Ambiguous { .. } => ErrorCode::Ambiguous,
            Self::Conflict(_) | Self::Blocked { .. } => ErrorCode::Conflict,
            Self::IdempotencyMismatch => ErrorCode::IdempotencyMismatch,
            Self::Precondition(_) | Self::Declined => ErrorCode::Precondition,
            Self::ConfirmationRequired { .. } => ErrorCode::ConfirmationRequired,
            Self::RateLimit { .. } => ErrorCode::RateLimit,
            Self::NotReady | Self::TooSlow => ErrorCode::NotReady,
            Self::Server(_) => ErrorCode::ServerError,
        }
    }

    /// What a caller can act on, as data.
    pub fn details(&self) -> Value {
        match self {
            Self::Validation(problems) => json!({ "problems": problems }),
            Self::Ambiguous { parameter, candidates } => {
                json!({ "parameter": parameter, "candidates": candidates })
            }
            Self::NotFound { candidates, .. } if !candidates.is_empty() => {
                json!({ "did_you_mean": candidates })
            }
            Self::Blocked { conflicts, alternatives, .. } => {
                json!({ "conflicts": conflicts, "alternatives": alternatives })
            }
            Self::ConfirmationRequired { token, question } => {
                json!({ "confirmation_token": token, "question": question })
            }
            Self::LoginTooOld { max_age_seconds } => json!({ "max_age": max_age_seconds }),
            Self::ScopeRequired { scopes, .. } => json!({ "required_scopes": scopes }),
            Self::UnknownTool { near } if !near.is_empty() => json!({ "did_you_mean": near }),
            _ => json!({}),
        }
    }

    /// The cause for the log, where there is one that a caller must not see.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(self)
    }

    /// The arguments passed the schema and yet do not fit the type: the tool declares a schema that
    /// promises more than the type takes.
    pub(crate) fn schema_and_type_disagree(error: serde_json::Error) -> Self {
        if error.is_data() {
            // A date or time whose format the schema can't state ends here.
            return Self::invalid("", error.to_string());
        }
        error.into()
    }
}

/// An error as every door shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorReport {
    /// The code.
    pub code: ErrorCode,
    /// What happened and what to do.
    pub message: String,
    /// What a caller can act on.
    pub details: Value,
    /// Whether the same call can succeed later.
    pub retryable: bool,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// The id in log and audit.
    pub request_id: String,
    /// RFC 3339, UTC.
    pub timestamp: String,
}

impl ErrorReport {
    /// The report of an error. `timestamp` is RFC 3339.
    pub fn new(error: &ToolError, request_id: &str, timestamp: String) -> Self {
        let code = error.code();
        let retry_after = match error {
            ToolError::RateLimit { retry_after_seconds } => Some(*retry_after_seconds),
            _ => None,
        };
        Self {
            code,
            message: error.to_string(),
            details: error.details(),
            retryable: code.line().is_retryable,
            retry_after,
            request_id: request_id.to_owned(),
            timestamp,
        }
    }

    /// The text for a model: the code, what happened, and every detail on a line of its own.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}", self.code.name(), self.message);
        for problem in list(&self.details, "problems") {
            push_line(&mut text, &[problem.get("path"), problem.get("problem")]);
        }
        for key in ["candidates", "did_you_mean"] {
            for candidate in list(&self.details, key) {
                let parts = match candidate {
                    Value::String(_) => [Some(candidate), None, None],
                    _ => [candidate.get("id"), candidate.get("name"), candidate.get("detail")],
                };
                push_line(&mut text, &parts);
            }
        }
        for conflict in list(&self.details, "conflicts") {
            push_line(&mut text, &[conflict.get("problem")]);
        }
        for alternative in list(&self.details, "alternatives") {
            text.push_str("\n- instead");
            push_words(&mut text, alternative.get("text"));
        }
        for key in ["question", "confirmation_token"] {
            if let Some(value) = self.details.get(key).and_then(Value::as_str) {
                text.extend(["\n- ", key, ": ", value]);
            }
        }
        text.push_str("\n(request ");
        text.push_str(&self.request_id);
        text.push(')');
        text
    }
}

fn list<'v>(details: &'v Value, key: &str) -> &'v [Value] {
    details.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn push_words(text: &mut String, words: Option<&Value>) {
    if let Some(words) = words.and_then(Value::as_str) {
        text.extend([": ", words]);
    }
}

fn push_line(text: &mut String, parts: &[Option<&Value>]) {
    let parts: Vec<&str> =
        parts.iter().flatten().filter_map(|part| part.as_str()).filter(|part| !part.is_empty()).collect();
    text.push_str("\n- ");
    text.push_str(&parts.join(": "));
}

impl ToolError {
    /// The refusal of a tool with these needs to this caller.
    pub(crate) fn denied(denial: Denial, principal: &Principal, needs: &[Need]) -> Self {
        let needed = words(denial.need);
        if denial.cause == DenialCause::Role {
            return Self::PermissionDenied { needed };
        }
        let context = if principal.is_machine() { ScopeContext::System } else { ScopeContext::User };
        Self::ScopeRequired { needed, scopes: sufficient_scopes(needs, context) }
    }
}

/// What a need is, such as `read on Observation`.
fn words(need: Need) -> String {
    match need {
        Need::Record { action, resource_type } | Need::Optional { action, resource_type } => {
            format!("{action:?} on {resource_type}")
                .to_lowercase()
                .replace(&resource_type.name().to_lowercase(), resource_type.name())
        }
        Need::AnyRecord { action } => format!("{action:?} on any record").to_lowercase(),
        Need::Administer(area) | Need::AdministerIfAllowed(area) => {
            format!("administering {}", area_name(area))
        }
    }
}

fn area_name(area: Area) -> &'static str {
    match area {
        Area::Audit => "the audit trail",
        Area::Disclosures => "the accounting of disclosures",
        Area::Users => "users",
        Area::PatientAccounts => "accounts of patients",
        Area::OwnEntry => "your own entry",
        Area::Clients => "clients",
        Area::Tenants => "organisations",
        Area::Plans => "plans and subscriptions",
        Area::Emergency => "emergency access",
        Area::Figures => "figures",
    }
}

impl From<Vec<Problem>> for ToolError {
    fn from(problems: Vec<Problem>) -> Self {
        let to_argument = |problem: Problem| ArgumentProblem { path: problem.path, problem: problem.message };
        Self::Validation(problems.into_iter().map(to_argument).collect())
    }
}

impl From<QueryProblem> for ToolError {
    fn from(problem: QueryProblem) -> Self {
        Self::invalid(format!("/{}", problem.parameter), problem.message)
    }
}

impl From<StoreError> for ToolError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Invalid(problems) => problems.into(),
            StoreError::BadCursor => {
                Self::invalid("/cursor", "not a cursor of this search; call again without it")
            }
            StoreError::Conflict(conflict) => Self::Conflict(match conflict {
                Conflict::Version { resource_type, .. } => {
                    format!("the {resource_type} was changed meanwhile; read it again and repeat the call")
                }
                Conflict::Exists { resource_type, .. } => {
                    format!("a {resource_type} with this id exists already")
                }
                conflict if conflict.is_used_confirmation() => {
                    "this confirmation was used before; call without it for another".to_owned()
                }
                Conflict::Claimed(key) if key.starts_with("time/") => {
                    "the time was taken a moment ago; look for free times again".to_owned()
                }
                Conflict::Claimed(_) => "another call was first; read again what is free".to_owned(),
                Conflict::Pinned => {
                    "another call pinned or ended this session; begin one with start_session".to_owned()
                }
                Conflict::EmailTaken => "somebody has this e-mail address already".to_owned(),
                Conflict::Answered => {
                    "a call with this idempotency key was answered meanwhile; repeat it for that answer"
                        .to_owned()
                }
            }),
            StoreError::TooCostly => Self::TooSlow,
            StoreError::NotReady => Self::NotReady,
            StoreError::OutsidePermit { action, resource_type } => {
                Self::PermissionDenied { needed: words(Need::Record { action, resource_type }) }
            }
            StoreError::OutsideArea(area) => Self::PermissionDenied { needed: words(Need::Administer(area)) },
            error => Self::Server(Box::new(error)),
        }
    }
}

/// Stored JSON that does not fit the view of it. The parser's own words quote what it met, which is
/// somebody's record, so only the place is kept.
#[derive(Debug, thiserror::Error)]
#[error("stored JSON does not fit its view at line {line}, column {column} ({category:?})")]
struct UnfitJson {
    category: serde_json::error::Category,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for ToolError {
    fn from(error: serde_json::Error) -> Self {
        let unfit = UnfitJson { category: error.classify(), line: error.line(), column: error.column() };
        Self::Server(Box::new(unfit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_search_of_the_callers_own_conditions_is_too_wide_by_its_fault() {
        let report = |error: ToolError| ErrorReport::new(&error, "r1", String::new());
        let ours = report(StoreError::TooCostly.into());
        assert_eq!((ours.code, ours.retryable), (ErrorCode::NotReady, true));
        let theirs = report(ToolError::of_own_search(StoreError::TooCostly));
        assert_eq!((theirs.code, theirs.retryable), (ErrorCode::ValidationError, false));
        assert!(theirs.text().contains("add a condition"), "{}", theirs.text());
        let other = report(ToolError::of_own_search(StoreError::NotReady));
        assert_eq!(other.code, ErrorCode::NotReady);
    }

    #[test]
    fn the_text_for_a_model_begins_with_the_code_and_lists_every_problem() {
        let error = ToolError::Validation(vec![
            ArgumentProblem { path: "/date".into(), problem: "not a date".into() },
            ArgumentProblem { path: "/unit".into(), problem: "unknown".into() },
        ]);
        let text = ErrorReport::new(&error, "r1", String::new()).text();
        assert_eq!(
            text,
            "VALIDATION_ERROR: 2 problems in the arguments\n- /date: not a date\n- /unit: unknown\n(request r1)"
        );
    }
}
