//! The road that every call takes, whichever door it came in by.

mod choose;
mod confirm;
mod own;
mod replay;
mod resolve;
mod row;
mod together;
mod watch;
mod witness;

pub use self::{confirm::Asking, witness::Witness};
pub(crate) use self::{confirm::TOKEN_ARGUMENT, replay::KEY_ARGUMENT};

use self::confirm::Confirmation;

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock, Weak},
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use medcor_drugs::Knowledge;
use medcor_fhir::Id;
use medcor_policy::{Permit, TenantId};
use medcor_store::{AuditEntry, Conversation, Outcome, Session, Store, identity::Tenant};
use quick_cache::sync::Cache;
use serde_json::Value;

use crate::{
    Answer, Caller, Catalog, CompiledTool, ErrorReport, Exposure, Logins, RateLimit, RefusedRequest,
    Strangers, ToolContext, ToolError,
    argument::{self, Folded},
    budget::Budget,
    caller::FRESH_LOGIN_SECONDS,
    catalog::Implied,
    conversation::{self, Remembered},
    people::{Letter, LoggedIn, NOWHERE},
};

/// Tenants whose settings are kept at hand.
const TENANTS_CACHED: usize = 1024;
/// How long a tenant's settings are taken from memory: deactivating one takes effect within this time.
const TENANT_AGE_MAX: Duration = Duration::from_secs(5);

/// `event` of the audit row of a call.
const TOOL_CALL: &str = "AUDIT:TOOL_CALL";

/// Runs calls.
pub struct Pipeline {
    store: Store,
    catalog: Arc<Catalog>,
    rate_limit: RateLimit,
    logins: Option<Arc<dyn Logins>>,
    drugs: Arc<Knowledge>,
    allows_loopback: bool,
    strangers: Arc<Strangers>,
    budget: Budget,
    tenants: Cache<TenantId, (Arc<Tenant>, Instant)>,
    witness: OnceLock<Weak<dyn Witness>>,
}

/// One call, authenticated.
pub struct Call<'c> {
    /// Who calls.
    pub caller: &'c Caller,
    /// Name or alias of the tool.
    pub tool: &'c str,
    /// A JSON object.
    pub arguments: Value,
    /// The door's name for the audit trail, such as `mcp-http`.
    pub door: &'static str,
    /// The id that answer, log and audit share.
    pub request_id: &'c str,
    /// When the door had the whole request.
    pub started: Instant,
    /// The network address that it came from, where there is one.
    pub address: Option<IpAddr>,
}

/// The tool that a call means.
struct Target<'c> {
    tool: &'c CompiledTool,
    implied: Implied,
    /// What is still to be counted of the call.
    cost: u32,
}

/// A call that may run.
struct Prepared {
    permit: Arc<Permit>,
    work: Work,
}

/// What is left to do of it.
struct Work {
    conversation: Option<Remembered>,
    folded: Folded,
    tenant: Arc<Tenant>,
}

/// A call that ran, before anything of it is committed.
struct Ran<'c> {
    session: Session<'c>,
    letters: Vec<Letter>,
    logged_in: Option<LoggedIn>,
    event: &'static str,
    tenant: Arc<Tenant>,
    conversation: Option<Remembered>,
}

/// A call that was refused or failed; its audit row is durable.
pub type Refusal = ErrorReport;

impl Pipeline {
    /// A pipeline over this store and catalogue.
    pub fn new(store: Store, catalog: Arc<Catalog>, rate_limit: RateLimit) -> Self {
        Self {
            store,
            catalog,
            rate_limit,
            logins: None,
            drugs: Knowledge::embedded().clone(),
            allows_loopback: false,
            strangers: Arc::default(),
            budget: Budget::default(),
            tenants: Cache::new(TENANTS_CACHED),
            witness: OnceLock::new(),
        }
    }

    /// The same pipeline, with tools that log in and keep accounts.
    #[must_use]
    pub fn with_logins(mut self, logins: Arc<dyn Logins>) -> Self {
        self.logins = Some(logins);
        self
    }

    /// The same pipeline, with these tables of drugs instead of the embedded ones.
    #[must_use]
    pub fn with_drugs(mut self, drugs: Arc<Knowledge>) -> Self {
        self.drugs = drugs;
        self
    }

    /// The same pipeline, whose webhooks may call this machine: for development.
    #[must_use]
    pub fn with_loopback_webhooks(mut self, allows_loopback: bool) -> Self {
        self.allows_loopback = allows_loopback;
        self
    }

