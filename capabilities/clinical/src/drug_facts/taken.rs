//! The medications of a chart: prescriptions in force, what somebody reports that the patient takes, and what is
//! planned. What is logged of reminders is no report of its own.

use medcor_drugs::{Dosage, Frequency, Knowledge, Medication};
use medcor_fhir::{
    Id, ResourceType, naming,
    primitive::TimeSpan,
    search::name::fold,
    view::{CodeableConcept, Dosage as Instruction, MedicationRequest, Period, Reference, Text},
};
use medcor_tools::{Record, ToolContext, ToolError, view};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::LOOKED_AT_MAX;
use crate::{
    listing::{Subject, fenced},
    medications::dosage,
    names::{Names, unnamed},
};

/// A medication that the chart says is taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) resource_type: ResourceType,
    pub(crate) id: Id,
    pub(crate) name: String,
    /// As answers show it.
    pub(crate) dosage: Option<String>,
    pub(crate) parsed_dose: Option<Dosage>,
    pub(crate) frequency: Option<String>,
    /// When it was prescribed, reported or planned.
    pub(crate) date: Option<String>,
    pub(crate) origin: Origin,
    /// Whether the same is prescribed, but in another dose or rhythm.
    is_prescribed_otherwise: bool,
    /// `None` where the tables do not have it.
    pub(crate) medication: Option<Medication>,
}

/// Where it is known from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Prescribed,
    /// By whom, in words.
    Reported(String),
    /// By whom, in words.
    Planned(String),
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StatementView<'a> {
    #[serde(borrow)]
    contained: Vec<&'a RawValue>,
    #[serde(borrow)]
    based_on: Vec<Reference<'a>>,
    #[serde(borrow)]
    derived_from: Vec<Reference<'a>>,
    #[serde(borrow)]
    medication_codeable_concept: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    medication_reference: Option<Reference<'a>>,
    #[serde(borrow)]
    effective_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    effective_period: Option<Period<'a>>,
    #[serde(borrow)]
    date_asserted: Option<Text<'a>>,
    #[serde(borrow)]
    information_source: Option<Reference<'a>>,
    #[serde(borrow)]
    dosage: Vec<Instruction<'a>>,
}

impl Taken {
    /// `MedicationRequest/…` or `MedicationStatement/…`.
    pub(crate) fn reference(&self) -> String {
        format!("{}/{}", self.resource_type, self.id)
    }

    /// What must be known of it where nobody prescribed it.
    pub(crate) fn remark(&self) -> Option<String> {
        let (how, by) = match &self.origin {
            Origin::Prescribed => return None,
            Origin::Reported(by) => ("reported", by),
            Origin::Planned(by) => ("planned", by),
        };
        let date = self.date.as_deref().map(|date| format!(", {}", date.get(..10).unwrap_or(date)));
        let what = if self.is_prescribed_otherwise { "prescribed otherwise" } else { "not prescribed" };
        Some(format!("{} is {how} and {what} here: {how} by {by}{}.", self.name, date.unwrap_or_default()))
    }

    /// The same drug, which acts at the same place.
    fn is_same(&self, other: &Self) -> bool {
        match (&self.medication, &other.medication) {
            (Some(own), Some(others)) => {
                own.ingredients() == others.ingredients()
                    && own.is_local() == others.is_local()
                    && own.is_on_skin() == others.is_on_skin()
            }
            _ => fold(&self.name) == fold(&other.name),
        }
    }

    /// Whether what the other says of its dose and rhythm is said here, too. What is not said differs in nothing.
    fn is_dosed_like(&self, other: &Self) -> bool {
        let is_same_dose = match (&self.parsed_dose, &other.parsed_dose) {
            (Some(own), Some(others)) => own.is_as_much_as(others),
            _ => says_so(self.dosage.as_deref(), other.dosage.as_deref()),
        };
        let rhythm = |taken: &Self| taken.frequency.as_deref().and_then(Frequency::parse);
        is_same_dose
            && match (rhythm(self), rhythm(other)) {
                (Some(own), Some(others)) => own.is_as_often_as(&others),
                _ => says_so(self.frequency.as_deref(), other.frequency.as_deref()),
            }
    }

    /// Whether the other tells nothing that this one does not. A plan is carried out by changing what is taken, so its dose may differ.
    fn hides(&self, other: &Self) -> bool {
        self.is_same(other) && (matches!(other.origin, Origin::Planned(_)) || self.is_dosed_like(other))
    }

    /// The same under a name that tells it from what has the same name: findings know it by its name alone.
    fn renamed(mut self) -> Self {
        let dosage = self.parsed_dose.as_ref().map_or(String::new(), |dosage| format!("{dosage}, "));
        self.name = format!("{} ({dosage}{})", self.name, self.origin.name());
        self.medication = self.medication.map(|medication| medication.named(&self.name));
        self
    }
}

