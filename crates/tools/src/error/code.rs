//! The one table from code to HTTP and FHIR.

use serde::Serialize;

/// The codes that callers match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the table below says what each is")]
pub enum ErrorCode {
    AuthRequired,
    AuthInvalid,
    PermissionDenied,
    ConsentRequired,
    ResourceNotFound,
    ValidationError,
    Ambiguous,
    Conflict,
    IdempotencyMismatch,
    Precondition,
    ConfirmationRequired,
    RateLimit,
    ServerError,
    NotReady,
}

/// One line of the table.
#[derive(Debug)]
pub struct ErrorLine {
    /// The code.
    pub code: ErrorCode,
    /// Its spelling.
    pub name: &'static str,
    /// HTTP status.
    pub http_status: u16,
    /// FHIR `issue-type`.
    pub fhir_issue: &'static str,
    /// Whether the same call can succeed later.
    pub is_retryable: bool,
    /// When it is answered.
    pub meaning: &'static str,
}

const fn line(
    code: ErrorCode,
    (name, http_status): (&'static str, u16),
    fhir_issue: &'static str,
    is_retryable: bool,
    meaning: &'static str,
) -> ErrorLine {
    ErrorLine { code, name, http_status, fhir_issue, is_retryable, meaning }
}

impl ErrorCode {
    /// The table.
    pub const TABLE: [ErrorLine; 14] = [
        line(Self::AuthRequired, ("AUTH_REQUIRED", 401), "login", false, "The call carries no token."),
        line(
            Self::AuthInvalid,
            ("AUTH_INVALID", 401),
            "login",
            false,
            "The token is not valid, expired or revoked.",
        ),
        line(
            Self::PermissionDenied,
            ("PERMISSION_DENIED", 403),
            "forbidden",
            false,
            "The caller's role or scopes do not allow this tool.",
        ),
        line(
            Self::ConsentRequired,
            ("CONSENT_REQUIRED", 403),
            "suppressed",
            false,
            "A consent record withholds this.",
        ),
        line(
            Self::ResourceNotFound,
            ("RESOURCE_NOT_FOUND", 404),
            "not-found",
            false,
            "There is no such record in the caller's sight.",
        ),
        line(
            Self::ValidationError,
            ("VALIDATION_ERROR", 400),
            "invalid",
            false,
            "The arguments are wrong; every problem is listed.",
        ),
        line(
            Self::Ambiguous,
            ("AMBIGUOUS", 409),
            "multiple-matches",
            false,
            "A name fits several records; they are listed.",
        ),
        line(
            Self::Conflict,
            ("CONFLICT", 409),
            "conflict",
            false,
            "The record was changed meanwhile, exists already, or is taken.",
        ),
        line(
            Self::IdempotencyMismatch,
            ("IDEMPOTENCY_MISMATCH", 409),
            "conflict",
            false,
            "The idempotency key was used with other arguments.",
        ),
        line(
            Self::Precondition,
            ("PRECONDITION", 412),
            "conflict",
            false,
            "The record is not in the state the call needs.",
        ),
        line(
            Self::ConfirmationRequired,
            ("CONFIRMATION_REQUIRED", 428),
            "business-rule",
            false,
            "A person has to confirm the call; call again with the token in the details.",
        ),
        line(
            Self::RateLimit,
            ("RATE_LIMIT", 429),
            "throttled",
            true,
            "Too many calls; retry after the given seconds.",
        ),
        line(
            Self::ServerError,
            ("SERVER_ERROR", 500),
            "exception",
            true,
            "Our fault; the request id finds it in the log.",
        ),
        line(
            Self::NotReady,
            ("NOT_READY", 503),
            "transient",
            true,
            "Starting, stopping, or the database does not answer in time.",
        ),
    ];

    /// The line of this code.
    pub fn line(self) -> &'static ErrorLine {
        const TABLE: &[ErrorLine] = &ErrorCode::TABLE;
        TABLE.iter().find(|line| line.code == self).expect("the table has a line for each code")
    }

    /// The spelling.
    pub fn name(self) -> &'static str {
        self.line().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_line_in_the_table() {
        for line in &ErrorCode::TABLE {
            assert_eq!(line.code.line().name, line.name);
            assert_eq!(serde_json::to_value(line.code).unwrap(), line.name);
        }
    }
}