    /// Whether webhooks may call this machine.
    pub fn allows_loopback(&self) -> bool {
        self.allows_loopback
    }

    /// The same pipeline, whose trail strangers can't fill.
    #[must_use]
    pub fn with_strangers(mut self, strangers: Arc<Strangers>) -> Self {
        self.strangers = strangers;
        self
    }

    /// The catalogue.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The store, for the composition root. Records open only for a permit.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Runs one call: authorise, limit, fold and validate, resolve, execute, commit with the audit row.
    /// When it returns, in success or refusal, exactly one audit row is durable.
    ///
    /// A door lets the future run to its end even if its client is gone: the work may be committed, and
    /// the row must be too.
    pub async fn invoke(&self, call: Call<'_>) -> Result<Answer, Refusal> {
        self.invoke_asking(call, Asking::Unable).await
    }

    /// As [`Self::invoke`], for a door whose client can ask its person and call again with the token of a
    /// `CONFIRMATION_REQUIRED`. The question and the decision are two rows of the trail under one request id.
    pub async fn invoke_asking(&self, call: Call<'_>, asking: Asking<'_>) -> Result<Answer, Refusal> {
        self.invoke_at_cost(call, 1, asking).await
    }

    /// Runs one call of a batch that [`Pipeline::admit`] has let in as a whole.
    pub async fn invoke_admitted(&self, call: Call<'_>) -> Result<Answer, Refusal> {
        self.invoke_at_cost(call, 0, Asking::Unable).await
    }

