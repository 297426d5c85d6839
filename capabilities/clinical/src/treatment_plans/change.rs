//! Changing a plan and ending it; the medications that it names go with it.

use medcor_fhir::{ParsedResource, RawObject, ResourceType, primitive::format_instant, view::Text};
use medcor_tools::{
    Alias, Effect, Form, Need, Record, Ref, Synonym, Tool, ToolContext, ToolError, alias,
    detail::{Problems, day},
    kind, synonym, view,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{json, value::to_raw_value};

use super::{
    PLAN_SYNONYMS,
    create::{SavedPlan, detail, follow_up},
    planned,
    row::{DISCONTINUED, Plan, PlanRows, is_activity},
    status::{self, PlanStatus},
};
use crate::{author::Author, listing::Paging};

/// Changes a treatment plan: how it stands, its instructions, its follow-up; or adds a note.
///
/// Only what you give is changed. A plan that was completed or discontinued takes notes only; make a new one
/// instead. Medications that it names are put on hold, completed or stopped with it.
#[derive(Deserialize, JsonSchema)]
pub(super) struct UpdateTreatmentPlan {
    /// The id of the plan, from `list_treatment_plans`.
    plan: Ref<kind::CarePlan>,
    /// How it stands now.
    status: Option<PlanStatus>,
    /// A note to add.
    #[schemars(length(max = 4000))]
    notes: Option<String>,
    /// What the patient is told from now on.
    #[schemars(length(max = 4000))]
    instructions: Option<String>,
    /// When the patient comes back, as YYYY-MM-DD. It books nothing.
    follow_up_date: Option<String>,
    /// Last day, as YYYY-MM-DD.
    end_date: Option<String>,
}

/// What writing plans needs.
const NEEDS: &[Need] = &[
    Need::read(ResourceType::CARE_PLAN),
    Need::update(ResourceType::CARE_PLAN),
    Need::search_if_allowed(ResourceType::MEDICATION_REQUEST),
    Need::update_if_allowed(ResourceType::MEDICATION_REQUEST),
    Need::read_if_allowed(ResourceType::PRACTITIONER),
];

impl Tool for UpdateTreatmentPlan {
    const NAME: &'static str = "update_treatment_plan";
    const TITLE: &'static str = "Change a treatment plan";
    const ALIASES: &'static [Alias] = &[
        alias("update_treatment").form(
            Form::marked(
                &["status", "notes", "instructions", "follow_up_date", "end_date"],
                "with the id of a patient's plan (status, notes)",
            )
            .of_record("plan"),
        ),
        alias("update_care_plan"),
    ];
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = NEEDS;
    const SYNONYMS: &'static [Synonym] =
        &[PLAN_SYNONYMS[0], PLAN_SYNONYMS[1], PLAN_SYNONYMS[2], PLAN_SYNONYMS[3], synonym("note", "notes")];
    const KEYWORDS: &'static [&'static str] = &["complete a plan", "put on hold", "care plan"];
    type Output = SavedPlan;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SavedPlan, ToolError> {
        let record = cx.record(&self.plan).await?;
        let plan: Plan<'_> = view(&record)?;
        let change = self.checked(&plan)?;
        changed(&record, &plan, &change, cx).await
    }
}

impl UpdateTreatmentPlan {
    fn checked(self, plan: &Plan<'_>) -> Result<Change, ToolError> {
        let mut problems = Problems::default();
        let words =
            |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|it| !it.is_empty());
        let follow_up = problems.checked("follow_up_date", self.follow_up_date.as_deref(), day);
        let end = problems.checked("end_date", self.end_date.as_deref(), day);
        let begins =
            plan.period.as_ref().and_then(|period| period.start.as_deref()).and_then(|it| day(it).ok());
        for (parameter, day) in [("follow_up_date", follow_up), ("end_date", end)] {
            if day.zip(begins).is_some_and(|(day, begins)| day < begins) {
                problems.add(parameter, "is before the plan begins");
            }
        }
        problems.refuse()?;
        let change = Change {
            status: self.status,
            note: words(self.notes),
            reason: None,
            instructions: words(self.instructions),
            follow_up: follow_up.map(|day| day.to_string()),
            end: end.map(|day| day.to_string()),
        };
        if change.is_nothing() {
            return Err(ToolError::invalid(
                "/status",
                "give status, notes, instructions, follow_up_date or end_date",
            ));
        }
        Ok(change)
    }
}

