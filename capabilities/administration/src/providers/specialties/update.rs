//! Giving clinicians their specialties.

use medcor_fhir::{
    ParsedResource, RawObject, ResourceType,
    naming::{SPECIALTY_CERTIFIED, SPECIALTY_PRACTISED},
    view::{CodeableConcept, Extension, Practitioner, PractitionerRole, Qualification},
};
use medcor_tools::{
    Alias, Effect, Need, Record, Ref, Synonym, Tool, ToolContext, ToolError, alias, kind, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::{
    catalogue::{Catalogue, NEEDS, Specialty},
    given::{GivenSpecialty, Wanted, assigned, replaced},
    held::{Held, HeldRow, certifies, current_roles, held, is_of, rows_of},
};

/// Gives a clinician specialties: all of them as `specialties`, or one more, or a changed one, as `specialty`.
///
/// With `specialties` those that are not in it are taken away. Years and dates that you leave out stay as known. The
/// primary one is what the clinician is shown and booked as first; where none is marked it is the first. New ones go
/// into the clinician's first role; each other role keeps its own of those that stay. Unknown specialties are
/// refused: `create_specialty` adds them to the catalogue.
#[derive(Deserialize, JsonSchema)]
pub(in crate::providers) struct UpdateDoctorSpecialties {
    /// Clinician: id, NPI or full name.
    provider: Ref<kind::Practitioner>,
    /// All that the clinician has from now on.
    #[schemars(length(max = 20))]
    specialties: Option<Vec<GivenSpecialty>>,
    /// One to add or to change: id, code or whole name.
    #[schemars(length(min = 1, max = 200), extend("x-medcor-name" = true))]
    specialty: Option<String>,
    /// With `specialty`: whether it is the clinician's first.
    is_primary: Option<bool>,
    /// With `specialty`: years of experience in it.
    #[schemars(range(max = 80))]
    years_of_experience: Option<u16>,
    /// With `specialty`: when it was certified, YYYY-MM-DD.
    certification_date: Option<String>,
}

/// The specialties of a clinician, as they are from now on.
#[derive(Serialize, JsonSchema)]
pub(in crate::providers) struct Saved {
    success: bool,
    /// In words.
    message: String,
    doctor_id: String,
    /// With titles.
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor: Option<String>,
    /// The one that was given, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    specialty: Option<String>,
    /// Whether that is the clinician's first.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_primary: Option<bool>,
    /// The primary one first.
    results: Vec<HeldRow>,
    count: usize,
}

impl Tool for UpdateDoctorSpecialties {
    const NAME: &'static str = "update_doctor_specialties";
    const TITLE: &'static str = "Change a clinician's specialties";
    const ALIASES: &'static [Alias] = &[alias("assign_doctor_specialty")];
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[
        NEEDS[0],
        NEEDS[1],
        Need::read(ResourceType::PRACTITIONER),
        Need::update(ResourceType::PRACTITIONER),
        Need::create(ResourceType::PRACTITIONER_ROLE),
        Need::update(ResourceType::PRACTITIONER_ROLE),
    ];
    const SYNONYMS: &'static [Synonym] = &[synonym("specialty_id", "specialty")];
    const KEYWORDS: &'static [&'static str] = &["board certification", "specialization", "assign"];
    type Output = Saved;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Saved, ToolError> {
        let practitioner = cx.record(&self.provider).await?;
        let mut roles = current_roles(&practitioner, cx).await?;
        let catalogue = Catalogue::read(cx).await?;
        let known = held(&practitioner, &roles, &catalogue)?;
        let wanted = self.wanted(&catalogue, known, cx)?;
        let practitioner = certify(&practitioner, &wanted, cx)?;
        if roles.is_empty() {
            if !wanted.is_empty() {
                roles.push(new_role(&practitioner, &wanted, cx)?);
            }
        } else {
            for place in 0..roles.len() {
                if let Some(changed) = edited(&roles, place, &wanted)? {
                    let Some(role) = roles.get_mut(place) else { continue };
                    *role = cx.records().update(role, ParsedResource::parse(changed)?)?;
                }
            }
        }
        self.refuse_other_primary(&wanted, &held(&practitioner, &roles, &catalogue)?)?;
        self.saved(&practitioner, &roles, &catalogue, cx)
    }
}