    /// Lets a batch of `cost` calls in as a whole, or refuses it: its one audit row is then durable. The
    /// calls themselves go through [`Pipeline::invoke_admitted`].
    pub async fn admit(&self, batch: &Call<'_>, cost: u32) -> Result<(), Refusal> {
        match self.rate_limit.admit(batch.caller, batch.address, cost) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refuse_call(batch, error).await),
        }
    }

    /// Lets a request in before it is known what it asks, or refuses it: its one audit row is then durable.
    /// Doors answer a refusal with HTTP 429; a call beyond its rate is refused by [`Pipeline::invoke`].
    pub async fn admit_request(&self, request: &Call<'_>) -> Result<(), Refusal> {
        match self.rate_limit.admit_request(request.caller, request.address) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refuse_call(request, error).await),
        }
    }

    /// The limits, for the job that shares them between instances.
    pub fn rate_limit(&self) -> &RateLimit {
        &self.rate_limit
    }

    async fn invoke_at_cost(
        &self,
        mut call: Call<'_>,
        cost: u32,
        asking: Asking<'_>,
    ) -> Result<Answer, Refusal> {
        let mut handle = None;
        let Target { tool, implied, cost } = match self.target(&mut call, cost, &mut handle).await {
            Ok(target) => target,
            Err((tool, error)) => return Err(self.refused(&call, tool, Vec::new(), error).await),
        };
        let parameters = tool.parameter_names(&call.arguments);
        let prepared = self.prepare(&mut call, (tool, implied), cost, handle).await;
        let Prepared { permit, work } = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Err(self.refused(&call, Some(tool), parameters, error).await),
        };
        let elsewhere = OnceLock::new();
        let (mut ran, result) = self.ran(&call, (tool, &permit), work, &elsewhere, asking).await;
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => return Err(self.abandoned(&call, (tool, &parameters), ran, error).await),
        };
        let entry = self.entry_of(&call, (tool, &parameters), &mut ran);
        let Ran { mut session, letters, conversation, .. } = ran;
        if let Some(conversation) = &conversation {
            conversation.keep(&mut session);
        }
        match session.commit(entry).await {
            Ok(_) => {
                self.post(letters, call.request_id).await;
                let answer = conversation::told(conversation.as_ref(), answer);
                self.tell_witness(&call, tool, &answer);
                Ok(answer)
            }
            Err(error) => Err(self.refused(&call, Some(tool), parameters, error.into()).await),
        }
    }

    /// Does the work of a call, short of the commit.
    async fn ran<'c>(
        &'c self,
        call: &'c Call<'_>,
        (tool, permit): (&CompiledTool, &'c Permit),
        Work { conversation, folded, tenant }: Work,
        elsewhere: &'c OnceLock<Permit>,
        asking: Asking<'_>,
    ) -> (Ran<'c>, Result<Answer, ToolError>) {
        let mut cx = self.context(call, permit, tenant, elsewhere);
        cx.conversation = conversation;
        // Boxed, because the state of every search is in it and would be moved with each caller.
        let result = unless_it_panics(Box::pin(execute(tool, folded, asking, &mut cx))).await;
        let ToolContext { session, letters, logged_in, event, tenant, conversation, .. } = cx;
        let charged = self.budget.charge(&self.store, call.caller.principal(), session.patients()).await;
        (Ran { session, letters, logged_in, event, tenant, conversation }, charged.and(result))
    }

    fn context<'c>(
        &'c self,
        call: &Call<'c>,
        permit: &'c Permit,
        tenant: Arc<Tenant>,
        elsewhere: &'c OnceLock<Permit>,
    ) -> ToolContext<'c> {
        ToolContext {
            session: self.store.session(permit),
            caller: call.caller,
            permit,
            tenant,
            store: &self.store,
            clock: self.store.clock(),
            catalog: &self.catalog,
            resolved: Vec::new(),
            logins: self.logins.as_deref(),
            drugs: &self.drugs,
            allows_loopback: self.allows_loopback,
            elsewhere,
            letters: Vec::new(),
            request_id: call.request_id,
            address: call.address,
            logged_in: None,
            event: TOOL_CALL,
            conversation: None,
        }
    }

    /// The permit of a call as part of its conversation, and what that remembers.
    async fn in_conversation(
        &self,
        call: &Call<'_>,
        tool: &CompiledTool,
        permit: Arc<Permit>,
        handle: Option<String>,
    ) -> Result<(Arc<Permit>, Option<Remembered>), ToolError> {
        let Some(handle) = handle else { return Ok((permit, None)) };
        let found = self.conversation(call, &handle).await?;
        let permit = conversation::narrowed(permit, &found, tool.entry)?;
        Ok((permit, Some(Remembered::of(handle, found))))
    }

    async fn conversation(&self, call: &Call<'_>, handle: &str) -> Result<Conversation, ToolError> {
        if call.caller.is_anonymous() {
            return Err(conversation::unknown());
        }
        let found = self.store.conversation(call.caller.principal(), handle).await?;
        found.ok_or_else(conversation::unknown)
    }

    /// What the caller may do in this call, which is counted unless it is of an admitted batch.
    fn let_in(&self, call: &Call<'_>, tool: &CompiledTool, cost: u32) -> Result<Arc<Permit>, ToolError> {
        if call.caller.is_anonymous() && tool.entry.exposure != Exposure::BeforeLogin {
            return Err(ToolError::AuthRequired);
        }
        let permit = call.caller.permit(tool.entry);
        let permit =
            permit.map_err(|denial| ToolError::denied(denial, call.caller.principal(), tool.entry.needs))?;
        if self.wants_login(call.caller, tool) {
            return Err(ToolError::LoginTooOld { max_age_seconds: FRESH_LOGIN_SECONDS });
        }
        if cost > 0 {
            self.rate_limit.admit(call.caller, call.address, cost)?;
        }
        Ok(permit)
    }

    /// Whether the caller's token may have to become a better one for some tool: see [`Self::step_up`].
    pub fn may_step_up(&self, caller: &Caller) -> bool {
        caller.principal().scopes.is_some() || caller.has_old_login(self.store.clock().now())
    }

    fn wants_login(&self, caller: &Caller, tool: &CompiledTool) -> bool {
        tool.entry.needs_fresh_login && caller.has_old_login(self.store.clock().now())
    }

    /// The tool that a call means and what its token lacks for it, scopes or a fresh login, where the
    /// caller's roles would allow it: what a door says in its protocol's own words before the call begins.
    /// `None` for every other call, whatever will become of it.
    pub fn step_up(
        &self,
        caller: &Caller,
        tool: &str,
        arguments: &Value,
    ) -> Option<(&'static str, ToolError)> {
        let (found, implied) = self.catalog.find(tool)?;
        let meant = match found.entry.forward {
            None => self.only(tool, arguments)?,
            Some(forward) => {
                let Folded { arguments, .. } = argument::fold(found, implied, arguments.clone()).ok()?;
                let (name, arguments) = forward(Value::Object(arguments)).ok()?;
                self.only(&name, &arguments)?
            }
        };
        let Err(denial) = caller.permit(meant.entry) else {
            let too_old = ToolError::LoginTooOld { max_age_seconds: FRESH_LOGIN_SECONDS };
            return self.wants_login(caller, meant).then_some((meant.entry.name, too_old));
        };
        match ToolError::denied(denial, caller.principal(), meant.entry.needs) {
            error @ ToolError::ScopeRequired { .. } => Some((meant.entry.name, error)),
            _ => None,
        }
    }

    /// Records a call of a known caller that a door refused, and makes its report.
    pub async fn refuse_call(&self, call: &Call<'_>, error: ToolError) -> Refusal {
        let tool = self.catalog.find(call.tool).map(|(tool, _)| tool);
        let parameters = tool.map(|tool| tool.parameter_names(&call.arguments)).unwrap_or_default();
        self.refused(call, tool, parameters, error).await
    }

    /// Records a call that a door refused before there was a caller, and makes its report. Where strangers of
    /// its network have had too many refusals, one row stands for all of them.
    pub async fn refuse(&self, refused: &RefusedRequest<'_>, action: &str, error: ToolError) -> Refusal {
        if let Some(error) = self.passed_over(refused).await {
            return ErrorReport::new(&error, refused.request_id, self.store.clock().timestamp().to_string());
        }
        let entry = AuditEntry {
            at: self.store.clock().now(),
            event: "AUDIT:REFUSED".to_owned(),
            tenant: None,
            subject: None,
            client: None,
            roles: Vec::new(),
            action: action.to_owned(),
            parameters: Vec::new(),
            patients: Vec::new(),
            outcome: Outcome::Failure(error.code().name().to_owned()),
            latency_microseconds: 0,
            request_id: refused.request_id.to_owned(),
            door: refused.door.to_owned(),
            object: None,
            detail: None,
            address: None,
        };
        let recorded = self.store.ledger().record(entry).await;
        let error = recorded.err().map_or(error, ToolError::from);
        ErrorReport::new(&error, refused.request_id, self.store.clock().timestamp().to_string())
    }

    /// What a stranger is told whose refusal has no row of its own.
    async fn passed_over(&self, refused: &RefusedRequest<'_>) -> Option<ToolError> {
        match self.strangers.pass_over(&self.store, refused).await {
            Ok(None) => None,
            Ok(Some(retry_after_seconds)) => Some(ToolError::RateLimit { retry_after_seconds }),
            Err(error) => Some(error.into()),
        }
    }

    /// The tool that is meant. A tool that only names another is followed once. A refusal says of which
    /// tool it is, where that is known. The handle of the conversation is taken out of the arguments, on
    /// whichever level it stands.
    async fn target(
        &self,
        call: &mut Call<'_>,
        cost: u32,
        handle: &mut Option<String>,
    ) -> Result<Target<'_>, (Option<&CompiledTool>, ToolError)> {
        let taken = |arguments: &mut Value, known| {
            conversation::taken(arguments, known).map_err(|error| (None, error))
        };
        *handle = taken(&mut call.arguments, None)?;
        let unknown = |call: &Call<'_>, name: &str| (None, self.unknown(call.caller, name));
        let Some((tool, implied)) = self.catalog.find(call.tool) else {
            return Err(unknown(call, call.tool));
        };
        let Some(forward) = tool.entry.forward else {
            return self.chosen(call, call.tool, cost, handle.as_deref()).await;
        };
        let folded = argument::fold(tool, implied, call.arguments.take()).map_err(|error| (None, error))?;
        let (name, arguments) = forward(Value::Object(folded.arguments)).map_err(|error| (None, error))?;
        call.arguments = arguments;
        *handle = taken(&mut call.arguments, handle.take())?;
        match self.catalog.find(&name) {
            Some((tool, _)) if tool.entry.forward.is_none() => {
                self.chosen(call, &name, cost, handle.as_deref()).await
            }
            _ => Err(unknown(call, &name)),
        }
    }

    fn unknown(&self, caller: &Caller, name: &str) -> ToolError {
        ToolError::UnknownTool { near: self.catalog.near(name, caller) }
    }

    /// Lets the call in, finds its conversation, folds and checks its arguments.
    async fn prepare(
        &self,
        call: &mut Call<'_>,
        (tool, implied): (&CompiledTool, Implied),
        cost: u32,
        handle: Option<String>,
    ) -> Result<Prepared, ToolError> {
        let permit = self.let_in(call, tool, cost)?;
        let (permit, mut conversation) = self.in_conversation(call, tool, permit, handle).await?;
        if let Some(conversation) = &mut conversation {
            conversation.fill(tool, implied, &mut call.arguments);
        }
        let folded = argument::fold(tool, implied, call.arguments.take())?;
        let tenant = if call.caller.is_anonymous() {
            nowhere()
        } else {
            self.tenant(call.caller.principal().tenant).await?
        };
        Ok(Prepared { permit, work: Work { conversation, folded, tenant } })
    }

    /// Sends the letters of accounts that are committed. One that can't be sent does not undo the account:
    /// an administrator sends another.
    async fn post(&self, letters: Vec<Letter>, request_id: &str) {
        let Some(logins) = &self.logins else { return };
        for letter in letters {
            let sent = match letter {
                Letter::Invitation(subject) => logins.invite(subject).await,
                Letter::AddressChanged(before) => logins.tell_of_new_address(before).await,
            };
            if let Err(error) = sent {
                tracing::warn!(request.id = request_id, cause = error.cause(), "a letter was not sent");
            }
        }
    }

    async fn tenant(&self, id: TenantId) -> Result<Arc<Tenant>, ToolError> {
        if let Some((tenant, read)) = self.tenants.get(&id)
            && read.elapsed() < TENANT_AGE_MAX
        {
            return Ok(tenant);
        }
        let tenants = self.store.identity().tenants().await?;
        let tenant = tenants.into_iter().find(|tenant| tenant.id == id && tenant.is_active);
        let tenant = Arc::new(tenant.ok_or(ToolError::AuthInvalid("its organisation is not active"))?);
        self.tenants.insert(id, (tenant.clone(), Instant::now()));
        Ok(tenant)
    }
}