/// Whether the words of one are those of the other, which may have none.
fn says_so(own: Option<&str>, others: Option<&str>) -> bool {
    others.is_none_or(|others| own.is_some_and(|own| fold(own) == fold(others)))
}

impl Origin {
    /// prescribed, reported or planned.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Prescribed => "prescribed",
            Self::Reported(_) => "reported",
            Self::Planned(_) => "planned",
        }
    }

    /// Who reported or planned it.
    pub(crate) fn by(&self) -> Option<&str> {
        match self {
            Self::Prescribed => None,
            Self::Reported(by) | Self::Planned(by) => Some(by),
        }
    }
}

/// One prescription, by its id; its name is checked, not its patient.
pub(crate) async fn prescription(id: &Id, cx: &mut ToolContext<'_>) -> Result<Option<Taken>, ToolError> {
    let record = cx.read(ResourceType::MEDICATION_REQUEST, id).await?;
    let mut reader = Reader { names: Names::default(), knowledge: cx.drugs(), patient: String::new() };
    let request: MedicationRequest<'_> = view(&record)?;
    reader.names.learn(request.medication_reference.iter().filter_map(unnamed).collect(), cx).await?;
    Ok(reader.request(&record, &request))
}

/// Everything that the patient takes, and whether that is all.
pub(super) async fn taken(
    subject: &Subject,
    cx: &mut ToolContext<'_>,
) -> Result<(Vec<Taken>, bool), ToolError> {
    let query = subject.query(ResourceType::MEDICATION_REQUEST)?.with("status", "active,on-hold")?;
    let mut query = query.with("_sort", "-authoredon")?;
    query.count = LOOKED_AT_MAX;
    let requests = cx.records().search(&query).await?;
    let may_read_reports = cx.may_read(ResourceType::MEDICATION_STATEMENT);
    let (mut statements, mut is_all) = (Vec::new(), may_read_reports && !requests.has_more);
    if may_read_reports {
        let query = subject.query(ResourceType::MEDICATION_STATEMENT)?;
        let mut query = query.with("status", "active,intended,on-hold")?;
        query.count = LOOKED_AT_MAX;
        let page = cx.records().search(&query).await?;
        is_all &= !page.has_more;
        statements = page.records;
    }
    let requests_read = read_as::<MedicationRequest<'_>>(&requests.records)?;
    let statements_read = read_as::<StatementView<'_>>(&statements)?;
    let mut reader =
        Reader { names: Names::default(), knowledge: cx.drugs(), patient: subject.reference.clone() };
    reader.names.learn(wanted(&requests_read, &statements_read), cx).await?;
    let mut taken: Vec<Taken> =
        requests_read.iter().filter_map(|(record, request)| reader.request(record, request)).collect();
    let prescribed: Vec<Id> = taken.iter().map(|taken| taken.id.clone()).collect();
    for (record, statement) in statements_read {
        taken.extend(reader.statement(record, statement, (&prescribed, cx)));
    }
    Ok((each_once(taken), is_all))
}

/// Records with what is read of them.
fn read_as<'r, V: Deserialize<'r>>(records: &'r [Record]) -> Result<Vec<(&'r Record, V)>, ToolError> {
    records.iter().map(|record| Ok((record, view(record)?))).collect()
}

/// What is prescribed first; of what is reported or planned only what is not known already. A report that says another
/// dose, or how often, than is prescribed is known only by itself.
fn each_once(mut taken: Vec<Taken>) -> Vec<Taken> {
    taken.sort_by_key(|taken| match taken.origin {
        Origin::Prescribed => 0,
        // One that says no dose is told by one that does.
        Origin::Reported(_) => 1 + u8::from(taken.dosage.is_none()),
        Origin::Planned(_) => 3,
    });
    let mut once: Vec<Taken> = Vec::new();
    for mut taken in taken {
        if taken.origin != Origin::Prescribed {
            if once.iter().any(|known| known.hides(&taken)) {
                continue;
            }
            taken.is_prescribed_otherwise =
                once.iter().any(|known| known.origin == Origin::Prescribed && known.is_same(&taken));
            if once.iter().any(|known| known.name == taken.name) {
                taken = taken.renamed();
            }
        }
        once.push(taken);
    }
    once
}

