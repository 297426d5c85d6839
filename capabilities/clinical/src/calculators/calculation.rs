//! The calculators: what each asks for, how it computes, and what the figure means.

mod early_warning;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::early_warning::NEWS2;
use super::{formula, input::Input};
use crate::{analyte::Sex, statistics::rounded};

/// A calculator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) enum Calculator {
    /// Body mass index.
    #[serde(rename = "bmi")]
    Bmi,
    /// Glomerular filtration rate, CKD-EPI 2021.
    #[serde(rename = "egfr")]
    Egfr,
    /// Creatinine clearance.
    #[serde(rename = "cockcroft_gault")]
    CockcroftGault,
    /// Risk of stroke in atrial fibrillation.
    #[serde(rename = "cha2ds2_vasc")]
    Cha2ds2Vasc,
    /// Risk of bleeding under anticoagulation.
    #[serde(rename = "has_bled")]
    HasBled,
    /// Severity of liver disease.
    #[serde(rename = "meld_na")]
    MeldNa,
    #[serde(rename = "anion_gap")]
    AnionGap,
    /// Calcium corrected for albumin.
    #[serde(rename = "corrected_calcium")]
    CorrectedCalcium,
    /// Suspected sepsis.
    #[serde(rename = "qsofa")]
    Qsofa,
    /// National Early Warning Score 2.
    #[serde(rename = "news2")]
    News2,
}

/// What is known of a calculator.
pub(super) struct Definition {
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    pub(super) formula: &'static str,
    pub(super) source: &'static str,
    /// Numbers without which there is no result, each with the days after which it is stale.
    pub(super) numbers: &'static [(Input, i64)],
    /// Numbers that add something.
    pub(super) optional: &'static [(Input, i64)],
    /// Findings; what is not known of them makes the result a range.
    pub(super) findings: &'static [Input],
    pub(super) needs_age: bool,
    pub(super) needs_sex: bool,
    /// Whole years for which it holds.
    pub(super) ages: (u16, u16),
    pub(super) compute: fn(&Values) -> Outcome,
}

/// The values of one calculation. Everything that is asked for by [`Definition::numbers`] is there.
#[derive(Debug, Clone)]
pub(super) struct Values {
    /// In the first unit of each.
    pub(super) numbers: Vec<(Input, f64)>,
    pub(super) present: Vec<Input>,
    pub(super) years: u16,
    pub(super) sex: Sex,
}

impl Values {
    fn number(&self, input: Input) -> Option<f64> {
        self.numbers.iter().find(|(known, _)| *known == input).map(|(_, number)| *number)
    }

    /// A number that the definition asks for.
    fn required(&self, input: Input) -> f64 {
        self.number(input).unwrap_or(f64::NAN)
    }

    fn is_present(&self, input: Input) -> bool {
        self.present.contains(&input)
    }
}

/// What came out.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) value: f64,
    pub(super) points: Vec<Points>,
    pub(super) others: Vec<OtherFigure>,
    pub(super) interpretation: &'static str,
}

/// What one criterion adds to a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Points {
    pub(super) criterion: &'static str,
    pub(super) points: u8,
}

/// A figure beside the result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub(super) struct OtherFigure {
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
}

const DAY: i64 = 1;
const WEEK: i64 = 7;
const QUARTER: i64 = 90;
const YEAR: i64 = 365;
const ADULTS: (u16, u16) = (18, u16::MAX);
const EVERYBODY: (u16, u16) = (0, u16::MAX);

impl Calculator {
    pub(super) const fn definition(self) -> &'static Definition {
        match self {
            Self::Bmi => &BMI,
            Self::Egfr => &EGFR,
            Self::CockcroftGault => &COCKCROFT_GAULT,
            Self::Cha2ds2Vasc => &CHA2DS2_VASC,
            Self::HasBled => &HAS_BLED,
            Self::MeldNa => &MELD_NA,
            Self::AnionGap => &ANION_GAP,
            Self::CorrectedCalcium => &CORRECTED_CALCIUM,
            Self::Qsofa => &QSOFA,
            Self::News2 => &NEWS2,
        }
    }
}

