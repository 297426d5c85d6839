//! What a `reference` points to.

use medcor_fhir::{Id, ResourceType};

/// Where a reference leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'r> {
    /// A record of this store: `Patient/1`, also with a version.
    Record(ResourceType, Id),
    /// Whatever one record a search finds: `Practitioner?identifier=system|value`.
    Conditional(ResourceType, &'r str),
    /// An entry of the bundle in which it stands.
    Entry,
    /// A contained resource, or a record of another server.
    Elsewhere,
}

impl<'r> Target<'r> {
    pub(super) fn of(reference: &'r str) -> Self {
        if reference.starts_with("urn:") {
            return Self::Entry;
        }
        if let Some((name, query)) = reference.split_once('?') {
            return match ResourceType::from_name(name) {
                Some(resource_type) => Self::Conditional(resource_type, query),
                None => Self::Elsewhere,
            };
        }
        let unversioned = reference.split_once("/_history/").map_or(reference, |(record, _)| record);
        let record = unversioned
            .split_once('/')
            .and_then(|(name, id)| Some(Self::Record(ResourceType::from_name(name)?, Id::new(id)?)));
        record.unwrap_or(Self::Elsewhere)
    }
}

/// The pairs of a search in URL form. Only `%` is decoded: a `+` here is a time zone's or a telephone
/// number's far more often than a space.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%'
            && let [high, low, behind @ ..] = after
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            bytes.push(high << 4 | low);
            rest = behind;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_leads_where_it_says() {
        let patient = || Target::Record(ResourceType::PATIENT, Id::new("1").unwrap());
        assert_eq!(Target::of("Patient/1"), patient());
        assert_eq!(Target::of("Patient/1/_history/2"), patient());
        assert_eq!(Target::of("urn:uuid:1"), Target::Entry);
        assert_eq!(Target::of("Patient?name=x"), Target::Conditional(ResourceType::PATIENT, "name=x"));
        for text in
            ["#contained", "http://example.org/fhir/Patient/1", "Nothing/1", "Patient", "Patient/", ""]
        {
            assert_eq!(Target::of(text), Target::Elsewhere, "{text}");
        }
    }

    #[test]
    fn a_search_in_a_url_is_decoded_once() {
        let expected = [("identifier", "http://a|x+1 %"), ("active", ""), ("name", "ä")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs("identifier=http://a|x+1%20%25&active&&name=%C3%A4"), expected);
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }
}
