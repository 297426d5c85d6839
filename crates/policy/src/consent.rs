//! What patients have forbidden: FHIR R4 `Consent` as rules about who may not see what.
//!
//! Within one consent the deepest provision that applies decides, and where none does its base policy;
//! among several consents a denial wins. A condition that is not understood never opens anything: a denial
//! holds without it, a permission falls. Whom a denial names and nobody can tell are all clinicians.

mod provision;

use std::collections::HashMap;

use medcor_fhir::{
    Id, ResourceType,
    search::{named_target, relative_target},
};
use serde_json::Value;

use self::provision::{base, is_about_something_else, period, read};
use crate::{Actor, Role};

/// One consent that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Whose records.
    pub patient: Id,
    rules: Vec<Rule>,
}

/// One provision.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    denies: bool,
    depth: u8,
    /// Whom it is about; empty for everybody.
    actors: Vec<Named>,
    /// Which records; empty for all.
    types: Vec<ResourceType>,
    /// Microseconds since the epoch.
    from: i64,
    to: i64,
}

/// What a provision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Permits,
    Denies,
}

/// What a provision has from the one around it; the root has it from the base policy.
struct Around {
    /// `None` where nobody says.
    kind: Option<Kind>,
    rule: Rule,
    /// Whether there are conditions that nothing here can judge.
    is_conditional: bool,
}

/// Whom a provision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    /// `None` without a reference.
    who: Option<Who>,
    role: Option<Role>,
    /// Who holds the `PractitionerRole` that is named.
    holder: Option<RoleHolder>,
}

/// Whom a reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    Practitioner(Id),
    PractitionerRole(Id),
    Organization(Id),
    Patient(Id),
    /// Nobody who has an account.
    RelatedPerson,
    /// A team, a group, somebody of another server: who that is stands nowhere.
    Unknown,
}

/// Who holds a `PractitionerRole`, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleHolder {
    practitioner: Id,
    is_active: bool,
    /// Microseconds since the epoch.
    from: i64,
    to: i64,
}

impl RoleHolder {
    /// The holder of a `PractitionerRole`; `None` where it names no `Practitioner` of this server.
    pub fn of(practitioner_role: &Value) -> Option<Self> {
        let reference = practitioner_role.pointer("/practitioner/reference")?.as_str()?;
        let (kind, practitioner) = relative_target(reference)?;
        let (from, to) = period(practitioner_role);
        Some(Self {
            practitioner: Id::new(practitioner).filter(|_| kind == ResourceType::PRACTITIONER)?,
            is_active: practitioner_role.get("active").and_then(Value::as_bool) != Some(false),
            from,
            to,
        })
    }
}

impl Directive {
    /// The rules of a `Consent`; `None` where it is not in force, is not about seeing records, or forbids
    /// nothing.
    pub fn of(consent: &Value) -> Option<Self> {
        if consent.get("status")?.as_str()? != "active" || is_about_something_else(consent) {
            return None;
        }
        // Records come here from elsewhere and keep their ids, so a URL of another server may name this patient.
        let (kind, patient) = named_target(consent.pointer("/patient/reference")?.as_str()?)?;
        let patient = Id::new(patient).filter(|_| kind == ResourceType::PATIENT)?;
        let base = base(consent);
        let rule = Rule {
            denies: base == Some(Kind::Denies),
            depth: 0,
            actors: Vec::new(),
            types: Vec::new(),
            from: i64::MIN,
            to: i64::MAX,
        };
        let mut rules = Vec::new();
        if rule.denies {
            rules.push(rule.clone());
        }
        if let Some(root) = consent.get("provision") {
            read(root, &Around { kind: base, rule, is_conditional: false }, &mut rules);
        }
        let denies = rules.iter().any(|rule| rule.denies);
        denies.then_some(Self { patient, rules })
    }