static BMI: Definition = Definition {
    title: "Body mass index",
    unit: "kg/m2",
    formula: "weight / height^2, in kg and m",
    source: "WHO Technical Report Series 894, 2000",
    numbers: &[(Input::Weight, YEAR), (Input::Height, 5 * YEAR)],
    optional: &[],
    findings: &[],
    needs_age: false,
    needs_sex: false,
    ages: ADULTS,
    compute: |known| {
        let value = formula::body_mass_index(known.required(Input::Weight), known.required(Input::Height));
        let value = rounded(value, 1);
        let interpretation = match value {
            value if value < 18.5 => "underweight (below 18.5)",
            value if value < 25.0 => "normal weight (18.5 to below 25)",
            value if value < 30.0 => "overweight (25 to below 30)",
            value if value < 35.0 => "obesity class I (30 to below 35)",
            value if value < 40.0 => "obesity class II (35 to below 40)",
            _ => "obesity class III (40 and more)",
        };
        Outcome { value, interpretation, ..Outcome::default() }
    },
};

static EGFR: Definition = Definition {
    title: "Estimated glomerular filtration rate (CKD-EPI 2021, creatinine)",
    unit: "mL/min/1.73 m2",
    formula: "142 x min(Scr/k,1)^a x max(Scr/k,1)^-1.200 x 0.9938^age x 1.012 if female; k 0.7 and a -0.241 for women, \
              0.9 and -0.302 for men; Scr in mg/dL",
    source: "Inker LA et al., N Engl J Med 2021;385:1737-1749; stages: KDIGO 2024",
    numbers: &[(Input::Creatinine, YEAR)],
    optional: &[],
    findings: &[],
    needs_age: true,
    needs_sex: true,
    ages: ADULTS,
    compute: |known| {
        let creatinine = known.required(Input::Creatinine);
        let value = formula::filtration_rate(creatinine, f64::from(known.years), known.sex).round();
        let interpretation = match value {
            value if value >= 90.0 => "G1: normal or high (90 and more)",
            value if value >= 60.0 => "G2: mildly decreased (60 to 89)",
            value if value >= 45.0 => "G3a: mildly to moderately decreased (45 to 59)",
            value if value >= 30.0 => "G3b: moderately to severely decreased (30 to 44)",
            value if value >= 15.0 => "G4: severely decreased (15 to 29)",
            _ => "G5: kidney failure (below 15)",
        };
        Outcome { value, interpretation, ..Outcome::default() }
    },
};

static COCKCROFT_GAULT: Definition = Definition {
    title: "Creatinine clearance (Cockcroft-Gault)",
    unit: "mL/min",
    formula: "(140 - age) x weight / (72 x Scr) x 0.85 if female; actual weight in kg, Scr in mg/dL",
    source: "Cockcroft DW, Gault MH, Nephron 1976;16:31-41; ideal weight: Devine BJ, 1974",
    numbers: &[(Input::Creatinine, YEAR), (Input::Weight, YEAR)],
    optional: &[(Input::Height, 5 * YEAR)],
    findings: &[],
    needs_age: true,
    needs_sex: true,
    ages: ADULTS,
    compute: |known| {
        let (age, sex) = (f64::from(known.years), known.sex);
        let creatinine = known.required(Input::Creatinine);
        let clearance = |weight: f64| rounded(formula::creatinine_clearance(age, weight, creatinine, sex), 1);
        let weight = known.required(Input::Weight);
        let mut others = Vec::new();
        if let Some(height) = known.number(Input::Height) {
            let ideal = formula::ideal_weight(height, sex);
            if ideal > 0.0 {
                let figure = |name, value| OtherFigure { name, value, unit: "mL/min" };
                others.push(figure("with ideal body weight", clearance(ideal)));
                if weight > ideal {
                    let adjusted = ideal + 0.4 * (weight - ideal);
                    others.push(figure("with adjusted body weight", clearance(adjusted)));
                }
            }
        }
        let value = clearance(weight);
        Outcome {
            value,
            others,
            interpretation: "for drug dosing, by the label of the drug; with the actual body weight",
            ..Outcome::default()
        }
    },
};

