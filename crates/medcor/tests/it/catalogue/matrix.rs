//! Who may use which tool: the whole table as a snapshot, and against one that people wrote.

use std::{collections::BTreeMap, fmt::Write};

use medcor::catalog;
use medcor_fhir::Id;
use medcor_policy::{ClientId, Principal, Role, SubjectId, TenantId};
use medcor_tools::Caller;

/// What a token may be narrowed to, each with its letter in the table.
const SCOPES: [(char, Option<&str>); 4] =
    [('a', None), ('p', Some("patient/*.cruds")), ('u', Some("user/*.cruds")), ('s', Some("system/*.cruds"))];

const HEADER: &str =
    "a: a token without scopes, p: patient/*.cruds, u: user/*.cruds, s: system/*.cruds, .: refused";

fn caller(role: Role, scopes: Option<&str>) -> Caller {
    let id = |text| Id::new(text).expect("an id");
    Caller::new(Principal {
        tenant: TenantId(1),
        organization: id("organization"),
        subject: SubjectId("somebody".to_owned()),
        client: ClientId("test".to_owned()),
        roles: vec![role],
        scopes: scopes.map(|scope| vec![scope.parse().expect("a scope")]),
        patient: (role == Role::Patient).then(|| id("ada")),
        practitioner: None,
    })
}

#[test]
fn who_may_use_what_does_not_change_unseen() {
    let catalog = catalog::catalog().expect("the catalogue compiles");
    let callers: Vec<Vec<(char, Caller)>> = Role::ALL
        .iter()
        .map(|role| SCOPES.iter().map(|(letter, scopes)| (*letter, caller(*role, *scopes))).collect())
        .collect();
    let mut table = format!("{HEADER}\n\n{:32}", "");
    for role in Role::ALL {
        write!(table, " {:12}", role.name()).expect("a text grows");
    }
    for tool in catalog.tools() {
        write!(table, "\n{:32}", tool.entry.name).expect("a text grows");
        for variants in &callers {
            let cell: String = variants
                .iter()
                .map(|(letter, caller)| if caller.may_use(tool.entry) { *letter } else { '.' })
                .collect();
            write!(table, " {cell:12}").expect("a text grows");
        }
    }
    let table: Vec<&str> = table.lines().map(str::trim_end).collect();
    let snapshots = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots");
    insta::with_settings!({ snapshot_path => snapshots, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("matrix", table.join("\n"));
    });
}

const PATIENT: Role = Role::Patient;
const RECEPTIONIST: Role = Role::Receptionist;
const NURSE: Role = Role::Nurse;
const DOCTOR: Role = Role::Doctor;
const ADMIN: Role = Role::Admin;
const SUPERADMIN: Role = Role::Superadmin;
const AUDITOR: Role = Role::Auditor;

/// Everybody who logs in.
const ANYBODY: &[Role] = &[PATIENT, RECEPTIONIST, NURSE, DOCTOR, ADMIN, SUPERADMIN, AUDITOR];
const CARE: &[Role] = &[NURSE, DOCTOR];
const CARE_AND_SELF: &[Role] = &[PATIENT, NURSE, DOCTOR];
const REGISTER: &[Role] = &[RECEPTIONIST, NURSE, DOCTOR, ADMIN];

const FRONT_DESK_AND_SELF: &[Role] = &[PATIENT, RECEPTIONIST, NURSE, DOCTOR, ADMIN];

