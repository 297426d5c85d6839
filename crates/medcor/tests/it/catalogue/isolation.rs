//! Whoever names a record that is not theirs learns and changes nothing.

use medcor_fhir::ResourceType;
use medcor_policy::Role;
use medcor_tools::{Caller, CompiledTool, ErrorCode, Exposure};
use serde_json::{Value, json};

use super::example;
use crate::support::{
    canary::{self, Secrets},
    region::{House, Person, Region},
};

/// What might match everything.
const WILDCARDS: [&str; 5] = ["%", "*", "_", ".*", "Kanarie"];

crate::on_each_database! {
    no_tool_shows_or_changes_what_is_another_tenants,
    no_tool_shows_a_patient_or_changes_what_is_another_patients,
    no_tool_reaches_past_a_pin,
    no_list_shows_what_is_another_tenants,
}

async fn no_tool_shows_or_changes_what_is_another_tenants(region: Region) {
    let callers = [region.south.caller(Role::Doctor, None), region.south.caller(Role::Admin, None)];
    let secrets = region.north.secrets();
    let before = region.content(&region.north).await;
    let attack = Attack::new(&region, &region.south, &secrets, vec![&region.north.ada]);
    let mut attack = attack.with_staff(&region.north);
    for (tool, manner) in attacks(&region) {
        for caller in callers.iter().filter(|caller| caller.may_use(tool.entry)) {
            attack.on_tool(caller, tool, manner).await;
        }
        assert!(region.content(&region.north).await == before, "{} changed another tenant", tool.entry.name);
    }
    attack.end();
    let content = region.content(&region.south).await;
    for (resource_type, id) in &region.north.ada.records {
        let reference = format!("\"reference\":\"{resource_type}/{id}\"");
        assert!(!content.contains(&reference), "a record refers to {reference} of another tenant");
    }
}

async fn no_tool_shows_a_patient_or_changes_what_is_another_patients(region: Region) {
    let caller = region.north.caller(Role::Patient, None);
    let bea = &region.north.bea;
    let secrets = bea.secrets();
    let mut attack = Attack::new(&region, &region.north, &secrets, vec![bea]);
    let before = chart(&region, bea).await;
    for (tool, manner) in attacks(&region).into_iter().filter(|(tool, _)| caller.may_use(tool.entry)) {
        attack.on_tool(&caller, tool, manner).await;
        assert!(chart(&region, bea).await == before, "{} changed another patient", tool.entry.name);
    }
    attack.end();
}

async fn no_tool_reaches_past_a_pin(region: Region) {
    let bea = &region.north.bea;
    let secrets = bea.secrets();
    let before = chart(&region, bea).await;
    let mut pinned = Vec::new();
    for role in [Role::Doctor, Role::Admin] {
        let caller = region.north.caller(role, None);
        let session = pinned_session(&region, &caller).await;
        pinned.push((caller, session));
    }
    let mut attack = Attack::new(&region, &region.north, &secrets, vec![bea]);
    for (tool, manner) in attacks(&region) {
        // How a pin fences does not depend on the database, so the long half is done on one.
        if matches!(manner, Manner::ByText) && !region.is_on_sqlite() {
            continue;
        }
        // What begins another conversation or a login is not of this one.
        if tool.entry.exposure != Exposure::Listed || tool.entry.names_another() {
            continue;
        }
        for (caller, session) in pinned.iter().filter(|(caller, _)| caller.may_use(tool.entry)) {
            attack.session = Some(session.clone());
            attack.on_tool(caller, tool, manner).await;
        }
        assert!(chart(&region, bea).await == before, "{} changed another patient", tool.entry.name);
    }
    attack.end();
}

/// A conversation of the caller with Ada pinned.
async fn pinned_session(region: &Region, caller: &Caller) -> Value {
    let pin = json!({ "patient": region.north.ada.patient });
    let (_, pinned) = region.call(caller, "pin_patient", pin).await;
    let pinned: Value = serde_json::from_str(pinned.expect("a session begins").json()).expect("JSON");
    pinned["session"].clone()
}

