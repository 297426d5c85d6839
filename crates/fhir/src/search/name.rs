//! Finding people and places by name: folding, tokens and sounds.
//!
//! MedCor adds four parameters to the types that carry a name or a telephone (Patient, Practitioner,
//! RelatedPerson, Person, Organization, Location, HealthcareService): see the constants.

use crate::ResourceType;

use super::ParameterId;

/// String: a whole name, folded: `ada lovelace`. For people one for each name with all given names, one
/// with the first given name only, and `HumanName.text`; also `family given`.
pub const FULL_NAME: &str = "medcor-full-name";
/// String: each word of each name, folded; found by prefix.
pub const NAME_WORD: &str = "medcor-name-word";
/// Token: the phonetic code of each word of each name.
pub const NAME_SOUND: &str = "medcor-name-sound";
/// Token: the digits of each telephone number, in full and the last nine.
pub const PHONE_DIGITS: &str = "medcor-phone-digits";

/// The number of one of MedCor's own parameters on this type; `None` where the type has no names.
pub fn name_parameter(_resource_type: ResourceType, _code: &str) -> Option<ParameterId> {
    todo!()
}

/// Text without case, accents, punctuation and repeated white space, for comparing.
pub fn fold(_text: &str) -> String {
    todo!()
}

/// The words of a folded text; titles such as `dr` and `prof` are not words.
pub fn words(_folded: &str) -> Vec<&str> {
    todo!()
}

/// The phonetic code of one folded word.
pub fn sound(_word: &str) -> String {
    todo!()
}

/// The digits of a telephone number; `None` when there are fewer than seven.
pub fn phone_digits(_text: &str) -> Option<String> {
    todo!()
}
