//! What the documents say that each call answers, by system and tool, and of resources by URI. `rows/*` are
//! the members of a list: each field stands in one of them at least.
//!
//! One system names each list by what is in it (`medications`, `lab_results`, …). A list is `results` here, on
//! every door; its rows have the fields that the documents name.

/// Where in the answer, and which fields are there.
pub(super) type Fields = &'static [(&'static str, &'static [&'static str])];

const APPOINTMENT: Fields =
    &[("", &["id", "patient_id", "patient_name", "doctor_id", "doctor_name", "date", "time", "status"])];
const SLOTS: Fields = &[
    ("", &["available_times", "slots", "results"]),
    ("results/*", &["id", "start_time", "end_time", "is_available", "duration_minutes"]),
];
const WEEKLY: Fields = &[("", &["id", "doctor_id", "day_of_week", "start_time", "end_time", "is_available"])];
const BOOKED: Fields =
    &[("", &["message", "appointment_id", "patient", "doctor", "scheduled", "date", "time", "status"])];
const SENTENCE: Fields = &[("", &["message"])];
const SENTENCE_WITH_ID: Fields = &[("", &["message", "id"])];
const SENTENCE_OF_VISIT: Fields = &[("", &["message", "appointment_id"])];
const ENCOUNTER: &[&str] = &["id", "patient_id", "encounter_type", "status", "reason", "notes", "created_at"];
const MEDICAL_RECORD: &[&str] = &[
    "id",
    "patient_id",
    "patient_name",
    "title",
    "type",
    "description",
    "diagnosis",
    "symptoms",
    "created_by",
    "created_at",
    "appointment_id",
];
const MEDICATION: &[&str] = &[
    "medication_id",
    "name",
    "dosage",
    "frequency",
    "route",
    "prescribed_date",
    "prescriber",
    "refills_remaining",
];