/// Who may use a tool without scopes, as the documented systems want it (the operations of all five).
const ORACLE: &[(&str, &[Role])] = &[
    ("list_hospitals", ANYBODY),
    ("get_hospital", ANYBODY),
    ("list_doctors", ANYBODY),
    ("search_providers", ANYBODY),
    ("get_doctor_details", ANYBODY),
    ("list_nurses", REGISTER),
    ("list_specialties", ANYBODY),
    ("get_specialty", ANYBODY),
    ("get_specialty_doctors", ANYBODY),
    ("list_doctor_specialties", ANYBODY),
    ("create_specialty", &[ADMIN, SUPERADMIN]),
    ("update_doctor_specialties", &[ADMIN, SUPERADMIN]),
    ("list_patients", REGISTER),
    ("search_patients", REGISTER),
    ("resolve_patient_by_phone", REGISTER),
    ("get_patient", &[PATIENT, RECEPTIONIST, NURSE, DOCTOR, ADMIN]),
    ("create_patient", REGISTER),
    ("update_patient", &[PATIENT, RECEPTIONIST, NURSE, DOCTOR, ADMIN]),
    ("get_patient_summary", CARE_AND_SELF),
    ("get_allergies", CARE_AND_SELF),
    ("add_allergy", CARE),
    ("get_vital_signs", CARE_AND_SELF),
    ("record_vital_signs", CARE),
    ("get_lab_results", CARE_AND_SELF),
    ("list_conditions", CARE_AND_SELF),
    ("list_immunizations", CARE_AND_SELF),
    ("list_procedures", CARE_AND_SELF),
    ("get_immunization_status", CARE_AND_SELF),
    ("calculate", CARE_AND_SELF),
    ("order_lab", &[DOCTOR]),
    ("refer_patient", &[DOCTOR]),
    ("record_lab_result", &[DOCTOR]),
    ("list_prescriptions", CARE_AND_SELF),
    // Patients their own: it reads nothing that they may not read.
    ("check_interactions", CARE_AND_SELF),
    ("medication_review", CARE_AND_SELF),
    ("get_formulary", ANYBODY),
    ("list_treatment_plans", CARE_AND_SELF),
    ("get_treatment_plan", CARE_AND_SELF),
    ("create_treatment_plan", &[DOCTOR]),
    ("update_treatment_plan", &[DOCTOR]),
    ("discontinue_treatment_plan", &[DOCTOR]),
    ("get_previsit_questionnaire", &[PATIENT, RECEPTIONIST, NURSE, DOCTOR, ADMIN, SUPERADMIN]),
    ("submit_previsit_response", &[PATIENT, RECEPTIONIST, NURSE, DOCTOR]),
    ("list_previsit_responses", CARE_AND_SELF),
    ("list_missing_previsit", CARE_AND_SELF),
    ("report_emergency", &[PATIENT, RECEPTIONIST, NURSE, DOCTOR]),
    ("update_emergency_status", CARE),
    ("list_emergencies", CARE_AND_SELF),
    ("create_medical_inquiry", &[PATIENT, RECEPTIONIST, NURSE, DOCTOR]),
    ("mark_inquiry_answered", CARE),
    ("list_medical_inquiries", CARE_AND_SELF),
    ("add_communication_logs", &[RECEPTIONIST, NURSE, DOCTOR]),
    ("list_services", ANYBODY),
    ("get_service", ANYBODY),
    // It counts what everybody may list.
    ("get_treatment_stats", ANYBODY),
    ("create_service", &[ADMIN, SUPERADMIN]),
    ("update_service", &[ADMIN, SUPERADMIN]),
    ("list_subscription_plans", &[ADMIN, SUPERADMIN]),
    ("get_subscription_plan_details", &[ADMIN, SUPERADMIN]),
    ("create_subscription_plan", &[SUPERADMIN]),
    ("list_subscriptions", &[ADMIN, SUPERADMIN]),
    ("create_subscription", &[ADMIN, SUPERADMIN]),
    ("update_subscription", &[ADMIN, SUPERADMIN]),
    ("cancel_subscription", &[ADMIN, SUPERADMIN]),
    ("get_hospital_statistics", &[ADMIN]),
    ("get_revenue_analytics", &[ADMIN]),
    ("get_specialty_demand", &[ADMIN]),
    // Doctors their own.
    ("get_doctor_performance", &[DOCTOR, ADMIN]),
    ("get_system_stats", &[ADMIN, SUPERADMIN]),
    // Nurses and doctors about their patients, administrators about the organisation.
    ("generate_report", &[NURSE, DOCTOR, ADMIN]),
    ("get_report", &[NURSE, DOCTOR, ADMIN]),
    ("list_reports", &[NURSE, DOCTOR, ADMIN]),
    ("prescribe_medication", &[DOCTOR]),
    ("batch_prescribe", &[DOCTOR]),
    ("add_medication_refill", CARE),
    ("update_prescription", &[DOCTOR]),
    ("discontinue_medication", &[DOCTOR]),
    ("create_medication_reminder", CARE_AND_SELF),
    // Whoever may change a request to tell the patient something: patients only make them.
    ("end_medication_reminder", CARE),
    ("log_medication_taken", CARE_AND_SELF),
    ("get_adherence", CARE_AND_SELF),
    // Besides the server itself.
    ("send_due_reminders", CARE),
    ("list_encounters", CARE_AND_SELF),
    ("get_encounter", CARE_AND_SELF),
    ("create_encounter", CARE),
    ("update_encounter", CARE),
    ("list_medical_records", CARE_AND_SELF),
    ("get_medical_record", CARE_AND_SELF),
    ("create_medical_record", CARE),
    ("update_medical_record", CARE),
    // Patients what was signed.
    ("list_soap_notes", CARE_AND_SELF),
    ("create_soap_note", CARE),
    ("update_soap_note", CARE),
    ("version_soap_note", CARE),
    ("retract_soap_note", CARE),
    ("break_glass", CARE),
    ("list_break_glass", &[ADMIN, SUPERADMIN, AUDITOR]),
    ("search_audit_log", &[ADMIN, SUPERADMIN, AUDITOR]),
    // Patients their own.
    ("list_disclosures", &[PATIENT, ADMIN, AUDITOR]),
    ("authenticate", ANYBODY),
    ("admin_login", ANYBODY),
    ("validate_token", ANYBODY),
    ("get_admin_profile", &[ADMIN, SUPERADMIN]),
    ("register_client", &[ADMIN, SUPERADMIN]),
    // Besides programs with a scope for it.
    ("create_webhook", &[ADMIN]),
    ("list_webhooks", &[ADMIN]),
    ("delete_webhook", &[ADMIN]),
    ("rotate_webhook_secret", &[ADMIN]),
    ("list_webhook_failures", &[ADMIN]),
    ("redeliver_webhook", &[ADMIN]),
    // Besides the server itself.
    ("record_webhook_states", &[ADMIN]),
    ("create_user", &[ADMIN, SUPERADMIN]),
    ("register_user", &[RECEPTIONIST, ADMIN]),
    ("list_users", &[ADMIN, SUPERADMIN]),
    ("delete_user", &[ADMIN, SUPERADMIN]),
    // Everybody their own.
    ("get_user", ANYBODY),
    ("update_user", ANYBODY),
    ("list_appointment_slots", ANYBODY),
    ("get_appointment_types", ANYBODY),
    ("create_appointment", FRONT_DESK_AND_SELF),
    ("check_and_book_appointment", FRONT_DESK_AND_SELF),
    ("list_appointments", FRONT_DESK_AND_SELF),
    ("get_appointment_details", FRONT_DESK_AND_SELF),
    // Patients call off their own, which the tool itself decides.
    ("update_appointment_status", FRONT_DESK_AND_SELF),
    ("reschedule_appointment", FRONT_DESK_AND_SELF),
    ("cancel_appointment", FRONT_DESK_AND_SELF),
    ("join_waitlist", FRONT_DESK_AND_SELF),
    ("offer_freed_times", &[RECEPTIONIST, DOCTOR, ADMIN]),
    ("create_appointment_slot", &[RECEPTIONIST, DOCTOR, ADMIN]),
    ("start_session", ANYBODY),
    ("end_session", ANYBODY),
    ("pin_patient", &[PATIENT, RECEPTIONIST, NURSE, DOCTOR, ADMIN]),
    ("health_check", ANYBODY),
    ("search_tools", ANYBODY),
    ("call_tool", ANYBODY),
    ("fhir_read", ANYBODY),
    ("fhir_search", ANYBODY),
    ("fhir_history", ANYBODY),
];

