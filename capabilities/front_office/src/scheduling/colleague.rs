//! Who else of a specialty can have an appointment at its time.

use jiff::Zoned;
use medcor_fhir::{Id, ResourceType, view::Practitioner};
use medcor_tools::{Record, ToolContext, ToolError, view};
use serde_json::Value;

use super::{
    booking::{self, Length, Visit},
    diary::{Days, Diary, Slot},
    doctors,
    when::clock,
};

/// How many times are offered instead, and how many clinicians are named.
const OFFERED_MAX: usize = 5;

/// What is asked of a specialty.
pub(super) struct Wanted<'w> {
    pub(super) specialty: &'w str,
    pub(super) start: &'w Zoned,
    pub(super) length: Length<'w>,
    /// Who has the appointment now.
    pub(super) current: Option<Id>,
}

/// Who takes the appointment over.
pub(super) struct Colleague {
    pub(super) practitioner: Record,
    pub(super) diary: Diary,
    /// Others who are free then too, to offer.
    pub(super) candidates: Vec<Value>,
}

impl Wanted<'_> {
    /// The first by name who is free then.
    ///
    /// # Errors
    ///
    /// A `CONFLICT` with the nearest times of all of them where nobody is.
    pub(super) async fn find(&self, cx: &mut ToolContext<'_>) -> Result<Colleague, ToolError> {
        let date = self.start.date();
        let others = self.others(Days { from: date, to: date }, cx).await?;
        if others.is_empty() {
            let problem = "nobody else of this specialty has hours; list_appointment_slots shows who has";
            return Err(ToolError::invalid("/specialty", problem));
        }
        let mut found: Option<(Record, Diary)> = None;
        let (mut candidates, mut conflicts) = (Vec::new(), Vec::new());
        for diary in others {
            let end = booking::end_of_visit(self.start, self.length, None, &diary)?;
            let visit = Visit { start: self.start.clone(), end };
            let obstacles = booking::obstacles_of_clinician(&visit, &diary);
            if !obstacles.is_empty() {
                conflicts.extend(obstacles.iter().map(|obstacle| obstacle.of(&diary)));
                continue;
            }
            if found.is_some() {
                candidates.push(booking::alternative(&slot(&visit, &diary), &diary));
                continue;
            }
            let practitioner = cx.read(ResourceType::PRACTITIONER, &diary.practitioner).await?;
            if view::<Practitioner<'_>>(&practitioner)?.is_active() {
                found = Some((practitioner, diary));
            }
        }
        let Some((practitioner, diary)) = found else { return Err(self.refused(conflicts, cx).await?) };
        candidates.truncate(OFFERED_MAX);
        Ok(Colleague { practitioner, diary, candidates })
    }

    async fn others(&self, days: Days, cx: &mut ToolContext<'_>) -> Result<Vec<Diary>, ToolError> {
        let mut diaries = doctors::of_specialty(self.specialty, days, cx).await?;
        diaries.retain(|diary| Some(&diary.practitioner) != self.current.as_ref());
        Ok(diaries)
    }

    /// What stands against each of them, and the times that are nearest.
    async fn refused(
        &self,
        mut conflicts: Vec<Value>,
        cx: &mut ToolContext<'_>,
    ) -> Result<ToolError, ToolError> {
        let days = Visit::days_around(self.start.date(), cx.today());
        let mut free: Vec<(i64, Value)> = Vec::new();
        for diary in self.others(days, cx).await? {
            let end = booking::end_of_visit(self.start, self.length, None, &diary)?;
            let visit = Visit { start: self.start.clone(), end };
            for slot in booking::nearest(diary.slots(visit.minutes(), days, cx), &visit) {
                let distance = slot.span().from.abs_diff(visit.span().from);
                free.push((distance.cast_signed(), booking::alternative(&slot, &diary)));
            }
        }
        free.sort_by_key(|(distance, _)| *distance);
        conflicts.truncate(OFFERED_MAX);
        let (date, time) = (self.start.date(), clock(self.start.time()));
        Ok(ToolError::Blocked {
            message: format!(
                "nobody else of this specialty is free on {date} at {time}; the appointment stays where it is"
            ),
            conflicts,
            alternatives: free.into_iter().take(OFFERED_MAX).map(|(_, value)| value).collect(),
        })
    }
}

fn slot(visit: &Visit, diary: &Diary) -> Slot {
    let practitioner = diary.practitioner.clone();
    Slot { practitioner, start: visit.start.clone(), end: visit.end.clone(), is_free: true }
}