impl UpdateDoctorSpecialties {
    /// What the clinician is to have, by either form.
    fn wanted(
        &self,
        catalogue: &Catalogue,
        known: Vec<Held>,
        cx: &ToolContext<'_>,
    ) -> Result<Vec<Wanted>, ToolError> {
        let of_one = [
            ("is_primary", self.is_primary.is_some()),
            ("years_of_experience", self.years_of_experience.is_some()),
            ("certification_date", self.certification_date.is_some()),
        ];
        match (&self.specialties, &self.specialty) {
            (Some(all), None) => {
                if let Some((name, _)) = of_one.iter().find(|(_, is_given)| *is_given) {
                    let problem = "goes with `specialty`; in `specialties` each item has its own";
                    return Err(ToolError::invalid(format!("/{name}"), problem));
                }
                replaced(all, &known, catalogue, cx)
            }
            (None, Some(specialty)) => {
                let one = GivenSpecialty {
                    specialty_id: specialty.clone(),
                    is_primary: self.is_primary,
                    years_of_experience: self.years_of_experience,
                    certification_date: self.certification_date.clone(),
                };
                assigned(&one, known, catalogue, cx)
            }
            _ => Err(ToolError::invalid(
                "/specialties",
                "give either `specialties` (all of them) or `specialty` (one to add or change)",
            )),
        }
    }

    /// A clinician's primary specialty is the first of the first role; one that is practised in another role alone
    /// can't be that.
    fn refuse_other_primary(&self, wanted: &[Wanted], held: &[Held]) -> Result<(), ToolError> {
        let (Some(wanted), Some(first)) = (wanted.first(), held.first()) else { return Ok(()) };
        if wanted.specialty.id == first.specialty.id {
            return Ok(());
        }
        let parameter = if self.specialty.is_some() { "/is_primary" } else { "/specialties" };
        let problem = format!(
            "{} is practised in another role than the clinician's first, and can't be the primary one: mark one of \
             the first role, such as {}",
            wanted.specialty.name, first.specialty.name
        );
        Err(ToolError::invalid(parameter, problem))
    }

    fn saved(
        &self,
        practitioner: &Record,
        roles: &[Record],
        catalogue: &Catalogue,
        cx: &ToolContext<'_>,
    ) -> Result<Saved, ToolError> {
        let held = held(practitioner, roles, catalogue)?;
        let results = rows_of(&held, practitioner, cx.today());
        let one = match &self.specialty {
            Some(text) => catalogue.find(text, "specialty")?,
            None => None,
        };
        let place = one.and_then(|one| held.iter().position(|held| held.specialty.id == one.id));
        let doctor = view::<Practitioner<'_>>(practitioner)?.display_name();
        let whose = doctor.as_deref().unwrap_or("the clinician");
        Ok(Saved {
            success: true,
            message: match results.len() {
                0 => format!("{whose} has no specialty now"),
                1 => format!("{whose} has 1 specialty now"),
                count => format!("{whose} has {count} specialties now"),
            },
            doctor_id: practitioner.id.to_string(),
            specialty: one.map(|one| one.name.clone()),
            is_primary: one.map(|_| place == Some(0)),
            count: results.len(),
            results,
            doctor,
        })
    }
}