#[test]
fn roles_may_use_what_the_documented_systems_want() {
    let catalog = catalog::catalog().expect("the catalogue compiles");
    let mut oracle: BTreeMap<&str, &[Role]> = ORACLE.iter().copied().collect();
    let mut differences = Vec::new();
    for tool in catalog.tools() {
        let Some(wanted) = oracle.remove(tool.entry.name) else {
            differences.push(format!("nobody has said who may use {}", tool.entry.name));
            continue;
        };
        for role in Role::ALL {
            let may_use = caller(role, None).may_use(tool.entry);
            // These act by scope alone: without one they may do what asks for nothing.
            let is_wanted =
                if role.is_by_scope() { tool.entry.needs.is_empty() } else { wanted.contains(&role) };
            if may_use != is_wanted {
                differences.push(format!("{role} may use {}: {may_use}", tool.entry.name));
            }
        }
    }
    differences.extend(oracle.keys().map(|name| format!("{name} is missing")));
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn a_scope_opens_nothing_that_the_role_does_not() {
    let catalog = catalog::catalog().expect("the catalogue compiles");
    for role in Role::ALL.into_iter().filter(|role| !role.is_by_scope()) {
        let by_role = caller(role, None);
        for (_, scopes) in SCOPES {
            let narrowed = caller(role, scopes);
            for tool in catalog.tools_for(&narrowed) {
                assert!(by_role.may_use(tool.entry), "{scopes:?} opens {} to {role}", tool.entry.name);
            }
        }
    }
}
