//! Who works here: names, professions and specialties, which figures are told by.

use std::collections::HashMap;

use medcor_fhir::{
    ResourceType,
    search::Query,
    view::{CodeableConcept, Practitioner, PractitionerRole, Profession},
};
use medcor_tools::{Record, ToolContext, ToolError, view};

use super::visits::{Visit, Visits};

/// Records of the directory read at once, and at most.
const PAGE_ROWS: u32 = 1000;
const RECORDS_MAX: usize = 20_000;

/// Who works here.
pub(super) struct Directory {
    clinicians: HashMap<String, Clinician>,
}

/// One who works here.
pub(super) struct Clinician {
    pub(super) name: Option<String>,
    pub(super) profession: Profession,
    pub(super) is_active: bool,
    /// The first that a role says.
    pub(super) specialty: Option<String>,
}

impl Directory {
    pub(super) async fn read(cx: &mut ToolContext<'_>) -> Result<Self, ToolError> {
        let roles = all(ResourceType::PRACTITIONER_ROLE, cx).await?;
        let roles = roles.iter().map(view).collect::<Result<Vec<PractitionerRole<'_>>, _>>()?;
        let mut by_practitioner: HashMap<String, Vec<&PractitionerRole<'_>>> = HashMap::new();
        for role in roles.iter().filter(|role| role.is_active()) {
            let who = role.practitioner.as_ref().and_then(|who| who.id_of(ResourceType::PRACTITIONER));
            if let Some(who) = who {
                by_practitioner.entry(who.to_string()).or_default().push(role);
            }
        }
        let mut clinicians = HashMap::new();
        for record in all(ResourceType::PRACTITIONER, cx).await? {
            let practitioner: Practitioner<'_> = view(&record)?;
            let id = record.id.to_string();
            let roles = by_practitioner.get(&id).map(Vec::as_slice).unwrap_or_default();
            clinicians.insert(id, Clinician::of(&practitioner, roles));
        }
        Ok(Self { clinicians })
    }

    pub(super) fn clinician(&self, id: &str) -> Option<&Clinician> {
        self.clinicians.get(id)
    }

    /// The specialty of a visit: its own, else that of its first clinician.
    pub(super) fn specialty<'d>(&'d self, visit: &Visit, visits: &'d Visits) -> Option<&'d str> {
        let own = visit.specialty.and_then(|number| visits.specialties.text(number));
        let of_clinician = || {
            let id = visits.practitioners.text(*visit.practitioners.first()?)?;
            self.clinician(id)?.specialty.as_deref()
        };
        own.or_else(of_clinician)
    }

    /// Doctors, and those of them who have not left: as `list_doctors` lists them.
    pub(super) fn doctors(&self) -> (usize, usize) {
        let doctors = || self.clinicians.values().filter(|one| one.profession == Profession::Doctor);
        (doctors().count(), doctors().filter(|one| one.is_active).count())
    }
}

impl Clinician {
    fn of(practitioner: &Practitioner<'_>, roles: &[&PractitionerRole<'_>]) -> Self {
        let mut specialties = roles.iter().flat_map(|role| &role.specialty);
        Self {
            name: practitioner.display_name(),
            profession: Profession::of(practitioner, roles),
            is_active: practitioner.is_active(),
            specialty: specialties.find_map(CodeableConcept::text).map(str::to_owned),
        }
    }
}

/// All records of a type that are about no patient.
async fn all(resource_type: ResourceType, cx: &mut ToolContext<'_>) -> Result<Vec<Record>, ToolError> {
    let mut query = Query::new(resource_type).with("_sort", "_id")?;
    query.count = PAGE_ROWS;
    let mut records = Vec::new();
    loop {
        let page = cx.records().search(&query).await?;
        let last = page.records.len().checked_sub(1).filter(|_| page.has_more);
        query.cursor = last.and_then(|last| page.cursor_after(last));
        records.extend(page.records);
        if query.cursor.is_none() {
            return Ok(records);
        }
        if records.len() >= RECORDS_MAX {
            return Err(ToolError::Precondition(format!(
                "there are more than {RECORDS_MAX} records of {resource_type}: too many for figures by clinician"
            )));
        }
    }
}