    /// The `PractitionerRole`s that it names: whose they are is not said in it.
    pub fn practitioner_roles(&self) -> impl Iterator<Item = &str> {
        let named = self.rules.iter().flat_map(|rule| &rule.actors);
        named.filter_map(Named::practitioner_role).map(Id::as_str)
    }

    /// The same, knowing who holds which `PractitionerRole`.
    #[must_use]
    pub fn with_holders(mut self, holders: &HashMap<Id, RoleHolder>) -> Self {
        for named in self.rules.iter_mut().flat_map(|rule| &mut rule.actors) {
            named.holder = named.practitioner_role().and_then(|role| holders.get(role).cloned());
        }
        self
    }

    /// Whether it keeps records of this type from this actor at this time (microseconds since the epoch).
    pub fn denies(&self, actor: &Actor, resource_type: ResourceType, now: i64) -> bool {
        // Nobody's consent hides the own record from the patient.
        if actor.patient.as_ref() == Some(&self.patient) {
            return false;
        }
        let applying = self.rules.iter().filter(|rule| rule.applies(actor, resource_type, now));
        // Of two on one level the denial wins.
        applying.max_by_key(|rule| (rule.depth, rule.denies)).is_some_and(|rule| rule.denies)
    }
}

impl Rule {
    fn applies(&self, actor: &Actor, resource_type: ResourceType, now: i64) -> bool {
        (self.from..self.to).contains(&now)
            && (self.types.is_empty() || self.types.contains(&resource_type))
            && (self.actors.is_empty() || self.actors.iter().any(|named| named.is(actor, self.denies, now)))
    }
}

impl Named {
    fn practitioner_role(&self) -> Option<&Id> {
        match &self.who {
            Some(Who::PractitionerRole(role)) => Some(role),
            _ => None,
        }
    }

    /// `denies`: it is a denial that names this.
    fn is(&self, actor: &Actor, denies: bool, now: i64) -> bool {
        let is_holder = self.role.is_none_or(|role| actor.roles.contains(&role));
        let is_named = match &self.who {
            Some(Who::Practitioner(id)) => actor.practitioner.as_ref() == Some(id),
            Some(Who::PractitionerRole(_)) => self.is_held_by(actor, denies, now),
            Some(Who::Patient(id)) => actor.patient.as_ref() == Some(id),
            Some(Who::Organization(id)) if *id == actor.organization => true,
            Some(Who::RelatedPerson) => false,
            // Who is of a department or a team stands nowhere: a role tells, else a denial means all clinicians.
            Some(Who::Organization(_) | Who::Unknown) => {
                denies && (self.role.is_some() || actor.is_clinician())
            }
            None => self.role.is_some() || (denies && actor.is_clinician()),
        };
        is_holder && is_named
    }

    /// Whether the named `PractitionerRole` is the actor's. A denial holds for who ever held it, and for every
    /// clinician where nobody knows whose it is; a permission is for who holds it now.
    fn is_held_by(&self, actor: &Actor, denies: bool, now: i64) -> bool {
        match &self.holder {
            Some(holder) if actor.practitioner.as_ref() != Some(&holder.practitioner) => false,
            Some(holder) => denies || (holder.is_active && (holder.from..holder.to).contains(&now)),
            None => denies && actor.is_clinician(),
        }
    }
}

