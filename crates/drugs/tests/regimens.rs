//! What a pharmacist would stop, and what one would fill without a word. The lists are written by hand, from
//! textbooks' classics; the tables were not made from them.

use medcor_drugs::{
    Allergy, CheckInput, Dosage, Finding, Found, Frequency, Knowledge, Medication, PatientFacts, Pregnancy,
    Severity,
};

/// Medications as a clinician writes them: `warfarin`, `Glucophage 500 mg twice daily`.
fn medication(knowledge: &Knowledge, written: &str) -> Medication {
    let words: Vec<&str> = written.split_whitespace().collect();
    let dose_at = words.iter().position(|word| word.starts_with(|letter: char| letter.is_ascii_digit()));
    let dose_at = dose_at.filter(|&at| at > 0 && at + 1 < words.len());
    let name = words[..dose_at.unwrap_or(words.len())].join(" ");
    let Found::Exact(drug) = knowledge.find(&name) else { panic!("{name}: {:?}", knowledge.find(&name)) };
    let medication = Medication::of(&drug).named(&name);
    let Some(at) = dose_at else { return medication };
    let dosage = Dosage::parse(&words[at..at + 2].join(" ")).expect("a dose");
    medication.with_dose(Some(dosage), Frequency::parse(&words[at + 2..].join(" ")))
}

struct Patient {
    facts: PatientFacts,
    allergies: &'static [&'static str],
}

fn adult() -> Patient {
    Patient { facts: PatientFacts { age_months: Some(45 * 12), ..PatientFacts::default() }, allergies: &[] }
}

fn aged(years: u32) -> Patient {
    Patient {
        facts: PatientFacts { age_months: Some(years * 12), ..PatientFacts::default() },
        allergies: &[],
    }
}

fn pregnant() -> Patient {
    let facts = PatientFacts { pregnancy: Pregnancy::Pregnant, ..aged(28).facts };
    Patient { facts, allergies: &[] }
}

fn allergic(allergies: &'static [&'static str]) -> Patient {
    Patient { allergies, ..adult() }
}

fn findings(regimen: &str, patient: &Patient) -> Vec<Finding> {
    let knowledge = Knowledge::embedded();
    let proposed: Vec<Medication> =
        regimen.split(" + ").map(|written| medication(knowledge, written)).collect();
    let allergies: Vec<Allergy> = patient
        .allergies
        .iter()
        .map(|name| knowledge.allergy(name, None).unwrap_or_else(|| panic!("an allergy to {name}")))
        .collect();
    let input = CheckInput {
        proposed: &proposed,
        allergies: &allergies,
        patient: patient.facts,
        ..CheckInput::default()
    };
    knowledge.check(&input)
}

