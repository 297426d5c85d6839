//! The resource types of FHIR R4, interned as one byte.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A FHIR R4 resource type, such as `Patient`.
///
/// The code is the position of the name in alphabetical order. R4 is frozen, so the code is stable
/// and databases keep it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceType(u8);

impl ResourceType {
    /// The type of this name, in FHIR's own spelling.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.binary_search(&name).ok().and_then(|code| u8::try_from(code).ok()).map(Self)
    }

    /// The name in FHIR's own spelling.
    pub const fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }

    /// The stable number of this type, as databases keep it.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The type with this stable number.
    pub fn from_code(code: u8) -> Option<Self> {
        (usize::from(code) < NAMES.len()).then_some(Self(code))
    }

    /// Every type, in alphabetical order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..=u8::MAX).take(NAMES.len()).map(Self)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for ResourceType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ResourceType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| de::Error::custom("not an R4 resource type"))
    }
}

/// One constant for each type.
#[expect(missing_docs, reason = "each constant is the type of the same name")]
impl ResourceType {
    pub const ACCOUNT: Self = Self(0);
    pub const ACTIVITY_DEFINITION: Self = Self(1);
    pub const ADVERSE_EVENT: Self = Self(2);
    pub const ALLERGY_INTOLERANCE: Self = Self(3);
    pub const APPOINTMENT: Self = Self(4);
    pub const APPOINTMENT_RESPONSE: Self = Self(5);
    pub const AUDIT_EVENT: Self = Self(6);
    pub const BASIC: Self = Self(7);
    pub const BINARY: Self = Self(8);
    pub const BIOLOGICALLY_DERIVED_PRODUCT: Self = Self(9);
    pub const BODY_STRUCTURE: Self = Self(10);
    pub const BUNDLE: Self = Self(11);
    pub const CAPABILITY_STATEMENT: Self = Self(12);
    pub const CARE_PLAN: Self = Self(13);
    pub const CARE_TEAM: Self = Self(14);
    pub const CATALOG_ENTRY: Self = Self(15);
    pub const CHARGE_ITEM: Self = Self(16);
    pub const CHARGE_ITEM_DEFINITION: Self = Self(17);
    pub const CLAIM: Self = Self(18);
    pub const CLAIM_RESPONSE: Self = Self(19);
    pub const CLINICAL_IMPRESSION: Self = Self(20);
    pub const CODE_SYSTEM: Self = Self(21);
    pub const COMMUNICATION: Self = Self(22);
    pub const COMMUNICATION_REQUEST: Self = Self(23);
    pub const COMPARTMENT_DEFINITION: Self = Self(24);
    pub const COMPOSITION: Self = Self(25);
    pub const CONCEPT_MAP: Self = Self(26);
    pub const CONDITION: Self = Self(27);
    pub const CONSENT: Self = Self(28);
    pub const CONTRACT: Self = Self(29);
    pub const COVERAGE: Self = Self(30);
    pub const COVERAGE_ELIGIBILITY_REQUEST: Self = Self(31);
    pub const COVERAGE_ELIGIBILITY_RESPONSE: Self = Self(32);
    pub const DETECTED_ISSUE: Self = Self(33);
    pub const DEVICE: Self = Self(34);
    pub const DEVICE_DEFINITION: Self = Self(35);
    pub const DEVICE_METRIC: Self = Self(36);
    pub const DEVICE_REQUEST: Self = Self(37);
    pub const DEVICE_USE_STATEMENT: Self = Self(38);
    pub const DIAGNOSTIC_REPORT: Self = Self(39);
    pub const DOCUMENT_MANIFEST: Self = Self(40);
    pub const DOCUMENT_REFERENCE: Self = Self(41);
    pub const EFFECT_EVIDENCE_SYNTHESIS: Self = Self(42);
    pub const ENCOUNTER: Self = Self(43);
    pub const ENDPOINT: Self = Self(44);
    pub const ENROLLMENT_REQUEST: Self = Self(45);
    pub const ENROLLMENT_RESPONSE: Self = Self(46);
    pub const EPISODE_OF_CARE: Self = Self(47);
    pub const EVENT_DEFINITION: Self = Self(48);
    pub const EVIDENCE: Self = Self(49);
    pub const EVIDENCE_VARIABLE: Self = Self(50);
    pub const EXAMPLE_SCENARIO: Self = Self(51);
    pub const EXPLANATION_OF_BENEFIT: Self = Self(52);
    pub const FAMILY_MEMBER_HISTORY: Self = Self(53);
    pub const FLAG: Self = Self(54);
    pub const GOAL: Self = Self(55);
    pub const GRAPH_DEFINITION: Self = Self(56);
    pub const GROUP: Self = Self(57);
    pub const GUIDANCE_RESPONSE: Self = Self(58);
    pub const HEALTHCARE_SERVICE: Self = Self(59);
    pub const IMAGING_STUDY: Self = Self(60);
    pub const IMMUNIZATION: Self = Self(61);
    pub const IMMUNIZATION_EVALUATION: Self = Self(62);
    pub const IMMUNIZATION_RECOMMENDATION: Self = Self(63);
    pub const IMPLEMENTATION_GUIDE: Self = Self(64);
    pub const INSURANCE_PLAN: Self = Self(65);
    pub const INVOICE: Self = Self(66);
    pub const LIBRARY: Self = Self(67);
    pub const LINKAGE: Self = Self(68);
    pub const LIST: Self = Self(69);
    pub const LOCATION: Self = Self(70);
    pub const MEASURE: Self = Self(71);
    pub const MEASURE_REPORT: Self = Self(72);
    pub const MEDIA: Self = Self(73);
    pub const MEDICATION: Self = Self(74);
    pub const MEDICATION_ADMINISTRATION: Self = Self(75);
    pub const MEDICATION_DISPENSE: Self = Self(76);
    pub const MEDICATION_KNOWLEDGE: Self = Self(77);
    pub const MEDICATION_REQUEST: Self = Self(78);
    pub const MEDICATION_STATEMENT: Self = Self(79);
    pub const MEDICINAL_PRODUCT: Self = Self(80);
    pub const MEDICINAL_PRODUCT_AUTHORIZATION: Self = Self(81);
    pub const MEDICINAL_PRODUCT_CONTRAINDICATION: Self = Self(82);
    pub const MEDICINAL_PRODUCT_INDICATION: Self = Self(83);
    pub const MEDICINAL_PRODUCT_INGREDIENT: Self = Self(84);
    pub const MEDICINAL_PRODUCT_INTERACTION: Self = Self(85);
    pub const MEDICINAL_PRODUCT_MANUFACTURED: Self = Self(86);
    pub const MEDICINAL_PRODUCT_PACKAGED: Self = Self(87);
    pub const MEDICINAL_PRODUCT_PHARMACEUTICAL: Self = Self(88);
    pub const MEDICINAL_PRODUCT_UNDESIRABLE_EFFECT: Self = Self(89);
    pub const MESSAGE_DEFINITION: Self = Self(90);
    pub const MESSAGE_HEADER: Self = Self(91);
    pub const MOLECULAR_SEQUENCE: Self = Self(92);
    pub const NAMING_SYSTEM: Self = Self(93);
    pub const NUTRITION_ORDER: Self = Self(94);
    pub const OBSERVATION: Self = Self(95);
    pub const OBSERVATION_DEFINITION: Self = Self(96);
    pub const OPERATION_DEFINITION: Self = Self(97);
    pub const OPERATION_OUTCOME: Self = Self(98);
    pub const ORGANIZATION: Self = Self(99);
    pub const ORGANIZATION_AFFILIATION: Self = Self(100);
    pub const PARAMETERS: Self = Self(101);
    pub const PATIENT: Self = Self(102);
    pub const PAYMENT_NOTICE: Self = Self(103);
    pub const PAYMENT_RECONCILIATION: Self = Self(104);
    pub const PERSON: Self = Self(105);
    pub const PLAN_DEFINITION: Self = Self(106);
    pub const PRACTITIONER: Self = Self(107);
    pub const PRACTITIONER_ROLE: Self = Self(108);
    pub const PROCEDURE: Self = Self(109);
    pub const PROVENANCE: Self = Self(110);
    pub const QUESTIONNAIRE: Self = Self(111);
    pub const QUESTIONNAIRE_RESPONSE: Self = Self(112);
    pub const RELATED_PERSON: Self = Self(113);
    pub const REQUEST_GROUP: Self = Self(114);
    pub const RESEARCH_DEFINITION: Self = Self(115);
    pub const RESEARCH_ELEMENT_DEFINITION: Self = Self(116);
    pub const RESEARCH_STUDY: Self = Self(117);
    pub const RESEARCH_SUBJECT: Self = Self(118);
    pub const RISK_ASSESSMENT: Self = Self(119);
    pub const RISK_EVIDENCE_SYNTHESIS: Self = Self(120);
    pub const SCHEDULE: Self = Self(121);
    pub const SEARCH_PARAMETER: Self = Self(122);
    pub const SERVICE_REQUEST: Self = Self(123);
    pub const SLOT: Self = Self(124);
    pub const SPECIMEN: Self = Self(125);
    pub const SPECIMEN_DEFINITION: Self = Self(126);
    pub const STRUCTURE_DEFINITION: Self = Self(127);
    pub const STRUCTURE_MAP: Self = Self(128);
    pub const SUBSCRIPTION: Self = Self(129);
    pub const SUBSTANCE: Self = Self(130);
    pub const SUBSTANCE_NUCLEIC_ACID: Self = Self(131);
    pub const SUBSTANCE_POLYMER: Self = Self(132);
    pub const SUBSTANCE_PROTEIN: Self = Self(133);
    pub const SUBSTANCE_REFERENCE_INFORMATION: Self = Self(134);
    pub const SUBSTANCE_SOURCE_MATERIAL: Self = Self(135);
    pub const SUBSTANCE_SPECIFICATION: Self = Self(136);
    pub const SUPPLY_DELIVERY: Self = Self(137);
    pub const SUPPLY_REQUEST: Self = Self(138);
    pub const TASK: Self = Self(139);
    pub const TERMINOLOGY_CAPABILITIES: Self = Self(140);
    pub const TEST_REPORT: Self = Self(141);
    pub const TEST_SCRIPT: Self = Self(142);
    pub const VALUE_SET: Self = Self(143);
    pub const VERIFICATION_RESULT: Self = Self(144);
    pub const VISION_PRESCRIPTION: Self = Self(145);
}