static CHA2DS2_VASC: Definition = Definition {
    title: "CHA2DS2-VASc",
    unit: "points",
    formula: "heart failure 1, hypertension 1, age 75 and more 2, diabetes 1, stroke/TIA/embolism 2, vascular disease \
              1, age 65 to 74 1, female 1",
    source: "Lip GYH et al., Chest 2010;137:263-272; threshold: ACC/AHA/ACCP/HRS guideline 2023",
    numbers: &[],
    optional: &[],
    findings: &[
        Input::HeartFailure,
        Input::Hypertension,
        Input::Diabetes,
        Input::Stroke,
        Input::VascularDisease,
    ],
    needs_age: true,
    needs_sex: true,
    ages: ADULTS,
    compute: |known| {
        let years = known.years;
        let is_female = known.sex == Sex::Female;
        let points = vec![
            criterion("heart failure", 1, known.is_present(Input::HeartFailure)),
            criterion("hypertension", 1, known.is_present(Input::Hypertension)),
            criterion("age 75 and more", 2, years >= 75),
            criterion("diabetes", 1, known.is_present(Input::Diabetes)),
            criterion("stroke, TIA or embolism", 2, known.is_present(Input::Stroke)),
            criterion("vascular disease", 1, known.is_present(Input::VascularDisease)),
            criterion("age 65 to 74", 1, (65..75).contains(&years)),
            criterion("female", 1, is_female),
        ];
        let value = total(&points);
        let threshold = if is_female { 3.0 } else { 2.0 };
        let interpretation = if value >= threshold {
            "at the threshold from which oral anticoagulation is recommended in atrial fibrillation (men 2, women 3)"
        } else {
            "below the threshold from which oral anticoagulation is recommended in atrial fibrillation (men 2, women 3)"
        };
        Outcome { value, points, interpretation, ..Outcome::default() }
    },
};

static HAS_BLED: Definition = Definition {
    title: "HAS-BLED",
    unit: "points",
    formula: "1 each: systolic above 160, abnormal renal function, abnormal liver function, stroke, bleeding or \
              predisposition, labile INR, age above 65, antiplatelet drugs or NSAIDs, alcohol",
    source: "Pisters R et al., Chest 2010;138:1093-1100",
    numbers: &[],
    optional: &[(Input::SystolicBp, QUARTER), (Input::Creatinine, YEAR)],
    findings: &[
        Input::UncontrolledHypertension,
        Input::AbnormalRenalFunction,
        Input::AbnormalLiverFunction,
        Input::Stroke,
        Input::Bleeding,
        Input::LabileInr,
        Input::BleedingDrugs,
        Input::Alcohol,
    ],
    needs_age: true,
    needs_sex: false,
    ages: ADULTS,
    compute: |known| {
        let points = vec![
            criterion(
                "systolic pressure above 160 mmHg",
                1,
                known.is_present(Input::UncontrolledHypertension),
            ),
            criterion("abnormal renal function", 1, known.is_present(Input::AbnormalRenalFunction)),
            criterion("abnormal liver function", 1, known.is_present(Input::AbnormalLiverFunction)),
            criterion("stroke", 1, known.is_present(Input::Stroke)),
            criterion("bleeding or predisposition", 1, known.is_present(Input::Bleeding)),
            criterion("labile INR", 1, known.is_present(Input::LabileInr)),
            criterion("age above 65", 1, known.years > 65),
            criterion("antiplatelet drugs or NSAIDs", 1, known.is_present(Input::BleedingDrugs)),
            criterion("alcohol", 1, known.is_present(Input::Alcohol)),
        ];
        let value = total(&points);
        let interpretation =
            if value >= 3.0 { "high risk of bleeding (3 and more)" } else { "not high (below 3)" };
        Outcome { value, points, interpretation, ..Outcome::default() }
    },
};