/// Medications that must not meet, each with the least severity that will do.
const DANGEROUS_TOGETHER: &[(&str, Severity)] = &[
    ("warfarin + ibuprofen", Severity::Major),
    ("Coumadin + Bactrim", Severity::Major),
    ("warfarin + fluconazole", Severity::Major),
    ("warfarin + amiodarone", Severity::Major),
    ("warfarin + metronidazole", Severity::Major),
    ("Eliquis + rifampin", Severity::Major),
    ("sildenafil + nitroglycerin", Severity::Contraindicated),
    ("Cialis + Imdur", Severity::Contraindicated),
    ("simvastatin + clarithromycin", Severity::Contraindicated),
    ("Zocor + gemfibrozil", Severity::Contraindicated),
    ("phenelzine + sertraline", Severity::Contraindicated),
    ("Nardil + meperidine", Severity::Contraindicated),
    ("linezolid + Prozac", Severity::Contraindicated),
    ("tranylcypromine + pseudoephedrine", Severity::Contraindicated),
    ("selegiline + dextromethorphan", Severity::Contraindicated),
    ("methotrexate + trimethoprim", Severity::Contraindicated),
    ("azathioprine + allopurinol", Severity::Contraindicated),
    ("mercaptopurine + febuxostat", Severity::Contraindicated),
    ("lithium + hydrochlorothiazide", Severity::Major),
    ("lithium + ibuprofen", Severity::Major),
    ("lithium + lisinopril", Severity::Major),
    ("lisinopril + Entresto", Severity::Contraindicated),
    ("losartan + aliskiren", Severity::Contraindicated),
    ("digoxin + clarithromycin", Severity::Major),
    ("verapamil + metoprolol", Severity::Major),
    ("OxyContin + Xanax", Severity::Major),
    ("fentanyl + ritonavir", Severity::Major),
    ("methadone + amiodarone", Severity::Contraindicated),
    ("tizanidine + ciprofloxacin", Severity::Contraindicated),
    ("theophylline + ciprofloxacin", Severity::Major),
    ("colchicine + clarithromycin", Severity::Contraindicated),
    ("clopidogrel + omeprazole", Severity::Major),
    ("tamoxifen + paroxetine", Severity::Major),
    ("ergotamine + erythromycin", Severity::Contraindicated),
    ("sumatriptan + dihydroergotamine", Severity::Contraindicated),
    ("pimozide + clarithromycin", Severity::Contraindicated),
    ("thioridazine + fluoxetine", Severity::Contraindicated),
    ("Tikosyn + trimethoprim", Severity::Contraindicated),
    ("isotretinoin + doxycycline", Severity::Contraindicated),
    ("ketorolac + aspirin", Severity::Contraindicated),
    ("Paxlovid + simvastatin", Severity::Contraindicated),
    ("cyclosporine + simvastatin", Severity::Contraindicated),
    ("tacrolimus + ketoconazole", Severity::Major),
    ("rifampin + ethinyl estradiol", Severity::Major),
    ("valproic acid + meropenem", Severity::Major),
    ("lamotrigine + valproic acid", Severity::Major),
    ("naltrexone + oxycodone", Severity::Contraindicated),
    ("spironolactone + potassium chloride", Severity::Major),
    ("Tylenol + Percocet", Severity::Major),
    ("lisinopril + ramipril", Severity::Major),
    ("citalopram + escitalopram", Severity::Major),
    ("apixaban + rivaroxaban", Severity::Contraindicated),
];