const NAMES: [&str; 146] = [
    "Account",
    "ActivityDefinition",
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Basic",
    "Binary",
    "BiologicallyDerivedProduct",
    "BodyStructure",
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "CareTeam",
    "CatalogEntry",
    "ChargeItem",
    "ChargeItemDefinition",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "CodeSystem",
    "Communication",
    "CommunicationRequest",
    "CompartmentDefinition",
    "Composition",
    "ConceptMap",
    "Condition",
    "Consent",
    "Contract",
    "Coverage",
    "CoverageEligibilityRequest",
    "CoverageEligibilityResponse",
    "DetectedIssue",
    "Device",
    "DeviceDefinition",
    "DeviceMetric",
    "DeviceRequest",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentManifest",
    "DocumentReference",
    "EffectEvidenceSynthesis",
    "Encounter",
    "Endpoint",
    "EnrollmentRequest",
    "EnrollmentResponse",
    "EpisodeOfCare",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "GraphDefinition",
    "Group",
    "GuidanceResponse",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "ImmunizationEvaluation",
    "ImmunizationRecommendation",
    "ImplementationGuide",
    "InsurancePlan",
    "Invoice",
    "Library",
    "Linkage",
    "List",
    "Location",
    "Measure",
    "MeasureReport",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationKnowledge",
    "MedicationRequest",
    "MedicationStatement",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "MessageHeader",
    "MolecularSequence",
    "NamingSystem",
    "NutritionOrder",
    "Observation",
    "ObservationDefinition",
    "OperationDefinition",
    "OperationOutcome",
    "Organization",
    "OrganizationAffiliation",
    "Parameters",
    "Patient",
    "PaymentNotice",
    "PaymentReconciliation",
    "Person",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RequestGroup",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "ResearchSubject",
    "RiskAssessment",
    "RiskEvidenceSynthesis",
    "Schedule",
    "SearchParameter",
    "ServiceRequest",
    "Slot",
    "Specimen",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "Substance",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "SupplyDelivery",
    "SupplyRequest",
    "Task",
    "TerminologyCapabilities",
    "TestReport",
    "TestScript",
    "ValueSet",
    "VerificationResult",
    "VisionPrescription",
];

#[cfg(test)]
mod tests {
    use super::ResourceType;

    #[test]
    fn every_name_finds_its_own_code() {
        for resource_type in ResourceType::all() {
            assert_eq!(ResourceType::from_name(resource_type.name()), Some(resource_type));
            assert_eq!(ResourceType::from_code(resource_type.code()), Some(resource_type));
        }
        assert_eq!(ResourceType::PATIENT.name(), "Patient");
        assert_eq!(ResourceType::from_name("patient"), None);
    }
}