static MELD_NA: Definition = Definition {
    title: "MELD-Na",
    unit: "points",
    formula: "MELD = 10 x (0.957 ln(creatinine) + 0.378 ln(bilirubin) + 1.120 ln(INR) + 0.643), each at least 1, \
              creatinine at most 4 (4 on dialysis); above 11: MELD + 1.32 (137 - Na) - 0.033 MELD (137 - Na), Na 125 to \
              137; 6 to 40",
    source: "OPTN Policy 9.1.D, MELD score, effective January 2016; Kim WR et al., N Engl J Med 2008;359:1018",
    numbers: &[
        (Input::Creatinine, QUARTER),
        (Input::Bilirubin, QUARTER),
        (Input::Inr, QUARTER),
        (Input::Sodium, QUARTER),
    ],
    optional: &[],
    findings: &[Input::Dialysis],
    needs_age: false,
    needs_sex: false,
    ages: (12, u16::MAX),
    compute: |known| {
        let value = formula::meld_sodium(formula::Liver {
            creatinine: known.required(Input::Creatinine),
            bilirubin: known.required(Input::Bilirubin),
            inr: known.required(Input::Inr),
            sodium: known.required(Input::Sodium),
            is_dialysed: known.is_present(Input::Dialysis),
        });
        let interpretation = "6 is the least and 40 the most ill; since July 2023 OPTN allocates by MELD 3.0";
        Outcome { value, interpretation, ..Outcome::default() }
    },
};

static ANION_GAP: Definition = Definition {
    title: "Anion gap",
    unit: "mmol/L",
    formula: "Na - (Cl + HCO3), without potassium; with albumin + 2.5 x (4.0 - albumin in g/dL)",
    source: "Emmett M, Narins RG, Medicine 1977;56:38; albumin: Figge J et al., Crit Care Med 1998;26:1807",
    numbers: &[(Input::Sodium, WEEK), (Input::Chloride, WEEK), (Input::Bicarbonate, WEEK)],
    optional: &[(Input::Albumin, WEEK)],
    findings: &[],
    needs_age: false,
    needs_sex: false,
    ages: EVERYBODY,
    compute: |known| {
        let (sodium, chloride) = (known.required(Input::Sodium), known.required(Input::Chloride));
        let gap = formula::anion_gap(sodium, chloride, known.required(Input::Bicarbonate));
        let corrected = known.number(Input::Albumin).map(|albumin| OtherFigure {
            name: "corrected for albumin",
            value: rounded(formula::anion_gap_by_albumin(gap, albumin), 1),
            unit: "mmol/L",
        });
        let judged = corrected.map_or(gap, |figure| figure.value);
        let interpretation = match judged {
            gap if gap > 12.0 => {
                "high: usual is about 8 to 12, which depends on the method of the laboratory"
            }
            gap if gap < 4.0 => "low: usual is about 8 to 12; check for an error or a low albumin",
            _ => "not high: usual is about 8 to 12, which depends on the method of the laboratory",
        };
        Outcome {
            value: rounded(gap, 1),
            others: corrected.into_iter().collect(),
            interpretation,
            ..Outcome::default()
        }
    },
};

static CORRECTED_CALCIUM: Definition = Definition {
    title: "Calcium corrected for albumin",
    unit: "mg/dL",
    formula: "calcium + 0.8 x (4.0 - albumin), in mg/dL and g/dL",
    source: "Payne RB et al., BMJ 1973;4:643-646",
    numbers: &[(Input::Calcium, WEEK), (Input::Albumin, WEEK)],
    optional: &[],
    findings: &[],
    needs_age: false,
    needs_sex: false,
    ages: EVERYBODY,
    compute: |known| {
        let value =
            formula::corrected_calcium(known.required(Input::Calcium), known.required(Input::Albumin));
        let value = rounded(value, 1);
        let interpretation = match value {
            value if value < 8.6 => "low (usual 8.6 to 10.2); ionised calcium decides where it matters",
            value if value > 10.2 => "high (usual 8.6 to 10.2); ionised calcium decides where it matters",
            _ => "usual (8.6 to 10.2); ionised calcium decides where it matters",
        };
        let others =
            vec![OtherFigure { name: "in SI units", value: rounded(value / 4.008, 2), unit: "mmol/L" }];
        Outcome { value, others, interpretation, ..Outcome::default() }
    },
};