/// Ends a treatment plan early, with the reason. The medications that it names are stopped with it.
///
/// What was prescribed stays prescribed: `discontinue_medication` stops that. A plan that has ended already is
/// refused with PRECONDITION.
#[derive(Deserialize, JsonSchema)]
pub(super) struct DiscontinueTreatmentPlan {
    /// The id of the plan, from `list_treatment_plans`.
    plan: Ref<kind::CarePlan>,
    /// Why it ends.
    #[schemars(length(min = 3, max = 1000))]
    reason: String,
}

impl Tool for DiscontinueTreatmentPlan {
    const NAME: &'static str = "discontinue_treatment_plan";
    const TITLE: &'static str = "Discontinue a treatment plan";
    const ALIASES: &'static [Alias] = &[alias("stop_treatment_plan")];
    const EFFECT: Effect = Effect::Deletes;
    const NEEDS: &'static [Need] = NEEDS;
    const IS_CONFIRMED: bool = true;
    const SYNONYMS: &'static [Synonym] = &PLAN_SYNONYMS;
    const KEYWORDS: &'static [&'static str] = &["end a plan", "cancel a plan", "care plan"];
    type Output = SavedPlan;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SavedPlan, ToolError> {
        let record = cx.record(&self.plan).await?;
        let plan: Plan<'_> = view(&record)?;
        let reason = self.reason.trim();
        if reason.is_empty() {
            return Err(ToolError::invalid("/reason", "is blank; say why the plan ends"));
        }
        if status::has_ended(&plan.status) {
            return Err(ended(&plan));
        }
        let change = Change {
            status: Some(PlanStatus::Discontinued),
            reason: Some(reason.to_owned()),
            ..Change::default()
        };
        changed(&record, &plan, &change, cx).await
    }
}

/// What becomes of a plan.
#[derive(Default)]
struct Change {
    status: Option<PlanStatus>,
    note: Option<String>,
    reason: Option<String>,
    instructions: Option<String>,
    follow_up: Option<String>,
    end: Option<String>,
}

impl Change {
    fn is_nothing(&self) -> bool {
        self.status.is_none() && self.note.is_none() && self.changes_no_content()
    }

    fn changes_no_content(&self) -> bool {
        self.instructions.is_none() && self.follow_up.is_none() && self.end.is_none()
    }
}

fn ended(plan: &Plan<'_>) -> ToolError {
    let word = status::word(&plan.status);
    ToolError::Precondition(format!("the plan is {word}; notes can be added, for all else make a new plan"))
}

async fn changed(
    record: &Record,
    plan: &Plan<'_>,
    change: &Change,
    cx: &mut ToolContext<'_>,
) -> Result<SavedPlan, ToolError> {
    let new_status = change.status.filter(|status| status.code() != plan.status.as_str());
    let is_begun_anew = new_status.is_some() || !change.changes_no_content();
    if status::has_ended(&plan.status) && is_begun_anew {
        return Err(ended(plan));
    }
    let author = Author::of_caller(cx).await?;
    let mut object = RawObject::parse(&record.body)?;
    edit_texts(&mut object, change)?;
    edit_notes(&mut object, change, author.as_ref(), cx)?;
    let paging = Paging::new(None, None, None);
    let mut rows = PlanRows::new(&paging);
    rows.planned.learn(plan.medications(), cx).await?;
    if let Some(status) = new_status {
        object.set("status", &status.code())?;
        edit_activities(&mut object, status)?;
        for medication in carry_over(plan, status, change.reason.as_deref(), cx).await? {
            rows.planned.take(&medication)?;
        }
    }
    let end = new_status.and_then(|status| end_of(plan, status, cx)).or_else(|| change.end.clone());
    if let Some(end) = end {
        let mut period = RawObject::parse(object.get("period").map_or("{}", |period| period.get()))?;
        period.set("end", &end)?;
        object.set("period", &period)?;
    }
    let current = cx.records().update(record, ParsedResource::parse(object.to_text()?)?)?;
    let row = rows.row_of(&view(&current)?, &current)?;
    let message = match new_status {
        Some(_) => format!("The treatment plan is {} now", row.status),
        None => "The treatment plan was changed".to_owned(),
    };
    Ok(SavedPlan { success: true, message, plan: row, warnings: Vec::new() })
}