impl Who {
    fn of(reference: &str) -> Self {
        let Some((kind, id)) = relative_target(reference) else { return Self::Unknown };
        let Some(id) = Id::new(id) else { return Self::Unknown };
        match kind {
            ResourceType::PRACTITIONER => Self::Practitioner(id),
            ResourceType::PRACTITIONER_ROLE => Self::PractitionerRole(id),
            ResourceType::ORGANIZATION => Self::Organization(id),
            ResourceType::PATIENT => Self::Patient(id),
            ResourceType::RELATED_PERSON => Self::RelatedPerson,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_796_202_000_000_000;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn actor(role: Role, practitioner: Option<&str>) -> Actor {
        Actor {
            roles: vec![role],
            organization: id("house"),
            patient: None,
            practitioner: practitioner.map(id),
        }
    }

    fn directive(provision: &Value) -> Option<Directive> {
        Directive::of(&json!({
            "resourceType": "Consent", "status": "active",
            "scope": { "coding": [{ "code": "patient-privacy" }] },
            "patient": { "reference": "Patient/ada" }, "provision": provision
        }))
    }

    fn denies(provision: &Value, actor: &Actor, resource_type: ResourceType) -> bool {
        directive(provision).is_some_and(|directive| directive.denies(actor, resource_type, NOW))
    }

    #[test]
    fn a_denial_holds_for_whom_it_names_and_what_it_names() {
        let (nurse, doctor) = (actor(Role::Nurse, Some("n1")), actor(Role::Doctor, Some("d1")));
        let of_role = json!({ "type": "deny", "actor": [{ "role": { "coding": [{ "code": "nurse" }] } }] });
        assert!(denies(&of_role, &nurse, ResourceType::PATIENT));
        assert!(!denies(&of_role, &doctor, ResourceType::PATIENT));
        let of_person = json!({ "type": "deny", "actor": [{
            "role": { "coding": [{ "code": "PRCP" }] }, "reference": { "reference": "Practitioner/d1" } }] });
        assert!(denies(&of_person, &doctor, ResourceType::PATIENT));
        assert!(!denies(&of_person, &nurse, ResourceType::PATIENT));
        let of_type = json!({ "type": "deny", "class": [{ "code": "Observation" }] });
        assert!(denies(&of_type, &nurse, ResourceType::OBSERVATION));
        assert!(!denies(&of_type, &nurse, ResourceType::PATIENT));
    }

    /// What a consent with this base decision says of a record.
    fn denies_under(base: &str, provision: &Value, actor: &Actor) -> bool {
        let directive = Directive::of(&json!({
            "resourceType": "Consent", "status": "active", "patient": { "reference": "Patient/ada" },
            "policyRule": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": base }] },
            "provision": provision
        }));
        directive.is_some_and(|directive| directive.denies(actor, ResourceType::PATIENT, NOW))
    }

    #[test]
    fn whom_a_denial_names_and_nobody_can_tell_are_all_clinicians() {
        let (doctor, nurse) = (actor(Role::Doctor, Some("d1")), actor(Role::Nurse, None));
        let desk = actor(Role::Receptionist, None);
        let naming = |kind: &str, actor: Value| json!({ "type": kind, "actor": [actor] });
        for unknown in [
            json!({ "reference": { "reference": "CareTeam/1" } }),
            json!({ "reference": { "reference": "Group/1" } }),
            json!({ "reference": { "reference": "Organization/department" } }),
            json!({ "reference": { "reference": "https://example.org/Practitioner/d9" } }),
            json!({ "reference": { "reference": "urn:uuid:0f1b2c3d-0000-4000-8000-000000000001" } }),
            json!({ "reference": { "reference": "#contained" } }),
            json!({ "reference": { "identifier": { "value": "1234567893" } } }),
            json!({ "reference": { "display": "The cardiologists" } }),
            json!({ "role": { "coding": [{ "code": "radiologist" }] } }),
        ] {
            let denial = naming("deny", unknown.clone());
            for clinician in [&doctor, &nurse] {
                assert!(denies(&denial, clinician, ResourceType::PATIENT), "{unknown}");
            }
            assert!(!denies(&denial, &desk, ResourceType::PATIENT), "{unknown}");
            let but_them = json!({ "type": "deny", "provision": [naming("permit", unknown)] });
            assert!(denies(&but_them, &doctor, ResourceType::PATIENT), "{but_them}");
        }
        // A role that is known tells who is meant; a relative is none of the staff.
        let nurses = naming(
            "deny",
            json!({ "role": { "text": "nurse" }, "reference": { "reference": "CareTeam/1" } }),
        );
        assert!(
            denies(&nurses, &nurse, ResourceType::PATIENT)
                && !denies(&nurses, &doctor, ResourceType::PATIENT)
        );
        let relative = naming("deny", json!({ "reference": { "reference": "RelatedPerson/1" } }));
        assert!(!denies(&relative, &doctor, ResourceType::PATIENT));
        let version = naming("deny", json!({ "reference": { "reference": "Practitioner/d1/_history/2" } }));
        assert!(
            denies(&version, &doctor, ResourceType::PATIENT)
                && !denies(&version, &nurse, ResourceType::PATIENT)
        );
    }

    #[test]
    fn a_consent_is_read_whichever_way_it_names_its_patient() {
        for reference in ["Patient/ada/_history/2", "https://example.org/fhir/Patient/ada"] {
            let consent = json!({ "status": "active", "patient": { "reference": reference },
                "provision": { "type": "deny" } });
            let directive = Directive::of(&consent).expect("it denies");
            assert_eq!(directive.patient, id("ada"));
        }
        let of_a_group = json!({ "status": "active", "patient": { "reference": "Group/ada" },
            "provision": { "type": "deny" } });
        assert!(Directive::of(&of_a_group).is_none());
    }

    #[test]
    fn what_stands_too_deep_is_taken_for_a_denial() {
        let mut provision = json!({ "type": "deny", "actor": [{ "role": { "text": "receptionist" } }] });
        for _ in 0..12 {
            provision = json!({ "type": "permit", "provision": [provision] });
        }
        assert!(denies(&provision, &actor(Role::Doctor, Some("d1")), ResourceType::PATIENT));
    }

    /// What HL7's own examples say to a nurse, a doctor and a doctor of the organisation that they name.
    #[test]
    fn examples_of_hl7_are_read_as_they_are_meant() {
        let nurse = actor(Role::Nurse, Some("f204"));
        let doctor = actor(Role::Doctor, Some("d1"));
        let there = Actor { organization: id("f001"), ..actor(Role::Doctor, Some("d2")) };
        let expected = HashMap::from([
            ("consent-example-Out", [true, true, true]),
            ("consent-example-Emergency", [true, true, true]),
            ("consent-example-grantor", [true, true, true]),
            ("consent-example-pkb", [true, true, true]),
            ("consent-example-notThem", [true, false, false]),
            // Whether the organisation is a department of ours is not said.
            ("consent-example-notOrg", [true, true, true]),
            ("consent-example-notAuthor", [true, true, true]),
            // One record of many, which nobody can tell from the others.
            ("consent-example-notThis", [true, true, true]),
            // Their time is over.
            ("consent-example-notTime", [false; 3]),
            ("consent-example-signature", [false; 3]),
            ("consent-example-basic", [false; 3]),
            ("consent-example-smartonfhir", [false; 3]),
        ]);
        for consent in consents_of_hl7() {
            let directive = Directive::of(&consent);
            let denied = [&nurse, &doctor, &there].map(|actor| {
                directive
                    .as_ref()
                    .is_some_and(|directive| directive.denies(actor, ResourceType::OBSERVATION, NOW))
            });
            let id = consent["id"].as_str().unwrap();
            assert_eq!(Some(&denied), expected.get(id), "{id}");
        }
    }

    /// None, said plainly, where the examples are absent.
    fn consents_of_hl7() -> Vec<Value> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/fhir-r4/examples-4.0.1.tgz");
        let Ok(file) = std::fs::File::open(path) else {
            writeln!(std::io::stderr(), "skipped: {path} is absent").unwrap();
            return Vec::new();
        };
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
        let mut consents = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let is_consent = entry.path().unwrap().to_string_lossy().contains("Consent-consent-example");
            if is_consent {
                consents.push(serde_json::from_reader(entry).unwrap());
            }
        }
        assert!(!consents.is_empty());
        consents
    }