/// The text of a role with these specialties; `None` where it has them. Each role keeps those that the clinician
/// keeps, in order, and the first has those too that no other has, and since when each is practised.
fn edited(roles: &[Record], place: usize, wanted: &[Wanted]) -> Result<Option<String>, ToolError> {
    let Some(record) = roles.get(place) else { return Ok(None) };
    let role: PractitionerRole<'_> = view(record)?;
    let mut object = RawObject::parse(&record.body)?;
    let known = object.items("specialty")?;
    let mut items: Vec<(&Box<RawValue>, &CodeableConcept<'_>)> = known.iter().zip(&role.specialty).collect();
    let mut new: Vec<Box<RawValue>> = Vec::new();
    for Wanted { specialty, .. } in wanted {
        let (own, others) = items.into_iter().partition(|(_, concept)| specialty.is(concept));
        let own: Vec<(&Box<RawValue>, &CodeableConcept<'_>)> = own;
        items = others;
        if own.is_empty() && place == 0 && !is_practised_beside(roles, specialty)? {
            new.push(to_raw_value(&specialty.concept())?);
        }
        for (item, concept) in own {
            new.push(coded(item, concept, specialty)?);
        }
    }
    // What has no words is nobody's to take away.
    new.extend(
        items.into_iter().filter(|(_, concept)| concept.text().is_none()).map(|(item, _)| item.clone()),
    );
    let is_changed = put(&mut object, "specialty", &known, &new)?;
    let known = object.items("extension")?;
    let mut new = undated(&known, &role, wanted);
    for Wanted { specialty, since, .. } in wanted.iter().filter(|_| place == 0) {
        if let Some(since) = since {
            new.push(to_raw_value(&practised(specialty, since))?);
        }
    }
    let is_dated = put(&mut object, "extension", &known, &new)?;
    Ok(if is_changed || is_dated { Some(object.to_text()?) } else { None })
}

/// Whether a role other than the first has it.
fn is_practised_beside(roles: &[Record], specialty: &Specialty) -> Result<bool, ToolError> {
    for record in roles.iter().skip(1) {
        if specialty.is_of(&view(record)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An item of a role, with the catalogue's code beside what codes it has.
fn coded(
    item: &RawValue,
    concept: &CodeableConcept<'_>,
    specialty: &Specialty,
) -> Result<Box<RawValue>, ToolError> {
    let Some(coding) = specialty.missing_coding(concept) else { return Ok(item.to_owned()) };
    let mut object = RawObject::parse(item.get())?;
    let mut codings = object.items("coding")?;
    codings.push(to_raw_value(&coding)?);
    object.set("coding", &codings)?;
    Ok(to_raw_value(&object)?)
}

/// The extensions of a role, without since when those are practised of which that is said anew.
fn undated(known: &[Box<RawValue>], role: &PractitionerRole<'_>, wanted: &[Wanted]) -> Vec<Box<RawValue>> {
    let is_kept = |extension: &Extension<'_>| {
        !wanted.iter().any(|it| it.since.is_some() && is_of(extension, &it.specialty))
    };
    let kept = known.iter().zip(&role.extension).filter(|(_, extension)| is_kept(extension));
    kept.map(|(item, _)| item.clone()).collect()
}

fn practised(specialty: &Specialty, since: &str) -> Value {
    json!({ "url": SPECIALTY_PRACTISED, "extension": [
        { "url": "specialty", "valueString": specialty.name },
        { "url": "since", "valueDate": since }
    ] })
}

/// Puts a list in the place of another; whether it is another.
fn put(
    object: &mut RawObject,
    name: &str,
    known: &[Box<RawValue>],
    new: &[Box<RawValue>],
) -> Result<bool, ToolError> {
    let is_same = known.iter().map(|item| item.get()).eq(new.iter().map(|item| item.get()));
    if is_same {
        return Ok(false);
    }
    if new.is_empty() {
        object.remove(name);
    } else {
        object.set(name, &new)?;
    }
    Ok(true)
}

/// The clinician's record with the certificates that are given; as it was where none is.
fn certify(record: &Record, wanted: &[Wanted], cx: &mut ToolContext<'_>) -> Result<Record, ToolError> {
    let mut object = RawObject::parse(&record.body)?;
    let known = object.items("qualification")?;
    let mut new = known.clone();
    for wanted in wanted {
        let Some(date) = &wanted.certified else { continue };
        let mut place = None;
        for (index, item) in new.iter().enumerate() {
            let qualification: Qualification<'_> = serde_json::from_str(item.get())?;
            if certifies(&qualification.extension, &wanted.specialty) {
                place = Some(index);
            }
        }
        match place.and_then(|index| new.get_mut(index)) {
            Some(item) => {
                let mut certificate = RawObject::parse(item.get())?;
                certificate.set("period", &json!({ "start": date }))?;
                *item = to_raw_value(&certificate)?;
            }
            None => new.push(to_raw_value(&certificate(&wanted.specialty, date))?),
        }
    }
    if !put(&mut object, "qualification", &known, &new)? {
        return Ok(record.clone());
    }
    Ok(cx.records().update(record, ParsedResource::parse(object.to_text()?)?)?)
}

fn certificate(specialty: &Specialty, date: &str) -> Value {
    json!({
        "extension": [{ "url": SPECIALTY_CERTIFIED, "valueString": specialty.name }],
        "code": specialty.concept(),
        "period": { "start": date },
    })
}

/// The first role of somebody who has none. Two calls at once can't both make it.
fn new_role(practitioner: &Record, wanted: &[Wanted], cx: &mut ToolContext<'_>) -> Result<Record, ToolError> {
    let person: Practitioner<'_> = view(practitioner)?;
    if !person.is_active() {
        let problem = "the clinician works here no more, and is given no specialties";
        return Err(ToolError::Precondition(problem.to_owned()));
    }
    cx.claim_for_now(&format!("practitioner/{}/first-role", practitioner.id));
    let mut who = json!({ "reference": format!("Practitioner/{}", practitioner.id) });
    if let Some(name) = person.display_name() {
        who["display"] = name.into();
    }
    let tenant = cx.tenant();
    let mut role = json!({
        "resourceType": "PractitionerRole",
        "active": true,
        "practitioner": who,
        "organization": { "reference": format!("Organization/{}", tenant.organization), "display": tenant.name },
    });
    let since = wanted.iter().filter_map(|it| Some(practised(&it.specialty, it.since.as_deref()?)));
    let extensions: Vec<Value> = since.collect();
    if !extensions.is_empty() {
        role["extension"] = extensions.into();
    }
    let concepts: Vec<Value> = wanted.iter().map(|it| it.specialty.concept()).collect();
    if !concepts.is_empty() {
        role["specialty"] = concepts.into();
    }
    Ok(cx.records().create(ParsedResource::from_value(role)?)?)
}