/// The last day of a plan that ends now, where it was to last longer.
fn end_of(plan: &Plan<'_>, status: PlanStatus, cx: &ToolContext<'_>) -> Option<String> {
    if !status::has_ended(status.code()) {
        return None;
    }
    let today = cx.today();
    let period = plan.period.as_ref();
    let known = |text: Option<&Text<'_>>| text.and_then(|text| day(text).ok());
    let ends_earlier = known(period.and_then(|period| period.end.as_ref())).is_some_and(|end| end <= today);
    // A plan that never began has no last day: it would lie before its first.
    let begins_later =
        known(period.and_then(|period| period.start.as_ref())).is_some_and(|start| start > today);
    (!ends_earlier && !begins_later).then(|| today.to_string())
}

/// Instructions and follow-up take the place of what was said before.
fn edit_texts(object: &mut RawObject, change: &Change) -> Result<(), ToolError> {
    let instructions =
        change.instructions.as_deref().map(|text| detail("instructions", "Instructions", text));
    let follow_up = change.follow_up.as_deref().map(follow_up);
    for (kind, new) in [("instructions", instructions), ("follow-up", follow_up)] {
        let Some(new) = new else { continue };
        let mut activities = object.items("activity")?;
        activities.retain(|activity| !is_activity(activity.get(), kind));
        activities.push(to_raw_value(&new)?);
        object.set("activity", &activities)?;
    }
    Ok(())
}

fn edit_notes(
    object: &mut RawObject,
    change: &Change,
    author: Option<&Author>,
    cx: &ToolContext<'_>,
) -> Result<(), ToolError> {
    let reason = change.reason.as_deref().map(|reason| format!("{DISCONTINUED}{reason}"));
    let texts: Vec<&str> = change.note.as_deref().into_iter().chain(reason.as_deref()).collect();
    if texts.is_empty() {
        return Ok(());
    }
    let mut notes = object.items("note")?;
    for text in texts {
        let mut note = json!({ "time": format_instant(cx.now().as_microsecond()), "text": text });
        if let Some(author) = author {
            note["authorReference"] = json!(author);
        }
        notes.push(to_raw_value(&note)?);
    }
    Ok(object.set("note", &notes)?)
}

/// What is to be done stands as the plan does, unless it was done already.
fn edit_activities(object: &mut RawObject, status: PlanStatus) -> Result<(), ToolError> {
    let mut activities = object.items("activity")?;
    for activity in &mut activities {
        let mut whole = RawObject::parse(activity.get())?;
        let Some(detail) = whole.get("detail") else { continue };
        let mut detail = RawObject::parse(detail.get())?;
        let is_over = detail.get("status").is_some_and(|status| {
            matches!(status.get(), "\"completed\"" | "\"cancelled\"" | "\"stopped\"" | "\"entered-in-error\"")
        });
        if !is_over {
            detail.set("status", &status.activity_code())?;
            whole.set("detail", &detail)?;
            *activity = to_raw_value(&whole)?;
        }
    }
    if activities.is_empty() { Ok(()) } else { Ok(object.set("activity", &activities)?) }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RequestView<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    intent: Text<'a>,
}

/// The planned medications take the status of their plan. Orders are prescriptions and stay.
async fn carry_over(
    plan: &Plan<'_>,
    status: PlanStatus,
    reason: Option<&str>,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<Record>, ToolError> {
    let mut written = Vec::new();
    for record in planned::records(&plan.medications(), cx).await? {
        let request: RequestView<'_> = view(&record)?;
        let has_ended = matches!(request.status.as_str(), "completed" | "stopped" | "cancelled");
        if request.intent != "plan" || has_ended || request.status == status.medication_code() {
            continue;
        }
        let mut object = RawObject::parse(&record.body)?;
        object.set("status", &status.medication_code())?;
        if let Some(reason) = reason {
            object.set("statusReason", &json!({ "text": reason }))?;
        }
        written.push(cx.records().update(&record, ParsedResource::parse(object.to_text()?)?)?);
    }
    Ok(written)
}
