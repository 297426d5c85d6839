//! Which known codes were probably meant.

use super::refusal::Refusal;
use crate::{ResourceType, search::parameter::parameters};

/// How many codes are named.
const NEAREST: usize = 5;
/// Codes that every type has beside its own.
const OF_EVERY_TYPE: [&str; 6] = ["_id", "_lastUpdated", "_sort", "_count", "_total", "_cursor"];

/// The refusal of a code that this type does not have.
pub(super) fn unknown_parameter(resource_type: ResourceType, code: &str) -> Refusal {
    let of_type = parameters(resource_type).iter().map(|parameter| parameter.code);
    let mut known: Vec<&str> = of_type.chain(OF_EVERY_TYPE).collect();
    known.sort_by_key(|candidate| (distance(code, candidate), *candidate));
    known.truncate(NEAREST);
    Refusal::UnknownParameter { resource_type, nearest: known.join(", ") }
}

/// How many letters differ; a code that contains the other is near.
fn distance(wanted: &str, candidate: &str) -> usize {
    let wanted = wanted.to_ascii_lowercase();
    let wanted = wanted.get(..64).unwrap_or(&wanted);
    if wanted.len() > 2 && candidate.to_ascii_lowercase().contains(wanted) {
        return 1;
    }
    let candidate = candidate.to_ascii_lowercase();
    let mut row: Vec<usize> = (0..=candidate.len()).collect();
    for (position, letter) in wanted.bytes().enumerate() {
        let mut diagonal = position;
        let mut left = position + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(candidate.bytes()) {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_codes_come_first() {
        let patient = ResourceType::from_name("Patient").unwrap();
        let message = unknown_parameter(patient, "birthDate ").to_string();
        assert!(
            message.starts_with("Patient has no such search parameter; the nearest are birthdate,"),
            "{message}"
        );
        assert!(unknown_parameter(patient, "postalcode").to_string().contains("address-postalcode"));
        assert!(unknown_parameter(patient, "_lastupdated").to_string().contains("_lastUpdated"));
        assert_eq!(distance("given", "give"), 1);
    }
}