    #[test]
    fn who_opts_out_is_closed_but_to_whom_a_provision_permits() {
        let (one, other) = (actor(Role::Doctor, Some("d1")), actor(Role::Doctor, Some("d2")));
        let d1 = json!([{ "role": { "text": "anyone" }, "reference": { "reference": "Practitioner/d1" } }]);
        let custodian = json!([{ "role": { "coding": [{ "code": "CST" }] },
            "reference": { "reference": "Organization/house" } }]);
        for base in ["OPTOUT", "OPTOUTE", "EMRGONLY"] {
            assert!(denies_under(base, &Value::Null, &one), "{base} alone");
            assert!(denies_under(base, &json!({}), &one));
            // Whatever else the root says, it has no type and opens nothing.
            assert!(denies_under(base, &json!({ "actor": custodian }), &one));
            assert!(denies_under(base, &json!({ "period": { "end": "2026-11-30" } }), &one));
            let but_one = json!({ "provision": [{ "type": "permit", "actor": d1 }] });
            assert!(!denies_under(base, &but_one, &one) && denies_under(base, &but_one, &other));
            let for_a_purpose = json!({ "purpose": [{ "code": "ETREAT" }],
                "provision": [{ "type": "permit", "actor": d1 }] });
            assert!(denies_under(base, &for_a_purpose, &one), "nobody here judges the purpose");
        }
        let without_provision = json!({ "status": "active", "patient": { "reference": "Patient/ada" },
            "policyRule": { "text": "Opt-out" } });
        let directive = Directive::of(&without_provision).expect("words say it too");
        assert!(directive.denies(&one, ResourceType::PATIENT, NOW));
    }