/// The organisation of callers who are not known yet.
fn nowhere() -> Arc<Tenant> {
    Arc::new(Tenant {
        id: NOWHERE,
        organization: Id::new("nowhere").expect("these are letters of an id"),
        slug: String::new(),
        name: String::new(),
        time_zone: "UTC".to_owned(),
        is_active: true,
    })
}

/// A tool that panics has a bug; its call still ends with an answer and an audit row.
async fn unless_it_panics(
    work: impl Future<Output = Result<Answer, ToolError>>,
) -> Result<Answer, ToolError> {
    // Whatever the panic left half done is only staged, and a call that failed is abandoned.
    let caught = AssertUnwindSafe(work).catch_unwind().await;
    caught.unwrap_or_else(|_panic| Err(ToolError::Server(Box::new(Panicked))))
}

#[derive(Debug, thiserror::Error)]
#[error("the tool panicked")]
struct Panicked;

async fn execute(
    tool: &CompiledTool,
    mut folded: Folded,
    asking: Asking<'_>,
    cx: &mut ToolContext<'_>,
) -> Result<Answer, ToolError> {
    let keyed = replay::Keyed::of(tool, &mut folded, cx.permit.pin());
    // Whether it was confirmed is no part of what is asked, so a repeated call is known without.
    let confirmation = Confirmation::of(tool, &mut folded, asking);
    let Some(keyed) = keyed else { return work(tool, folded, confirmation, cx).await };
    if let Some(answer) = keyed.known(cx).await? {
        return Ok(answer);
    }
    let home = cx.tenant.id;
    let worked = work(tool, folded, confirmation, cx).await;
    // An answer is kept in the organisation in which the work was done, and it is known only now which that is. Where
    // the work failed, its twin of the same moment may have done it meanwhile, which is then what stands against it.
    let known = match &worked {
        Ok(_) if cx.tenant.id == home => None,
        _ => keyed.known(cx).await?,
    };
    if let (Ok(answer), None) = (&worked, &known) {
        keyed.keep(answer, cx);
        return worked;
    }
    cx.session.discard();
    cx.letters.clear();
    cx.logged_in = None;
    known.map_or(worked, Ok)
}

async fn work(
    tool: &CompiledTool,
    folded: Folded,
    confirmation: Option<Confirmation>,
    cx: &mut ToolContext<'_>,
) -> Result<Answer, ToolError> {
    let arguments = resolve::references(tool, folded, cx).await?;
    if let Some(mut conversation) = cx.conversation.take() {
        conversation.note(tool, &arguments, cx.today());
        cx.conversation = Some(conversation);
    }
    if let Some(confirmation) = confirmation {
        confirmation.check(cx).await?;
    }
    (tool.entry.run)(Value::Object(arguments), cx).await
}