static QSOFA: Definition = Definition {
    title: "qSOFA",
    unit: "points",
    formula: "1 each: respiratory rate 22 and more, systolic pressure 100 and less, altered mentation",
    source: "Singer M et al., JAMA 2016;315:801-810 (Sepsis-3)",
    numbers: &[(Input::RespiratoryRate, DAY), (Input::SystolicBp, DAY)],
    optional: &[],
    findings: &[Input::AlteredMentation],
    needs_age: false,
    needs_sex: false,
    ages: ADULTS,
    compute: |known| {
        let points = vec![
            criterion("respiratory rate 22 and more", 1, known.required(Input::RespiratoryRate) >= 22.0),
            criterion("systolic pressure 100 and less", 1, known.required(Input::SystolicBp) <= 100.0),
            criterion("altered mentation", 1, known.is_present(Input::AlteredMentation)),
        ];
        let value = total(&points);
        let interpretation = if value >= 2.0 {
            "2 and more: poor outcome is more likely where infection is suspected; look for organ dysfunction"
        } else {
            "below 2; it does not exclude sepsis"
        };
        Outcome { value, points, interpretation, ..Outcome::default() }
    },
};

const fn criterion(criterion: &'static str, points: u8, is_met: bool) -> Points {
    Points { criterion, points: if is_met { points } else { 0 } }
}

