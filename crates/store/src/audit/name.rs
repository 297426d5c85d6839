//! What a row of the trail says, in words for people.

use std::borrow::Cow;

use super::{AuditEntry, Outcome};

/// What each event is, by its name without `AUDIT:`; `{}` is the action.
const EVENTS: &[(&str, &str)] = &[
    ("TOOL_CALL", "called {}"),
    ("REFUSED", "was refused before the caller was known ({})"),
    ("AUTHENTICATION", "authentication: {}"),
    ("CONSENT", "consent: {}"),
    ("TOKEN", "token: {}"),
    ("ADMINISTRATION", "administration: {}"),
    ("EVENTS", "events: {}"),
    ("SUBSCRIPTION", "began to watch ({})"),
    ("BREAK_GLASS", "opened a record in an emergency"),
    ("TRAIL_READ", "read the audit trail ({})"),
    ("DISCLOSURES_READ", "read the accounting of disclosures"),
    ("USER_CREATED", "added a user"),
    ("USER_ENABLED", "let a user in again"),
    ("USER_DISABLED", "shut a user out"),
    ("USER_ROLES_SET", "changed the roles of a user"),
    ("LINK_ISSUED", "made a one-time link for a user"),
    ("LOOKUP", "looked up a record ({})"),
    ("CLIENT_CREATED", "added a client"),
    ("CLIENT_DISABLED", "shut a client out"),
    ("CLIENT_SECRET_ROTATED", "gave a client a new secret"),
    ("KEYS_ROTATED", "changed the keys of tokens"),
    ("TENANT_CREATED", "added an organisation"),
    ("TOKEN_ISSUED", "made a token on the command line"),
    ("IMPORT", "imported records"),
    ("IMPORT_LOOKUP", "looked up a record for an import"),
    ("EXPORT", "exported records"),
    ("DEMONSTRATION", "wrote the demonstration data set"),
];

/// What each act outside of tool calls is.
const ACTS: &[(&str, &str)] = &[
    ("login", "logged in"),
    ("logout", "logged out"),
    ("end_session", "ended a session"),
    ("resume_session", "went on with a session"),
    ("reset_password", "asked for a new password"),
    ("set_password", "set a password"),
    ("enable_mfa", "turned the second factor on"),
    ("disable_mfa", "turned the second factor off"),
    ("renew_recovery_codes", "made new recovery codes"),
    ("allow_client", "let a client act for them"),
    ("refuse_client", "did not let a client act for them"),
    ("revoke_grant", "took back what a client was allowed"),
    ("issue_token", "a token was issued"),
    ("refresh_token", "a token was refreshed"),
    ("revoke_token", "a token was revoked"),
    ("open_stream", "opened a stream of events"),
    ("end_stream", "a stream ended"),
    ("issue_stream_ticket", "made a ticket for a stream of events"),
    ("register_client", "a client was registered"),
    ("disable_user", "shut a user out"),
    ("tenant set", "changed a setting of the organisation"),
    ("sign_trail", "the audit trail was signed"),
];

impl AuditEntry {
    /// What happened, in a few words: `logged in`, `called get_patient`. A refusal or failure is said to be
    /// one.
    pub fn what(&self) -> String {
        let name = self.event.strip_prefix("AUDIT:").unwrap_or(&self.event);
        let act = ACTS.iter().find(|(known, _)| *known == self.action).map(|(_, words)| *words);
        let is_call = matches!(name, "TOOL_CALL" | "REFUSED");
        let words: Cow<'_, str> = match (is_call, act, EVENTS.iter().find(|(known, _)| *known == name)) {
            (false, Some(act), _) => act.into(),
            (_, _, Some((_, words))) => words.replace("{}", &self.action).into(),
            // An event that is not in the table is called by its own name.
            (_, _, None) => format!("{}: {}", name.to_lowercase().replace('_', " "), self.action).into(),
        };
        match &self.outcome {
            Outcome::Success => words.into_owned(),
            Outcome::Failure(code) => format!("{words}: refused or failed with {code}"),
        }
    }

    /// Whether this is the name of the row's tool, command or act, or of its event, with or without
    /// `AUDIT:`.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let event = self.event.strip_prefix("AUDIT:").unwrap_or(&self.event);
        self.action == name || self.event == name || event.eq_ignore_ascii_case(name)
    }
}