/// What each documented call answers.
pub(super) const TOOLS: &[(&str, &str, Fields)] = &[
    (
        "medcor_v2",
        "list_appointments",
        &[(
            "results/*",
            &[
                "id",
                "patient_id",
                "patient_name",
                "doctor_id",
                "doctor_name",
                "treatment_id",
                "treatment_name",
                "date",
                "time",
                "status",
                "notes",
                "tenant_id",
                "created_at",
                "updated_at",
            ],
        )],
    ),
    ("medcor_v2", "get_appointment_details", APPOINTMENT),
    (
        "medcor_v2",
        "create_appointment",
        &[(
            "",
            &[
                "id",
                "patient_id",
                "patient_name",
                "doctor_id",
                "treatment_id",
                "treatment_name",
                "date",
                "time",
                "status",
                "notes",
            ],
        )],
    ),
    ("medcor_v2", "update_appointment_status", APPOINTMENT),
    ("medcor_v2", "list_appointment_slots", SLOTS),
    ("medcor_v2", "create_appointment_slot", WEEKLY),
    (
        "medcor_complete",
        "list_appointments",
        &[("results/*", &["id", "patient", "doctor", "date", "time", "status", "type", "reason"])],
    ),
    (
        "medcor_complete",
        "create_appointment",
        &[("", &["success", "appointment_id", "patient", "doctor", "scheduled", "status"])],
    ),
    ("medcor_complete", "update_appointment_status", &[("", &["success", "appointment_id", "status"])]),
    ("medcor_complete", "list_appointment_slots", SLOTS),
    ("medcor_complete", "list_medical_records", &[("results/*", MEDICAL_RECORD)]),
    ("medcor_complete", "get_medical_record", &[("", MEDICAL_RECORD)]),
    ("medcor_complete", "create_medical_record", &[("", &["success", "record_id", "title", "patient"])]),
    ("medcor_complete", "update_medical_record", &[("", &["success", "record_id", "title", "updated"])]),
    (
        "medcor_complete",
        "list_treatments",
        &[("results/*", &["id", "name", "type", "patient", "doctor", "status", "start_date", "end_date"])],
    ),
    ("medcor_complete", "create_treatment", &[("", &["success", "treatment_id", "name", "patient"])]),
    ("medcor_complete", "update_treatment", &[("", &["success", "treatment_id", "name", "status", "notes"])]),
    (
        "epic_ehr",
        "get_appointments",
        &[
            ("", &["status", "mrn"]),
            (
                "appointments/*",
                &[
                    "appointment_id",
                    "date",
                    "time",
                    "type",
                    "provider",
                    "department",
                    "location",
                    "status",
                    "reason",
                ],
            ),
        ],
    ),
    (
        "epic_ehr",
        "schedule_appointment",
        &[
            ("", &["status", "message"]),
            ("appointment", &["appointment_id", "date", "time", "provider", "department"]),
        ],
    ),
    ("epic_ehr", "get_medications", &[("", &["status", "mrn"]), ("results/*", MEDICATION)]),
    (
        "epic_ehr",
        "prescribe_medication",
        &[("", &["status", "message"]), ("medication", &["medication_id", "name", "dosage", "frequency"])],
    ),
    (
        "epic_ehr",
        "get_lab_results",
        &[
            ("", &["status", "mrn"]),
            ("results/*", &["order_id", "test_name", "ordered_date", "resulted_date", "status", "results"]),
            ("results/*/results/*", &["component", "value", "unit", "reference", "flag"]),
        ],
    ),
    (
        "epic_ehr",
        "get_vital_signs",
        &[
            ("", &["status", "mrn"]),
            (
                "results/*",
                &[
                    "recorded_date",
                    "blood_pressure",
                    "heart_rate",
                    "temperature",
                    "oxygen_saturation",
                    "weight",
                    "bmi",
                    "recorded_by",
                ],
            ),
        ],
    ),
    ("epic_ehr", "record_vital_signs", &[("", &["status", "message"])]),
    (
        "epic_ehr",
        "get_allergies",
        &[("", &["status", "mrn"]), ("results/*", &["allergen", "reaction", "severity", "onset_date"])],
    ),
    ("carebot", "add_availability_tool", &[("", &["message", "id", "doctor_id", "day_of_week"])]),
    ("carebot", "book_appointment", BOOKED),
    ("carebot", "check_and_book_appointment", BOOKED),
    ("carebot", "cancel_appointment", &[("", &["message", "appointment_id", "status"])]),
    ("carebot", "join_waitlist", SENTENCE_WITH_ID),
    ("carebot", "create_medication_reminder", &[("", &["message", "reminder_id"])]),
    ("carebot", "log_medication_taken", SENTENCE),
    ("carebot", "prescribe_medication", SENTENCE),
    ("carebot", "update_prescription", SENTENCE),
    ("carebot", "discontinue_medication", SENTENCE),
    ("carebot", "add_medication_refill", SENTENCE),
    ("carebot", "get_medications", &[("results/*", &["name", "dosage", "frequency"])]),
    ("carebot", "create_soap_note", SENTENCE_OF_VISIT),
    ("carebot", "update_soap_note", SENTENCE_OF_VISIT),
    ("carebot", "version_soap_note", SENTENCE_OF_VISIT),
    (
        "carebot",
        "create_treatment_plan",
        &[
            ("", &["message", "status", "appointment_id", "interventions"]),
            ("interventions/*", &["type", "description"]),
        ],
    ),
    ("carebot", "update_treatment_plan", SENTENCE),
    ("carebot", "discontinue_treatment_plan", SENTENCE),
    ("carebot", "submit_previsit_response", &[("", &["message", "appointment_id", "is_complete"])]),
    ("carebot", "report_emergency", SENTENCE_WITH_ID),
    ("carebot", "update_emergency_status", SENTENCE),
    ("carebot", "create_medical_inquiry", SENTENCE_WITH_ID),
    ("carebot", "mark_inquiry_answered", SENTENCE),
    ("carebot", "add_communication_logs", SENTENCE),
    (
        "pms",
        "list_encounters",
        &[("results/*", ENCOUNTER), ("results/*", &["scheduled_at", "started_at", "completed_at"])],
    ),
    ("pms", "get_encounter", &[("", ENCOUNTER)]),
    ("pms", "create_encounter", &[("", ENCOUNTER)]),
    (
        "pms",
        "list_prescriptions",
        &[
            ("", &["patient_id"]),
            (
                "results/*",
                &[
                    "id",
                    "medication_id",
                    "medication_name",
                    "dosage",
                    "frequency",
                    "refills_remaining",
                    "status",
                    "prescribed_at",
                    "prescribed_date",
                ],
            ),
        ],
    ),
    (
        "pms",
        "prescribe_medication",
        &[(
            "",
            &[
                "id",
                "patient_id",
                "medication_id",
                "dosage",
                "frequency",
                "refills_remaining",
                "status",
                "prescribed_at",
            ],
        )],
    ),
    (
        "pms",
        "check_interactions",
        &[("interactions/*", &["medication_a", "medication_b", "severity", "description"])],
    ),
    (
        "pms",
        "medication_review",
        &[(
            "",
            &[
                "patient_id",
                "patient_name",
                "review_date",
                "total_medications",
                "prescriptions",
                "interactions",
                "interaction_count",
                "status",
            ],
        )],
    ),
    (
        "pms",
        "encounter_summary",
        &[
            ("", &["encounter_type", "reason", "patient", "medications"]),
            ("patient", &["name", "date_of_birth", "gender"]),
        ],
    ),
];

