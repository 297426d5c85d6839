//! Which clinicians can be booked, by what they do.

use medcor_fhir::{
    Id, ResourceType,
    search::{Query, name::fold},
    view::{CodeableConcept, PractitionerRole, Schedule},
};
use medcor_tools::{Record, ToolContext, ToolError, view};

use super::diary::{Days, Diary, diaries};

/// Most schedules or roles that are looked at for whom they are about.
const RECORDS_MAX: u32 = 1000;
/// Most clinicians whose diaries one answer opens.
const DIARIES_MAX: usize = 40;

/// What people call who does something, by the end of the word: what it is in records.
const ENDINGS: [(&str, &str); 9] = [
    ("ologist", "olog"),
    ("ology", "olog"),
    ("iatrician", "iatr"),
    ("iatrist", "iatr"),
    ("iatrics", "iatr"),
    ("iatry", "iatr"),
    ("surgeon", "surg"),
    ("surgery", "surg"),
    ("dentist", "dent"),
];
/// Words that mean others.
const SAME: [(&str, &str); 4] = [
    ("gp", "family practice"),
    ("general practitioner", "family practice"),
    ("family doctor", "family practice"),
    ("internist", "internal medicine"),
];

/// The diaries of those of a specialty who have hours.
pub(super) async fn of_specialty(
    specialty: &str,
    days: Days,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<Diary>, ToolError> {
    let mut practitioners: Vec<Id> = Vec::new();
    for record in roles(cx).await? {
        let role: PractitionerRole<'_> = view(&record)?;
        let is_meant = role.specialty.iter().any(|concept| is_meant(concept, specialty));
        if role.active != Some(false) && is_meant {
            let who = role.practitioner.as_ref().and_then(|who| who.id_of(ResourceType::PRACTITIONER));
            practitioners.extend(who.filter(|who| !practitioners.contains(who)));
        }
    }
    open(&practitioners, days, cx).await
}

/// What clinicians themselves call the specialty that somebody names by its code or by another word for it; where
/// none has it so, what it was called.
pub(super) async fn words_of(specialty: &str, cx: &mut ToolContext<'_>) -> Result<Vec<String>, ToolError> {
    let mut words: Vec<String> = Vec::new();
    for record in roles(cx).await? {
        let role: PractitionerRole<'_> = view(&record)?;
        for concept in role.specialty.iter().filter(|_| role.active != Some(false)) {
            let own =
                concept.text().filter(|text| has_code(concept, specialty) || stem(text) == stem(specialty));
            let own = own.filter(|own| !words.iter().any(|known| fold(known) == fold(own)));
            words.extend(own.map(str::to_owned));
        }
    }
    words.sort();
    Ok(if words.is_empty() { vec![specialty.to_owned()] } else { words })
}

/// None where the caller may not see roles.
async fn roles(cx: &mut ToolContext<'_>) -> Result<Vec<Record>, ToolError> {
    if !cx.may_read(ResourceType::PRACTITIONER_ROLE) {
        return Ok(Vec::new());
    }
    let mut query = Query::new(ResourceType::PRACTITIONER_ROLE);
    query.count = RECORDS_MAX;
    Ok(cx.records().search(&query).await?.records)
}

/// The diaries of everybody who has hours.
pub(super) async fn all(days: Days, cx: &mut ToolContext<'_>) -> Result<Vec<Diary>, ToolError> {
    let mut practitioners: Vec<Id> = Vec::new();
    let mut query = Query::new(ResourceType::SCHEDULE);
    query.count = RECORDS_MAX;
    for record in cx.records().search(&query).await?.records {
        let schedule: Schedule<'_> = view(&record)?;
        let actors = schedule.actor.iter().filter_map(|actor| actor.id_of(ResourceType::PRACTITIONER));
        for actor in actors.filter(|_| schedule.active != Some(false)) {
            if !practitioners.contains(&actor) {
                practitioners.push(actor);
            }
        }
    }
    open(&practitioners, days, cx).await
}

async fn open(practitioners: &[Id], days: Days, cx: &mut ToolContext<'_>) -> Result<Vec<Diary>, ToolError> {
    let some = practitioners.get(..DIARIES_MAX).unwrap_or(practitioners);
    let mut open = diaries(some, days, cx).await?;
    open.retain(|diary| diary.hours.are_known());
    open.sort_by(|one, other| {
        (&one.name, one.practitioner.as_str()).cmp(&(&other.name, other.practitioner.as_str()))
    });
    Ok(open)
}

/// Whether somebody means this specialty, by its words or by its code.
fn is_meant(concept: &CodeableConcept<'_>, wanted: &str) -> bool {
    concept.text().is_some_and(|text| is_same(text, wanted)) || has_code(concept, wanted)
}

fn has_code(concept: &CodeableConcept<'_>, wanted: &str) -> bool {
    let is_code = |code: &str| code.eq_ignore_ascii_case(wanted.trim());
    concept.coding.iter().any(|coding| coding.code.as_deref().is_some_and(is_code))
}

/// Whether a specialty of a record is the one that somebody names: `cardiologist` is Cardiology.
pub(super) fn is_same(known: &str, wanted: &str) -> bool {
    let (known, wanted) = (stem(known), stem(wanted));
    let starts = std::iter::once(0).chain(known.match_indices(' ').map(|(index, _)| index + 1));
    !wanted.is_empty() && starts.filter_map(|start| known.get(start..)).any(|rest| rest.starts_with(&wanted))
}

fn stem(text: &str) -> String {
    let folded = fold(text).replace("ae", "e").replace("oe", "e");
    let meant = SAME.iter().find(|(word, _)| *word == folded).map_or(folded.as_str(), |(_, meant)| meant);
    let stemmed = |word: &str| {
        let ending = ENDINGS.iter().find(|(ending, _)| word.ends_with(ending));
        match ending {
            Some((ending, stem)) => format!("{}{stem}", word.strip_suffix(ending).unwrap_or(word)),
            None => word.to_owned(),
        }
    };
    let words: Vec<String> = meant.split(' ').filter(|word| !word.is_empty()).map(stemmed).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_something_is_found_by_what_it_is_called() {
        for (known, wanted) in [
            ("Cardiology", "cardiologist"),
            ("Paediatrics", "pediatrician"),
            ("Paediatric Cardiology", "cardiology"),
            ("Family practice", "GP"),
            ("Orthopaedic surgery", "orthopedic surgeon"),
            ("Psychiatry", "psychiatrist"),
            ("Dermatology", "derma"),
        ] {
            assert!(is_same(known, wanted), "{known} {wanted}");
        }
        for (known, wanted) in [("Cardiology", "neurologist"), ("Oncology", "cology"), ("Cardiology", "")] {
            assert!(!is_same(known, wanted), "{known} {wanted}");
        }
    }
}