async fn no_list_shows_what_is_another_tenants(region: Region) {
    let callers = [
        region.south.caller(Role::Doctor, None),
        region.south.caller(Role::Admin, None),
        region.south.caller(Role::Superadmin, None),
        region.south.caller(Role::System, Some("system/*.cruds")),
    ];
    let secrets = region.north.secrets();
    let mut own_rows = 0;
    for tool in region.pipeline.catalog().tools() {
        for caller in callers.iter().filter(|caller| caller.may_use(tool.entry)) {
            let mut arguments = example::arguments(tool, &region.south);
            for (name, value) in [("limit", json!(100)), ("format", json!("fhir"))] {
                if tool.parameters().any(|known| known == name) {
                    arguments[name] = value;
                }
            }
            let (_, result) = region.call(caller, tool.entry.name, arguments.clone()).await;
            let text = match &result {
                Ok(answer) => answer.json().to_owned(),
                Err(refusal) => refusal.text(),
            };
            own_rows += text.matches(&canary::mark("south")).count();
            let found = secrets.found_in(&text, "");
            assert_eq!(found, None, "{} {arguments} shows {text}", tool.entry.name);
        }
    }
    assert!(own_rows > 0, "no list showed anything");
}

/// How what belongs to others is named.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Where a record is asked for.
    ByReference,
    /// Where any text is taken.
    ByText,
}

/// What a writing tool is given as text may be shown, or be found, by later calls. So references come
/// first, and of tools those that only read.
fn attacks(region: &Region) -> Vec<(&CompiledTool, Manner)> {
    let mut tools: Vec<&CompiledTool> = region.pipeline.catalog().tools().collect();
    tools.sort_by_key(|tool| !tool.entry.effect.is_read_only());
    let in_manner = |manner| tools.iter().map(move |tool| (*tool, manner));
    in_manner(Manner::ByReference).chain(in_manner(Manner::ByText)).collect()
}

/// A person's records, as they are stored.
async fn chart(region: &Region, person: &Person) -> Vec<String> {
    let content = region.content(&region.north).await;
    let is_own = |line: &&str| {
        person.records.iter().any(|(resource_type, id)| line.starts_with(&format!("{resource_type}/{id} ")))
    };
    content.lines().filter(is_own).map(str::to_owned).collect()
}

/// Names records of others in every parameter of a tool.
struct Attack<'a> {
    region: &'a Region,
    /// Whose caller attacks.
    own: &'a House,
    secrets: &'a Secrets,
    victims: Vec<&'a Person>,
    /// The other house, if its staff is named too.
    staff: Option<&'a House>,
    /// The conversation that every call is part of.
    session: Option<Value>,
    /// Everything that is ever sent.
    written: String,
    breaches: Vec<String>,
    calls: usize,
}

impl<'a> Attack<'a> {
    fn new(region: &'a Region, own: &'a House, secrets: &'a Secrets, victims: Vec<&'a Person>) -> Self {
        let written = String::new();
        let mut attack = Self {
            region,
            own,
            secrets,
            victims,
            staff: None,
            session: None,
            written,
            breaches: Vec::new(),
            calls: 0,
        };
        attack.written = attack.all_texts().join(" ");
        attack
    }

    /// Names the staff of this house too.
    fn with_staff(mut self, house: &'a House) -> Self {
        self.staff = Some(house);
        self.written = self.all_texts().join(" ");
        self
    }

    async fn on_tool(&mut self, caller: &Caller, tool: &CompiledTool, manner: Manner) {
        match manner {
            Manner::ByReference => self.with_references(caller, tool).await,
            Manner::ByText => self.with_texts(caller, tool).await,
        }
    }

    async fn with_references(&mut self, caller: &Caller, tool: &CompiledTool) {
        for path in tool.references() {
            for text in self.names_of(path.resource_type) {
                let mut arguments = example::arguments(tool, self.own);
                place(tool, self.own, &mut arguments, &path.steps, &text);
                self.by_reference(caller, tool, arguments, &text).await;
            }
        }
    }

    async fn with_texts(&mut self, caller: &Caller, tool: &CompiledTool) {
        let good = example::arguments(tool, self.own);
        let texts = self.all_texts();
        for name in free_parameters(tool) {
            for text in &texts {
                let mut arguments = good.clone();
                arguments[&name] = text.as_str().into();
                self.by_text(caller, tool, arguments, text).await;
            }
        }
        // Where a record is named by type and id, both go together.
        let takes = |wanted: &str| tool.parameters().any(|name| name == wanted);
        if takes("resource_type") && takes("id") {
            let records: Vec<_> = self.victims.iter().flat_map(|person| person.records.clone()).collect();
            for (resource_type, id) in records {
                let mut arguments = good.clone();
                arguments["resource_type"] = resource_type.name().into();
                arguments["id"] = id.as_str().into();
                self.by_text(caller, tool, arguments, id.as_str()).await;
            }
        }
    }

