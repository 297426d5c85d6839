//! Figures are of what the caller sees: tokens, consent and care confine them as they do lists.

use medcor_fhir::Id;
use medcor_policy::{Principal, Role, Scope};
use medcor_tools::Caller;
use serde_json::{Value, json};

use super::{
    ADMIN,
    clinic::{DECEMBER, open},
};
use crate::support::{Clinic, denial};

const FIGURES: [&str; 5] = [
    "get_hospital_statistics",
    "get_revenue_analytics",
    "get_doctor_performance",
    "get_specialty_demand",
    "get_system_stats",
];

#[tokio::test]
async fn a_token_for_the_own_chart_has_no_figures_of_the_organisation() {
    let clinic = open().await;
    let narrowed = |to: &str| {
        let directory = "user/Practitioner.rs user/PractitionerRole.rs user/HealthcareService.rs";
        let scopes = format!("{directory} {to} admin:figures admin:users");
        let scopes: Vec<Scope> = scopes.split(' ').map(|scope| scope.parse().unwrap()).collect();
        let patient = Id::new("p1");
        clinic.logged_in(Principal { scopes: Some(scopes), patient, ..clinic.principal(ADMIN) })
    };
    for (to, is_system_refused) in [
        ("user/Appointment.rs patient/Invoice.rs patient/Patient.rs", true),
        ("user/Appointment.rs user/Invoice.rs patient/Patient.rs", true),
        ("patient/Appointment.rs user/Invoice.rs user/Patient.rs", true),
        ("user/Appointment.rs patient/Invoice.rs user/Patient.rs", false),
    ] {
        for tool in FIGURES {
            let answer = clinic.call(&narrowed(to), tool, json!({})).await;
            if tool == "get_system_stats" && !is_system_refused {
                assert_eq!(answer.unwrap()["statistics"]["total_patients"], 8, "{to}");
            } else {
                assert_eq!(answer.unwrap_err().code.name(), "PERMISSION_DENIED", "{tool} {to}");
            }
        }
    }
    let whole = narrowed("user/Appointment.rs user/Invoice.rs user/Patient.rs");
    for tool in FIGURES {
        let answer = clinic.call(&whole, tool, json!({})).await;
        assert!(answer.is_ok(), "{tool}: {}", answer.unwrap_err().text());
    }
}

/// A doctor's own appointments of December: as figures, and as the list counts them.
async fn counted(clinic: &Clinic, grace: &Caller) -> (Value, usize) {
    let figures = clinic.call(grace, "get_doctor_performance", DECEMBER.given()).await.unwrap();
    let mut arguments = DECEMBER.given();
    arguments["provider"] = "grace".into();
    arguments["limit"] = 100.into();
    let list = clinic.call(grace, "list_appointments", arguments).await.unwrap();
    (figures, list["results"].as_array().unwrap().len())
}

#[tokio::test]
async fn consent_and_care_confine_figures_as_they_do_lists() {
    let clinic = open().await;
    let grace = Principal { practitioner: Id::new("grace"), ..clinic.principal(Role::Doctor) };
    let grace = clinic.logged_in(grace);
    let (figures, listed) = counted(&clinic, &grace).await;
    assert_eq!(
        (&figures["appointment_count"], &figures["patients_seen"], listed),
        (&json!(10), &json!(6), 10)
    );
    let tenant = clinic.server.here.id;
    let identity = clinic.server.store.identity();
    identity.set_tenant_setting(tenant, "care_team_only", "on").await.unwrap();
    let (figures, listed) = counted(&clinic, &grace).await;
    // None of them makes a patient one of hers.
    assert_eq!((&figures["appointment_count"], listed), (&json!(0), 0), "{figures:#}");
    identity.set_tenant_setting(tenant, "care_team_only", "off").await.unwrap();
    clinic.put(denial("p0", None)).await;
    let (figures, listed) = counted(&clinic, &grace).await;
    assert_eq!(figures["appointment_count"], listed, "{figures:#}");
    assert!(listed < 10 && figures["patients_seen"] == 5, "{figures:#}");
}
