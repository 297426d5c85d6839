//! What a refusal says of the token that would do, whichever door it is given at (RFC 6750 §3, RFC 9470 §3,
//! RFC 9728 §5.1).

use axum::http::{HeaderValue, header};
use medcor_tools::{ErrorCode, ErrorReport};
use serde_json::Value;

use super::{
    DoorSettings,
    oauth::MCP_METADATA,
    response::{self, Answer},
};

/// Where tokens come from.
pub(super) struct Challenge(String);

impl Challenge {
    /// Of a server that is reached at its public URL.
    pub(super) fn of(settings: &DoorSettings) -> Self {
        let origin = settings.public_url.trim_end_matches('/');
        Self(format!("Bearer resource_metadata=\"{origin}{MCP_METADATA}\""))
    }

    /// The refusal, with what a client needs to get a token or a better one where that is what it lacks.
    pub(super) fn refusal(&self, report: &ErrorReport) -> Answer {
        let mut answer = response::error(report);
        let challenge = self.words(report).and_then(|words| HeaderValue::from_str(&words).ok());
        if let Some(challenge) = challenge {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer
    }

    fn words(&self, report: &ErrorReport) -> Option<String> {
        let Self(base) = self;
        let scopes = report.details.get("required_scopes").and_then(Value::as_array);
        match (report.code, report.details.get("max_age"), scopes) {
            (ErrorCode::AuthInvalid, ..) => {
                let description = &report.message;
                Some(format!("{base}, error=\"invalid_token\", error_description=\"{description}\""))
            }
            (ErrorCode::AuthRequired, Some(max_age), _) => Some(format!(
                "{base}, error=\"insufficient_user_authentication\", \
                 error_description=\"a more recent login is required\", max_age=\"{max_age}\""
            )),
            (ErrorCode::AuthRequired, None, _) => Some(base.clone()),
            (ErrorCode::PermissionDenied, _, Some(scopes)) => {
                let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
                Some(format!("{base}, error=\"insufficient_scope\", scope=\"{}\"", scopes.join(" ")))
            }
            _ => None,
        }
    }
}