/// The medications and people whose names are in other records.
fn wanted(
    requests: &[(&Record, MedicationRequest<'_>)],
    statements: &[(&Record, StatementView<'_>)],
) -> Vec<(ResourceType, Id)> {
    let mut wanted = Vec::new();
    for (_, request) in requests {
        wanted.extend(request.medication_reference.iter().filter_map(unnamed));
        if request.is_reported() || request.intent == "plan" {
            wanted.extend(request.reported_reference.iter().chain(&request.requester).filter_map(unnamed));
        }
    }
    for (_, statement) in statements {
        let references = statement.medication_reference.iter().chain(&statement.information_source);
        wanted.extend(references.filter_map(unnamed));
    }
    wanted
}

/// Reads records of medications.
struct Reader<'k> {
    names: Names,
    knowledge: &'k Knowledge,
    /// `Patient/…`.
    patient: String,
}

impl Reader<'_> {
    /// A prescription, a report or a plan as a check reads it; `None` where it is a proposal, or one not to give.
    fn request(&self, record: &Record, request: &MedicationRequest<'_>) -> Option<Taken> {
        let origin = match (request.is_reported(), request.is_order(), request.intent.as_str()) {
            (true, _, _) => Origin::Reported(
                self.person(request.reported_reference.as_ref().or(request.requester.as_ref())),
            ),
            (_, true, _) => Origin::Prescribed,
            (_, _, "plan") => Origin::Planned(self.person(request.requester.as_ref())),
            _ => return None,
        };
        if request.forbids() || request.status == "entered-in-error" {
            return None;
        }
        let date = request.authored_on.as_deref().map(str::to_owned);
        Some(self.taken(record, request, (origin, date)))
    }

    /// What somebody reports; `None` where it is over, belongs to a reminder, or tells of a prescription that counts
    /// already.
    fn statement(
        &self,
        record: &Record,
        statement: StatementView<'_>,
        (prescribed, cx): (&[Id], &ToolContext<'_>),
    ) -> Option<Taken> {
        let mut derived = statement.derived_from.iter();
        let is_logged = derived.any(|from| from.id_of(ResourceType::COMMUNICATION_REQUEST).is_some());
        let mut orders =
            statement.based_on.iter().filter_map(|it| it.id_of(ResourceType::MEDICATION_REQUEST));
        let is_known = orders.any(|order| prescribed.contains(&order));
        let end = statement.effective_period.as_ref().and_then(|period| period.end.as_deref());
        let is_over = end.and_then(TimeSpan::parse).is_some_and(|end| end.high <= cx.now().as_microsecond());
        if is_logged || is_known || is_over {
            return None;
        }
        let start = statement.effective_period.and_then(|period| period.start);
        let date = statement.date_asserted.or(statement.effective_date_time).or(start);
        let origin = Origin::Reported(self.person(statement.information_source.as_ref()));
        let request = MedicationRequest {
            contained: statement.contained,
            medication_codeable_concept: statement.medication_codeable_concept,
            medication_reference: statement.medication_reference,
            dosage_instruction: statement.dosage,
            ..MedicationRequest::default()
        };
        Some(self.taken(record, &request, (origin, date.map(String::from))))
    }

    fn taken(
        &self,
        record: &Record,
        request: &MedicationRequest<'_>,
        (origin, date): (Origin, Option<String>),
    ) -> Taken {
        let concept = request.medication();
        let said = concept.as_deref().and_then(CodeableConcept::text).map(str::to_owned);
        let name = said.or_else(|| self.names.of(request.medication_reference.as_ref()?)).unwrap_or_default();
        let code = concept.as_deref().and_then(|concept| concept.code_in(naming::RXNORM));
        let by_code = code.filter(|code| self.knowledge.by_rxcui(code).is_some());
        let drug = self.knowledge.exact(by_code.unwrap_or(&name));
        let first = request.dosage_instruction.first();
        let dose = first.and_then(dosage::dose);
        let parsed_dose = dose.as_deref().and_then(|dose| Dosage::parse(dose).ok());
        let frequency = first.and_then(dosage::frequency);
        let route = request.dosage_instruction.iter().find_map(|dosage| dosage.route.as_ref()?.text());
        let medication = drug.map(|drug| {
            let often = frequency.as_deref().and_then(Frequency::parse);
            let medication = Medication::of(&drug).named(&name).with_dose(parsed_dose.clone(), often);
            if let Some(route) = route { medication.by_route(route) } else { medication }
        });
        let in_words = || first.and_then(|dosage| dosage.text.as_deref()).map(fenced);
        Taken {
            resource_type: record.resource_type,
            id: record.id.clone(),
            name,
            dosage: dose.or_else(in_words),
            parsed_dose,
            frequency,
            date,
            origin,
            is_prescribed_otherwise: false,
            medication,
        }
    }

    fn person(&self, reference: Option<&Reference<'_>>) -> String {
        let Some(reference) = reference else { return "nobody who is named".to_owned() };
        if reference.reference.as_deref() == Some(self.patient.as_str()) {
            return "the patient".to_owned();
        }
        self.names.of(reference).unwrap_or_else(|| "nobody who is named".to_owned())
    }
}
