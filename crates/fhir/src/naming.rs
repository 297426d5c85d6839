//! URIs of the identifier and code systems that MedCor reads and writes by name.

use crate::Id;

/// HL7's table of identifier kinds (v2 table 0203).
pub const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
/// The code of a medical record number in [`IDENTIFIER_TYPE`].
pub const MEDICAL_RECORD_NUMBER: &str = "MR";
/// National Provider Identifiers of the United States.
pub const NPI: &str = "http://hl7.org/fhir/sid/us-npi";
/// Social Security Numbers of the United States.
pub const SSN: &str = "http://hl7.org/fhir/sid/us-ssn";
/// HL7's roles of practitioners.
pub const PRACTITIONER_ROLE: &str = "http://terminology.hl7.org/CodeSystem/practitioner-role";
/// Roles of staff for which HL7 has no code: receptionist, administrator, auditor.
pub const STAFF_ROLE: &str = "urn:medcor:staff-role";
/// Accounts of this server, where a record names somebody who has no record of their own.
pub const ACCOUNT: &str = "urn:medcor:account";
/// The canonical URI of the questionnaire that patients answer before a visit. An organisation that has an active
/// `Questionnaire` of this URI asks its own questions.
pub const PREVISIT_QUESTIONNAIRE: &str = "urn:medcor:questionnaire:previsit";
/// What a message is for, as far as HL7 has no code for it: emergency, inquiry, answer, log.
pub const MESSAGE_KIND: &str = "urn:medcor:message-kind";
/// HL7's kinds of communication.
pub const COMMUNICATION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/communication-category";
/// The extension of a service that says what one costs.
pub const SERVICE_PRICE: &str = "urn:medcor:service-price";
/// Units of measure (UCUM).
pub const UCUM: &str = "http://unitsofmeasure.org";
/// LOINC: observations and documents.
pub const LOINC: &str = "http://loinc.org";
/// SNOMED CT: findings, procedures, substances.
pub const SNOMED_CT: &str = "http://snomed.info/sct";
/// RxNorm: drugs.
pub const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";

/// Begins the `measure` of a report that is kept as a `MeasureReport`: its type follows.
pub const REPORT: &str = "urn:medcor:report:";
/// The extension of such a report that says of which types of record it was made (`valueCode`).
pub const REPORT_SOURCE: &str = "urn:medcor:report-source";
/// The extension of such a report that has what it says (`valueAttachment`).
pub const REPORT_CONTENT: &str = "urn:medcor:report-content";
/// The system of the tag of records that the tools which keep them alone open; [`KEPT_REPORT`] is the only code.
pub const KEPT: &str = "urn:medcor:kept";
/// The tag of a report in [`KEPT`].
pub const KEPT_REPORT: &str = "kept-report";

/// What an `Appointment` is beyond its FHIR status (`valueCode`): `confirmed`, `in-progress`, `rescheduled`.
pub const APPOINTMENT_STATUS: &str = "urn:medcor:appointment-status";
/// Since when a clinician practises a specialty, in a `PractitionerRole`: `specialty` (`valueString`, in words) and
/// `since` (`valueDate`).
pub const SPECIALTY_PRACTISED: &str = "urn:medcor:specialty-practised";
/// Marks a `Practitioner.qualification` that certifies a specialty, and says which (`valueString`, in words).
pub const SPECIALTY_CERTIFIED: &str = "urn:medcor:specialty-certified";
/// Minutes after an `Appointment` in which its clinician is not booked (`valueUnsignedInt`).
pub const APPOINTMENT_BUFFER: &str = "urn:medcor:appointment-buffer";
/// Why an `Appointment` was booked although something stood against it (`valueString`).
pub const APPOINTMENT_OVERRIDE: &str = "urn:medcor:appointment-override";
/// The time that an `Appointment` had before it was moved: who with, from when, to when.
pub const APPOINTMENT_MOVED_FROM: &str = "urn:medcor:appointment-moved-from";
/// A free time that somebody on the waiting list was offered: who with, from when, to when, until when.
pub const APPOINTMENT_OFFER: &str = "urn:medcor:appointment-offer";
/// Identifiers of what belongs to one series of appointments.
pub const APPOINTMENT_SERIES: &str = "urn:medcor:appointment-series";
/// Hours of every week in a `Schedule`: `day` (`mon`, …), `start` and `end` (`valueTime`).
pub const SCHEDULE_HOURS: &str = "urn:medcor:schedule-hours";
/// Days on which a `Schedule` differs: `from` and `to` (`valueDate`), `start` and `end` (`valueTime`, else the
/// whole day), `available` (`valueBoolean`), `reason` (`valueString`).
pub const SCHEDULE_EXCEPTION: &str = "urn:medcor:schedule-exception";
/// Minutes of a slot of a `Schedule` (`valueUnsignedInt`).
pub const SCHEDULE_SLOT: &str = "urn:medcor:schedule-slot";
/// Minutes after each appointment of a `Schedule` in which nobody is seen (`valueUnsignedInt`).
pub const SCHEDULE_BUFFER: &str = "urn:medcor:schedule-buffer";
/// Identifiers of schedules; `organisation` is the one that closes for everybody.
pub const SCHEDULE: &str = "urn:medcor:schedule";
/// How many minutes a `HealthcareService` takes (`valueUnsignedInt`).
pub const SERVICE_LENGTH: &str = "urn:medcor:service-length";
/// Kinds of appointments: `CONSULTATION`, `FOLLOW_UP`, …
pub const APPOINTMENT_TYPE: &str = "urn:medcor:appointment-type";

/// The system of the medical record numbers that an organisation of this server hands out.
///
/// It names the organisation, so that numbers of two hospitals stay apart when their records meet
/// elsewhere. Records are found by the number alone or by the kind `MR`, whatever its system.
pub fn medical_record_number_system(organization: &Id) -> String {
    format!("urn:medcor:organization:{organization}:mrn")
}

/// The canonical URI of the `CodeSystem` in which an organisation of this server keeps its specialties.
pub fn specialty_system(organization: &Id) -> String {
    format!("urn:medcor:organization:{organization}:specialty")
}