const APPOINTMENTS: Fields = &[("results/*", &["date", "time", "status"])];
const NOTES: Fields = &[("results/*", &["subjective", "objective", "assessment", "plan"])];
const MEDICATIONS: Fields = &[("results/*", &["name", "dosage", "frequency", "status"])];
const PLANS: Fields = &[("results/*", &["id", "name", "status"])];
const SUMMARY: Fields = &[("", &["name", "mrn", "date_of_birth", "conditions", "allergies"])];

/// What each documented resource shows.
pub(super) const RESOURCES: &[(&str, Fields)] = &[
    (
        "doctors://availability/{doctor_name}/{date}",
        &[("results/*", &["start_time", "end_time", "is_available", "status"])],
    ),
    ("patients://summary/{name}", SUMMARY),
    ("patients://history/{name}", APPOINTMENTS),
    ("appointments://doctor/{doctor_name}", APPOINTMENTS),
    ("appointments://upcoming/{hospital_id}", APPOINTMENTS),
    ("patients://appointments/{name}", APPOINTMENTS),
    ("patients://appointments/upcoming/{patient_name}", APPOINTMENTS),
    ("patients://appointments/history/{patient_name}", APPOINTMENTS),
    ("healthcare://appointments", APPOINTMENTS),
    ("waitlist://all", &[("results/*", &["id", "status", "patient_name"])]),
    ("reminders://medication/pending/{patient_name}", &[("pending/*", &["message", "send_at"])]),
    (
        "reminders://adherence/{patient_name}",
        &[("", &["adherence_rate", "taken", "missed", "total_reminders"])],
    ),
    ("medications://all/{patient_name}", MEDICATIONS),
    ("medications://active/{patient_name}", MEDICATIONS),
    ("medications://history/{patient_name}/{start_date}/{end_date}", MEDICATIONS),
    ("medications://statistics/{patient_name}", &[("", &["adherence_rate"])]),
    ("pms://patients/{patient_id}/medications", MEDICATIONS),
    ("pms://formulary/current", &[("results/*", &["name"])]),
    ("pms://patients/{id}/summary", SUMMARY),
    ("clinical://soap/all/{appointment_id}", &[("results/*", &["note_id", "status"])]),
    ("clinical://soap/latest/{patient_name}", NOTES),
    ("clinical://soap/history/{appointment_id}", &[("results/*", &["version"])]),
    ("clinical://plans/active/{patient_name}", PLANS),
    ("clinical://plans/history/{patient_name}", PLANS),
    ("clinical://plans/appointment/{appointment_id}", PLANS),
    ("previsit://all", &[("results/*", &["responses", "submitted_at"])]),
    ("previsit://date-range/{start_date}/{end_date}", &[("results/*", &["responses", "submitted_at"])]),
    ("medical_records://list/{hospital_id}", &[("results/*", &["id", "title"])]),
    ("medical_records://patient/{patient_id}", &[("results/*", &["id", "title"])]),
    ("inquiries://list", &[("results/*", &["id", "subject", "message", "status"])]),
    ("emergency://all", &[("results/*", &["id", "description", "priority", "status"])]),
    ("patients://medical-profile/{patient_name}", &[("", &["allergies", "medications", "conditions"])]),
];
