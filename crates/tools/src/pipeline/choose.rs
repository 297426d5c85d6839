//! Which tool a call of an overloaded name means: by its arguments, else by the record that they name.

use medcor_store::{Conversation, Lookup, LookupBy, Matched};
use serde_json::Value;

use super::{Call, Pipeline, Target};
use crate::{
    CompiledTool, ToolError,
    conversation::narrowed,
    overload::{self, Choice, Meant},
};

impl Pipeline {
    /// The tool that a call means by this name, which there is.
    pub(super) async fn chosen(
        &self,
        call: &Call<'_>,
        name: &str,
        cost: u32,
        session: Option<&str>,
    ) -> Result<Target<'_>, (Option<&CompiledTool>, ToolError)> {
        let forms = self.catalog.forms(name);
        let Some(first) = forms.first() else {
            let found = self.catalog.find(name);
            let (tool, implied) = found.ok_or_else(|| (None, self.unknown(call.caller, name)))?;
            return Ok(Target { tool, implied, cost });
        };
        let choice = overload::choice(&forms, &call.arguments);
        if forms.iter().any(|meant| meant.form.record.is_some()) {
            // Looking is work, so it is counted before it is done.
            if cost > 0 {
                let admitted = self.rate_limit.admit(call.caller, call.address, cost);
                admitted.map_err(|error| (Some(first.tool), error))?;
            }
            // Boxed, because few calls come here and every call would carry its state.
            let meant = Box::pin(self.by_record(call, name, (&forms, choice), session)).await;
            let Meant { tool, implied, .. } = meant.map_err(|error| (Some(first.tool), error))?;
            return Ok(Target { tool, implied, cost: 0 });
        }
        let undecided = || overload::undecided(name, &forms, &call.arguments);
        match choice {
            Choice::One(position) => {
                let Meant { tool, implied, .. } = forms[position];
                Ok(Target { tool, implied, cost })
            }
            Choice::None | Choice::Several(_) => Err((Some(first.tool), undecided())),
        }
    }

    /// The form of the record that the call names. Where several or none have such a record, the other
    /// arguments decide.
    async fn by_record<'m>(
        &self,
        call: &Call<'_>,
        name: &str,
        (forms, choice): (&[Meant<'m>], Choice),
        session: Option<&str>,
    ) -> Result<Meant<'m>, ToolError> {
        let conversation = match session {
            // Whoever is not known has none, and is told to log in.
            Some(handle) if !call.caller.is_anonymous() => Some(self.conversation(call, handle).await?),
            _ => None,
        };
        let mut found = Vec::new();
        for (position, meant) in forms.iter().enumerate() {
            if self.has_record(call, meant, conversation.as_ref()).await? {
                found.push(position);
            }
        }
        let undecided = || overload::undecided(name, forms, &call.arguments);
        let marked = match &choice {
            Choice::One(position) if overload::mark_of(&forms[*position], &call.arguments).is_some() => {
                vec![*position]
            }
            Choice::Several(positions) => positions.clone(),
            Choice::One(_) | Choice::None => Vec::new(),
        };
        match (found.as_slice(), marked.as_slice()) {
            // Arguments of the other form are a mistake, whatever the id says.
            ([only], marked) if marked.iter().any(|position| position != only) => Err(undecided()),
            ([only], _) | ([], [only]) => Ok(forms[*only]),
            (several, [only]) if several.contains(only) => Ok(forms[*only]),
            // There is nothing of this id: any form that the caller may use says so.
            ([], []) => {
                let is_open = |meant: &&Meant<'_>| call.caller.may_use(meant.tool.entry);
                Ok(*forms.iter().find(is_open).unwrap_or(&forms[0]))
            }
            _ => Err(undecided()),
        }
    }

    /// Whether the call names a record of this form, as far as the caller sees in this conversation.
    async fn has_record(
        &self,
        call: &Call<'_>,
        meant: &Meant<'_>,
        conversation: Option<&Conversation>,
    ) -> Result<bool, ToolError> {
        let Some(parameter) = meant.form.record else { return Ok(false) };
        let text = match overload::value_of(meant.tool, parameter, &call.arguments) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Ok(false),
        };
        let mut references = meant.tool.references().iter();
        let path = references.find(|path| path.steps == [parameter]);
        let (Some(path), Ok(permit)) = (path, call.caller.permit(meant.tool.entry)) else {
            return Ok(false);
        };
        let permit = match conversation {
            None => permit,
            Some(conversation) => match narrowed(permit, conversation, meant.tool.entry) {
                Ok(permit) => permit,
                Err(_out_of_reach) => return Ok(false),
            },
        };
        let mut session = self.store.session(&permit);
        for by in [LookupBy::Id, LookupBy::Identifier, LookupBy::Name] {
            let lookup = Lookup { resource_type: path.resource_type, text: &text, by };
            if matches!(session.lookup(&lookup).await?, Matched::One(_) | Matched::Several(_)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The one tool that a call of this name can mean, where its arguments say so.
    pub(super) fn only(&self, name: &str, arguments: &Value) -> Option<&CompiledTool> {
        match self.catalog.meant(name, arguments).as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}