fn total(points: &[Points]) -> f64 {
    points.iter().map(|row| f64::from(row.points)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn case(numbers: &[(Input, f64)], present: &[Input], years: u16, sex: Sex) -> Values {
        Values { numbers: numbers.to_vec(), present: present.to_vec(), years, sex }
    }

    fn score(calculator: Calculator, case: &Values) -> (f64, &'static str) {
        let outcome = (calculator.definition().compute)(case);
        (outcome.value, outcome.interpretation)
    }

    /// Lip 2010, table 2, by its own criteria: a woman of 78 with hypertension and diabetes scores 5.
    #[test]
    fn stroke_risk_adds_up_as_published() {
        use Input::{Diabetes, HeartFailure, Hypertension, Stroke, VascularDisease};
        let all = [HeartFailure, Hypertension, Diabetes, Stroke, VascularDisease];
        for (present, years, sex, expected) in [
            (&[Hypertension, Diabetes][..], 78, Sex::Female, 5.0),
            (&all[..], 80, Sex::Female, 9.0),
            (&[], 64, Sex::Male, 0.0),
            (&[], 65, Sex::Male, 1.0),
            (&[], 74, Sex::Male, 1.0),
            (&[], 75, Sex::Male, 2.0),
            (&[Stroke], 50, Sex::Male, 2.0),
        ] {
            let (value, meaning) = score(Calculator::Cha2ds2Vasc, &case(&[], present, years, sex));
            assert!((value - expected).abs() < 1e-9, "{present:?} {years}: {value}");
            let threshold = if sex == Sex::Female { 3.0 } else { 2.0 };
            assert_eq!(meaning.starts_with("at the threshold"), value >= threshold);
        }
    }

    /// Pisters 2010: nine criteria of one point, age above 65 among them.
    #[test]
    fn bleeding_risk_counts_nine_criteria() {
        let all = HAS_BLED.findings;
        assert!((score(Calculator::HasBled, &case(&[], all, 70, Sex::Male)).0 - 9.0).abs() < 1e-9);
        assert!((score(Calculator::HasBled, &case(&[], &[], 65, Sex::Male)).0).abs() < 1e-9);
        assert!((score(Calculator::HasBled, &case(&[], &[], 66, Sex::Male)).0 - 1.0).abs() < 1e-9);
    }

    fn observations(
        rate: f64,
        saturation: f64,
        systolic: f64,
        pulse: f64,
        temperature: f64,
    ) -> [(Input, f64); 5] {
        [
            (Input::RespiratoryRate, rate),
            (Input::OxygenSaturation, saturation),
            (Input::SystolicBp, systolic),
            (Input::HeartRate, pulse),
            (Input::Temperature, temperature),
        ]
    }

    /// By the Royal College's chart: the bands of its clinical response table.
    #[test]
    fn early_warning_adds_up_and_a_single_three_matters() {
        for (numbers, present, expected, band) in [
            (observations(16.0, 97.0, 120.0, 72.0, 37.0), &[][..], 0.0, "low: every 12"),
            (observations(22.0, 94.0, 105.0, 95.0, 38.5), &[], 6.0, "medium"),
            (observations(25.0, 91.0, 88.0, 132.0, 39.2), &[Input::SupplementalOxygen], 16.0, "high"),
            (observations(16.0, 97.0, 120.0, 72.0, 37.0), &[Input::AlteredMentation], 3.0, "low to medium"),
            (observations(16.0, 95.0, 120.0, 72.0, 37.0), &[], 1.0, "low: every 4"),
            (observations(16.0, 90.0, 120.0, 72.0, 37.0), &[Input::HypercapnicFailure], 0.0, "low: every 12"),
        ] {
            let (value, meaning) = score(Calculator::News2, &case(&numbers, present, 60, Sex::Male));
            assert!((value - expected).abs() < 1e-9, "{numbers:?}: {value}");
            assert!(meaning.starts_with(band), "{numbers:?}: {meaning}");
        }
    }

    /// Singer 2016, box 4.
    #[test]
    fn sepsis_points_change_at_their_limits() {
        for (rate, systolic, present, expected) in [
            (22.0, 100.0, &[Input::AlteredMentation][..], 3.0),
            (21.0, 101.0, &[], 0.0),
            (22.0, 101.0, &[], 1.0),
            (21.0, 100.0, &[], 1.0),
        ] {
            let numbers = [(Input::RespiratoryRate, rate), (Input::SystolicBp, systolic)];
            let (value, _) = score(Calculator::Qsofa, &case(&numbers, present, 60, Sex::Male));
            assert!((value - expected).abs() < 1e-9, "{rate} {systolic}: {value}");
        }
    }

    #[test]
    fn bands_of_body_mass_and_filtration_begin_where_their_sources_say() {
        let of_weight = |weight| case(&[(Input::Weight, weight), (Input::Height, 100.0)], &[], 40, Sex::Male);
        for (weight, band) in [
            (18.4, "under"),
            (18.5, "normal"),
            (25.0, "over"),
            (30.0, "obesity class I "),
            (40.0, "obesity class III"),
        ] {
            assert!(score(Calculator::Bmi, &of_weight(weight)).1.starts_with(band), "{weight}");
        }
        let of_creatinine = |creatinine| case(&[(Input::Creatinine, creatinine)], &[], 55, Sex::Male);
        for (creatinine, band) in
            [(0.9, "G1"), (1.2, "G2"), (1.6, "G3a"), (2.0, "G3b"), (3.5, "G4"), (7.0, "G5")]
        {
            assert!(score(Calculator::Egfr, &of_creatinine(creatinine)).1.starts_with(band), "{creatinine}");
        }
    }

    #[test]
    fn clearance_is_told_for_other_weights_too() {
        let numbers = [(Input::Creatinine, 1.0), (Input::Weight, 110.0), (Input::Height, 177.8)];
        let outcome = (COCKCROFT_GAULT.compute)(&case(&numbers, &[], 50, Sex::Male));
        let names: Vec<&str> = outcome.others.iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["with ideal body weight", "with adjusted body weight"]);
        assert!(outcome.others[0].value < outcome.others[1].value && outcome.others[1].value < outcome.value);
    }

    proptest! {
        #[test]
        fn one_more_finding_never_lowers_a_score(years in 18_u16..100, mask in 0_usize..256, extra in 0_usize..8) {
            for calculator in [Calculator::Cha2ds2Vasc, Calculator::HasBled] {
                let findings = calculator.definition().findings;
                let some: Vec<Input> =
                    findings.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, it)| *it).collect();
                let mut more = some.clone();
                more.extend(findings.get(extra));
                for sex in [Sex::Female, Sex::Male] {
                    let before = score(calculator, &case(&[], &some, years, sex)).0;
                    prop_assert!(score(calculator, &case(&[], &more, years, sex)).0 >= before);
                }
            }
        }
    }
}