    async fn by_reference(&mut self, caller: &Caller, tool: &CompiledTool, mut arguments: Value, text: &str) {
        self.add_session(&mut arguments);
        let (_, result) = self.region.call(caller, tool.entry.name, arguments.clone()).await;
        let answer = match &result {
            Ok(answer) => answer.json().to_owned(),
            Err(refusal) => refusal.text(),
        };
        let is_pinned = self.session.is_some();
        let is_refused = result.is_err_and(|refusal| {
            refusal.code == ErrorCode::ResourceNotFound
                || (is_pinned && refusal.code == ErrorCode::PermissionDenied)
        });
        if !is_refused {
            self.breaches.push(format!("{} {arguments} was not refused: {answer}", tool.entry.name));
        }
        self.check(tool, &arguments, &answer, text);
    }

    fn add_session(&self, arguments: &mut Value) {
        if let Some(session) = &self.session {
            arguments["session"] = session.clone();
        }
    }

    async fn by_text(&mut self, caller: &Caller, tool: &CompiledTool, mut arguments: Value, text: &str) {
        self.add_session(&mut arguments);
        let (_, result) = self.region.call(caller, tool.entry.name, arguments.clone()).await;
        let answer = match result {
            Ok(answer) => answer.into_json(),
            Err(refusal) => refusal.text(),
        };
        self.check(tool, &arguments, &answer, text);
    }

    fn check(&mut self, tool: &CompiledTool, arguments: &Value, answer: &str, written: &str) {
        self.calls += 1;
        let written = if tool.entry.effect.is_read_only() { written } else { &self.written };
        if let Some(secret) = self.secrets.found_in(answer, written) {
            self.breaches.push(format!("{} {arguments} shows {secret}: {answer}", tool.entry.name));
        }
    }

    /// What might name a record of this type.
    fn names_of(&self, resource_type: ResourceType) -> Vec<String> {
        match (resource_type, self.staff) {
            (ResourceType::PATIENT, _) => self.victims.iter().flat_map(|person| person.names()).collect(),
            (ResourceType::PRACTITIONER, Some(house)) => {
                vec![house.practitioner.to_string(), house.practitioner_name.clone()]
            }
            (ResourceType::ORGANIZATION, Some(house)) => {
                vec![house.tenant.organization.to_string(), house.tenant.slug.clone()]
            }
            (ResourceType::PRACTITIONER | ResourceType::ORGANIZATION, None) => Vec::new(),
            (other, _) => {
                let ids = self.victims.iter().filter_map(|person| person.record(other));
                ids.flat_map(|id| [id.to_string(), format!("{other}/{id}")]).collect()
            }
        }
    }

    fn all_texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = WILDCARDS.iter().map(|text| (*text).to_owned()).collect();
        for person in &self.victims {
            texts.extend(person.names());
            texts.extend(person.records.iter().map(|(resource_type, id)| format!("{resource_type}/{id}")));
            texts.push(format!("patient={}", person.patient));
            texts.push(format!("_has:Observation:patient:code=8867-4&_id={}", person.patient));
        }
        if let Some(house) = self.staff {
            texts.extend([house.practitioner.to_string(), house.practitioner_name.clone()]);
            texts.extend([house.tenant.organization.to_string(), house.tenant.id.to_string()]);
        }
        texts
    }

    fn end(self) {
        assert!(
            self.breaches.is_empty(),
            "{} of {} calls: {:#?}",
            self.breaches.len(),
            self.calls,
            self.breaches
        );
        assert!(self.calls > 0 || self.region.pipeline.catalog().tools().next().is_none());
    }
}

/// Parameters that take any text and are no references.
fn free_parameters(tool: &CompiledTool) -> Vec<String> {
    let is_reference = |name: &str| tool.references().iter().any(|path| path.steps[0] == name);
    let is_free = |name: &&str| {
        let schema = &tool.input_schema["properties"][*name];
        let item = if schema["type"] == "array" { &schema["items"] } else { schema };
        item["type"] == "string" && item.get("enum").is_none() && !is_reference(name)
    };
    tool.parameters().filter(is_free).map(str::to_owned).collect()
}

/// Puts the text where the steps lead, making what is missing on the way.
fn place(tool: &CompiledTool, own: &House, arguments: &mut Value, steps: &[String], text: &str) {
    if arguments.get(&steps[0]).is_none() {
        arguments[&steps[0]] = example::value_of(tool, own, &steps[0]);
    }
    let mut slot = arguments;
    for step in steps {
        slot = if step == "*" { &mut slot[0] } else { &mut slot[step.as_str()] };
    }
    *slot = text.into();
}