    #[test]
    fn who_opts_in_names_whom_the_root_refuses() {
        let (one, other) = (actor(Role::Doctor, Some("d1")), actor(Role::Doctor, Some("d2")));
        let d1 = json!([{ "role": { "coding": [{ "code": "PRCP" }] },
            "reference": { "reference": "Practitioner/d1" } }]);
        for base in ["OPTIN", "OPTINR"] {
            let but_one = json!({ "actor": d1, "action": [{ "coding": [{ "code": "access" }] }] });
            assert!(denies_under(base, &but_one, &one) && !denies_under(base, &but_one, &other));
            let a_document =
                json!({ "data": [{ "meaning": "related", "reference": { "reference": "Task/1" } }] });
            assert!(denies_under(base, &a_document, &other), "nobody here tells such records apart");
            // A period alone says when the consent is in force.
            for provision in [Value::Null, json!({}), json!({ "period": { "start": "2026-01-01" } })] {
                assert!(!denies_under(base, &provision, &one), "{provision}");
            }
            let a_part = json!({ "provision": [{ "type": "deny", "actor": d1 }] });
            assert!(denies_under(base, &a_part, &one) && !denies_under(base, &a_part, &other));
        }
        // Of another base nobody knows what a root without a type excepts.
        assert!(!denies_under("NOPP", &json!({ "actor": d1 }), &one));
    }

