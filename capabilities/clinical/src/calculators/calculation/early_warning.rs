//! NEWS2: seven observations, each with its points.

use super::{DAY, Definition, Outcome, Points, Values, criterion, formula, total};
use crate::calculators::input::Input;

pub(super) static NEWS2: Definition = Definition {
    title: "National Early Warning Score 2",
    unit: "points",
    formula: "points of respiratory rate, oxygen saturation, supplemental oxygen, systolic pressure, pulse, \
              consciousness and temperature; saturation by scale 1 unless hypercapnic_failure is given as present",
    source: "Royal College of Physicians, National Early Warning Score (NEWS) 2, London 2017",
    numbers: &[
        (Input::RespiratoryRate, DAY),
        (Input::OxygenSaturation, DAY),
        (Input::SystolicBp, DAY),
        (Input::HeartRate, DAY),
        (Input::Temperature, DAY),
    ],
    optional: &[],
    findings: &[Input::SupplementalOxygen, Input::AlteredMentation],
    needs_age: false,
    needs_sex: false,
    ages: (16, u16::MAX),
    compute: early_warning,
};

fn early_warning(known: &Values) -> Outcome {
    let is_on_oxygen = known.is_present(Input::SupplementalOxygen);
    let saturation = known.required(Input::OxygenSaturation);
    let of_saturation = if known.is_present(Input::HypercapnicFailure) {
        formula::saturation_points_hypercapnic(saturation, is_on_oxygen)
    } else {
        formula::saturation_points(saturation)
    };
    let row = |criterion, points| Points { criterion, points };
    let points = vec![
        row("respiratory rate", formula::respiration_points(known.required(Input::RespiratoryRate))),
        row("oxygen saturation", of_saturation),
        criterion("supplemental oxygen", 2, is_on_oxygen),
        row("systolic pressure", formula::pressure_points(known.required(Input::SystolicBp))),
        row("pulse", formula::pulse_points(known.required(Input::HeartRate))),
        criterion("consciousness", 3, known.is_present(Input::AlteredMentation)),
        row("temperature", formula::temperature_points(known.required(Input::Temperature))),
    ];
    let value = total(&points);
    let has_red = points.iter().any(|row| row.points == 3);
    let interpretation = match value {
        value if value >= 7.0 => "high: emergency response, continuous monitoring",
        value if value >= 5.0 => "medium: urgent response, at least hourly",
        _ if has_red => "low to medium: one parameter scores 3, urgent ward-based review, at least hourly",
        value if value >= 1.0 => "low: every 4 to 6 hours",
        _ => "low: every 12 hours",
    };
    Outcome { value, points, interpretation, ..Outcome::default() }
}