/// The same, and what must not be given to certain patients.
fn dangerous() -> Vec<(&'static str, Patient, Severity)> {
    use Severity::{Contraindicated, Major};
    let together = DANGEROUS_TOGETHER.iter().map(|&(regimen, least)| (regimen, adult(), least));
    let mut dangerous: Vec<(&'static str, Patient, Severity)> = together.collect();
    dangerous.extend([
        ("amoxicillin", allergic(&["penicillin"]), Contraindicated),
        ("Augmentin", allergic(&["Penicillin V"]), Contraindicated),
        ("cephalexin", allergic(&["amoxicillin"]), Major),
        ("Bactrim", allergic(&["Sulfa drugs"]), Contraindicated),
        ("ibuprofen", allergic(&["aspirin"]), Contraindicated),
        ("lisinopril", pregnant(), Contraindicated),
        ("warfarin", pregnant(), Contraindicated),
        ("isotretinoin", pregnant(), Contraindicated),
        ("codeine", aged(8), Contraindicated),
        ("promethazine", aged(1), Contraindicated),
        ("aspirin", aged(10), Major),
        ("acetaminophen 1000 mg every 4 hours", adult(), Major),
        ("methotrexate 10 mg daily", adult(), Major),
        ("citalopram 60 mg daily", adult(), Major),
        ("metformin 2 g twice daily", adult(), Major),
    ]);
    dangerous
}

const HARMLESS: &[&str] = &[
    "metformin 500 mg twice daily + lisinopril 10 mg daily",
    "atorvastatin 40 mg daily + lisinopril 20 mg daily + amlodipine 5 mg daily",
    "lisinopril + hydrochlorothiazide",
    "losartan + amlodipine + rosuvastatin",
    "levothyroxine 75 mcg daily + metformin",
    "aspirin 81 mg daily + atorvastatin + metoprolol + lisinopril",
    "aspirin + clopidogrel + atorvastatin",
    "metformin + sitagliptin + empagliflozin",
    "insulin glargine + insulin lispro + metformin",
    "semaglutide + metformin",
    "omeprazole 20 mg daily + metformin",
    "pantoprazole + aspirin",
    "albuterol + fluticasone",
    "Symbicort + albuterol",
    "Advair + montelukast + cetirizine",
    "tiotropium + albuterol",
    "sertraline 50 mg daily + levothyroxine",
    "escitalopram + bupropion",
    "sertraline + trazodone",
    "gabapentin 300 mg three times daily + acetaminophen 500 mg every 6 hours",
    "acetaminophen + lisinopril",
    "amoxicillin 500 mg three times daily + acetaminophen",
    "Augmentin + loratadine",
    "azithromycin + albuterol",
    "nitrofurantoin 100 mg twice daily",
    "cephalexin 500 mg four times daily + acetaminophen",
    "doxycycline + loratadine",
    "furosemide + lisinopril + metoprolol",
    "carvedilol + lisinopril + spironolactone + furosemide",
    "Entresto + carvedilol + dapagliflozin",
    "apixaban 5 mg twice daily + metoprolol",
    "apixaban + atorvastatin + lisinopril",
    "warfarin + acetaminophen",
    "warfarin + metoprolol + lisinopril",
    "tamsulosin + finasteride",
    "alendronate + cholecalciferol",
    "allopurinol + losartan",
    "ferrous sulfate + folic acid",
    "cholecalciferol + calcium carbonate",
    "sumatriptan + propranolol",
    "topiramate + sumatriptan",
    "levetiracetam 500 mg twice daily + lisinopril",
    "lamotrigine + sertraline",
    "methylphenidate + melatonin",
    "buspirone + lisinopril",
    "donepezil + memantine",
    "latanoprost + lisinopril",
    "prednisone + omeprazole",
    "methotrexate 15 mg once weekly + folic acid 1 mg daily",
    "hydroxychloroquine + prednisone",
    "Suboxone + sertraline",
    "norgestimate + ethinyl estradiol",
    "Yaz + loratadine",
    "emtricitabine + tenofovir disoproxil + dolutegravir",
    "oseltamivir + acetaminophen",
];

#[test]
fn well_known_dangerous_regimens_are_flagged() {
    let mut missed = Vec::new();
    let regimens = dangerous();
    for (regimen, patient, least) in &regimens {
        let findings = findings(regimen, patient);
        let gravest = findings.first();
        println!("{regimen}: {}", gravest.map_or("nothing".to_owned(), Finding::description));
        if !gravest.is_some_and(|finding| finding.severity >= *least && finding.is_interruptive) {
            missed.push(format!("{regimen}: {:?}", gravest.map(|finding| finding.severity)));
        }
    }
    assert!(regimens.len() >= 50);
    assert!(missed.is_empty(), "missed:\n{}", missed.join("\n"));
}

#[test]
fn common_harmless_regimens_are_not_interrupted() {
    let (mut shown, mut interrupted) = (0, Vec::new());
    for regimen in HARMLESS {
        for finding in findings(regimen, &adult()) {
            shown += 1;
            println!("{regimen}: {} {}", finding.severity.name(), finding.description());
            if finding.is_interruptive {
                interrupted.push(format!("{regimen}: {}", finding.description()));
            }
        }
    }
    println!("{} regimens, {} false alarms, {shown} notes beside", HARMLESS.len(), interrupted.len());
    assert!(HARMLESS.len() >= 50);
    assert!(interrupted.is_empty(), "false alarms:\n{}", interrupted.join("\n"));
}

#[test]
fn what_is_refuted_is_not_warned_of() {
    for (drug, allergy) in
        [("aztreonam", "penicillin"), ("iohexol", "shellfish"), ("influenza vaccine", "egg")]
    {
        let knowledge = Knowledge::embedded();
        let known: Vec<Allergy> = knowledge.allergy(allergy, None).into_iter().collect();
        let proposed = [medication(knowledge, drug)];
        let input = CheckInput { proposed: &proposed, allergies: &known, ..CheckInput::default() };
        assert_eq!(knowledge.check(&input), [], "{drug} and {allergy}");
    }
    let notes = findings("furosemide", &allergic(&["sulfa"]));
    assert!(notes.iter().all(|note| !note.is_interruptive && note.severity == Severity::Minor), "{notes:?}");
}

#[test]
fn an_allergy_to_no_drug_is_none_of_ours() {
    for name in ["Peanut", "Bee venom", "House dust mite", "Cat dander"] {
        assert!(Knowledge::embedded().allergy(name, None).is_none(), "{name}");
    }
}

#[test]
fn of_an_allergen_that_is_spelled_nearly_like_a_drug_nothing_is_concluded() {
    for name in ["Ibuprofin", "Warfarine", "Lisinopirl", "Allergy to metropolol"] {
        assert!(Knowledge::embedded().allergy(name, None).is_none(), "{name}");
    }
    assert!(Knowledge::embedded().allergy("Allergy to metoprolol", None).is_some());
}

#[test]
fn who_may_become_pregnant_is_reminded_and_not_stopped() {
    let patient =
        Patient { facts: PatientFacts { pregnancy: Pregnancy::Possible, ..aged(28).facts }, allergies: &[] };
    let found = findings("isotretinoin", &patient);
    assert!(found.iter().any(|finding| finding.severity == Severity::Moderate && !finding.is_interruptive));
    assert!(findings("isotretinoin", &adult()).is_empty());
}

#[test]
fn doses_are_judged_in_any_unit_and_for_adults_only() {
    for (written, is_too_much) in [
        ("levothyroxine 0.1 mg daily", false),
        ("levothyroxine 500 mcg daily", true),
        ("levothyroxine 0.5 mg daily", true),
        ("acetaminophen 1 g four times daily", false),
        ("acetaminophen 1 g five times daily", true),
        ("ibuprofen 800 mg three times daily", false),
        ("methotrexate 15 mg weekly", false),
        ("methotrexate 2.5 mg twice daily", true),
        ("Percocet 1 tablet every 6 hours", false),
    ] {
        assert_eq!(!findings(written, &adult()).is_empty(), is_too_much, "{written}");
    }
    assert!(
        findings("acetaminophen 1 g five times daily", &aged(10)).is_empty(),
        "limits are those of adults"
    );
}

#[test]
fn what_is_put_on_the_skin_is_noted_and_does_not_interrupt() {
    for regimen in [
        "ketoconazole shampoo + simvastatin",
        "diclofenac gel + warfarin",
        "hydrocortisone cream + prednisone",
    ] {
        let found = findings(regimen, &adult());
        assert!(found.iter().all(|finding| !finding.is_interruptive), "{regimen}: {found:?}");
    }
    let swallowed = findings("ketoconazole + simvastatin", &adult());
    assert_eq!(swallowed.first().map(|finding| finding.severity), Some(Severity::Contraindicated));
    let inhaled = findings("ritonavir + fluticasone inhaler", &adult());
    assert_eq!(inhaled.first().map(|finding| finding.severity), Some(Severity::Major));
}

/// Prints the cost; how long it takes is no test.
#[test]
fn the_cost_of_a_check_is_printed() {
    let regimen = "warfarin + metoprolol + lisinopril + atorvastatin + metformin + omeprazole + sertraline + \
                   amlodipine + furosemide + gabapentin";
    let knowledge = Knowledge::embedded();
    let proposed: Vec<Medication> = regimen.split(" + ").map(|name| medication(knowledge, name)).collect();
    let allergies: Vec<Allergy> = knowledge.allergy("penicillin", None).into_iter().collect();
    let input = CheckInput {
        proposed: &proposed,
        allergies: &allergies,
        patient: aged(70).facts,
        ..CheckInput::default()
    };
    let begun = std::time::Instant::now();
    let rounds = 200;
    let mut found = 0;
    for _ in 0..rounds {
        found += knowledge.check(&input).len();
    }
    let microseconds = begun.elapsed().as_micros() / rounds;
    println!(
        "10 drugs, 45 pairs, {} findings: {microseconds} us",
        found / usize::try_from(rounds).expect("a few")
    );
}