    #[test]
    fn a_role_in_the_directory_means_its_practitioner() {
        let (one, other) = (actor(Role::Doctor, Some("d1")), actor(Role::Doctor, Some("d2")));
        let naming = |kind: &str| json!({ "type": kind, "actor": [{ "reference": { "reference": "PractitionerRole/r1" } }] });
        let holder = |role: &Value| {
            let holder = RoleHolder::of(role).map(|holder| (id("r1"), holder));
            holder.into_iter().collect::<HashMap<_, _>>()
        };
        let role = json!({ "practitioner": { "reference": "Practitioner/d1" } });
        let denial = directive(&naming("deny")).unwrap();
        assert_eq!(denial.practitioner_roles().collect::<Vec<_>>(), ["r1"]);
        let known = denial.clone().with_holders(&holder(&role));
        assert!(known.denies(&one, ResourceType::PATIENT, NOW));
        assert!(!known.denies(&other, ResourceType::PATIENT, NOW));
        // Nobody knows whose it is: the denial holds for every clinician, and for nobody else.
        assert!(denial.denies(&other, ResourceType::PATIENT, NOW));
        assert!(!denial.denies(&actor(Role::Receptionist, None), ResourceType::PATIENT, NOW));

        let but_one = directive(&json!({ "type": "deny", "provision": [naming("permit")] })).unwrap();
        assert!(but_one.denies(&one, ResourceType::PATIENT, NOW), "it is not known whose the role is");
        let known = but_one.clone().with_holders(&holder(&role));
        assert!(!known.denies(&one, ResourceType::PATIENT, NOW));
        assert!(known.denies(&other, ResourceType::PATIENT, NOW));
        for former in [
            json!({ "active": false, "practitioner": { "reference": "Practitioner/d1" } }),
            json!({ "practitioner": { "reference": "Practitioner/d1" }, "period": { "end": "2026-11-30" } }),
            json!({ "organization": { "reference": "Organization/house" } }),
        ] {
            let known = but_one.clone().with_holders(&holder(&former));
            assert!(known.denies(&one, ResourceType::PATIENT, NOW), "{former}");
        }
    }

    #[test]
    fn the_deepest_provision_decides() {
        let but_doctors = json!({ "type": "deny", "provision": [
            { "type": "permit", "actor": [{ "role": { "text": "doctor" } }] }] });
        assert!(denies(&but_doctors, &actor(Role::Nurse, None), ResourceType::PATIENT));
        assert!(!denies(&but_doctors, &actor(Role::Doctor, None), ResourceType::PATIENT));
        let but_results = json!({ "type": "permit", "provision": [
            { "type": "deny", "class": [{ "code": "Observation" }] }] });
        assert!(denies(&but_results, &actor(Role::Doctor, None), ResourceType::OBSERVATION));
        assert!(!denies(&but_results, &actor(Role::Doctor, None), ResourceType::CONDITION));
    }

    #[test]
    fn what_is_not_understood_opens_nothing() {
        let doctor = actor(Role::Doctor, None);
        let for_a_purpose = json!({ "type": "deny", "provision": [
            { "type": "permit", "purpose": [{ "code": "TREAT" }] }] });
        assert!(denies(&for_a_purpose, &doctor, ResourceType::PATIENT));
        let of_a_document = json!({ "type": "deny", "class": [{ "code": "11488-4" }] });
        assert!(denies(&of_a_document, &doctor, ResourceType::OBSERVATION));
    }

    #[test]
    fn a_denial_has_its_time() {
        let doctor = actor(Role::Doctor, None);
        let until = |end: &str| json!({ "type": "deny", "period": { "start": "2026-01-01", "end": end } });
        assert!(denies(&until("2026-12-02"), &doctor, ResourceType::PATIENT), "the last day counts");
        assert!(!denies(&until("2026-12-01"), &doctor, ResourceType::PATIENT));
        let from_tomorrow = json!({ "type": "deny", "period": { "start": "2026-12-03" } });
        assert!(!denies(&from_tomorrow, &doctor, ResourceType::PATIENT));
    }

    #[test]
    fn patients_see_their_own_records_and_other_consents_say_nothing() {
        let all = json!({ "type": "deny" });
        let mut ada = actor(Role::Patient, None);
        ada.patient = Some(id("ada"));
        assert!(!denies(&all, &ada, ResourceType::PATIENT));
        assert!(directive(&json!({ "type": "permit" })).is_none());
        let research = json!({ "status": "active", "scope": { "coding": [{ "code": "research" }] },
            "patient": { "reference": "Patient/ada" }, "provision": { "type": "deny" } });
        assert!(Directive::of(&research).is_none());
        let withdrawn = json!({ "status": "inactive", "patient": { "reference": "Patient/ada" },
            "provision": { "type": "deny" } });
        assert!(Directive::of(&withdrawn).is_none());
    }
}
