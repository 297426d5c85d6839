//! Names, telephones and addresses of people and places.

use serde::Deserialize;

use super::{Period, Text, Texts};

/// `HumanName`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct HumanName<'a> {
    /// `usual`, `official`, `temp`, `nickname`, `anonymous`, `old` or `maiden`.
    #[serde(rename = "use", borrow)]
    pub usage: Option<Text<'a>>,
    /// The whole name as it is written.
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    /// The family name.
    #[serde(borrow)]
    pub family: Option<Text<'a>>,
    /// Given names, the first one first.
    #[serde(borrow)]
    pub given: Texts<'a>,
    /// Before the name, such as `Dr.`.
    #[serde(borrow)]
    pub prefix: Texts<'a>,
    /// After the name, such as `MD`.
    #[serde(borrow)]
    pub suffix: Texts<'a>,
}

impl HumanName<'_> {
    /// The name to call somebody by: the official one, else the usual one, else the first that is still
    /// used, else the first.
    pub fn preferred(names: &[Self]) -> Option<&Self> {
        let used_as = |usage: &str| names.iter().find(|name| name.usage.as_deref() == Some(usage));
        let is_past = |name: &&Self| matches!(name.usage.as_deref(), Some("old" | "maiden"));
        let current = || names.iter().find(|name| !is_past(name));
        used_as("official").or_else(|| used_as("usual")).or_else(current).or_else(|| names.first())
    }

    /// Given names and family name, else the text as it is written; no titles.
    pub fn display(&self) -> Option<String> {
        let parts = self.given.iter().chain(&self.family).map(Text::as_str);
        joined(parts).or_else(|| self.text.as_deref().map(str::to_owned))
    }

    /// The name with its titles: `Dr. Grace Hopper`.
    pub fn display_with_titles(&self) -> Option<String> {
        let name = self.display()?;
        let parts = self.prefix.iter().map(Text::as_str).chain([name.as_str()]);
        joined(parts.chain(self.suffix.iter().map(Text::as_str)))
    }

    /// All given names, joined.
    pub fn first_name(&self) -> Option<String> {
        joined(self.given.iter().map(Text::as_str))
    }
}

/// `ContactPoint`: a telephone number, an e-mail address and the like.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ContactPoint<'a> {
    /// `phone`, `fax`, `email`, `pager`, `url`, `sms` or `other`.
    #[serde(borrow)]
    pub system: Option<Text<'a>>,
    /// The number or address.
    #[serde(borrow)]
    pub value: Option<Text<'a>>,
    /// `home`, `work`, `temp`, `old` or `mobile`.
    #[serde(rename = "use", borrow)]
    pub usage: Option<Text<'a>>,
    /// 1 is preferred.
    pub rank: Option<u32>,
}

impl ContactPoint<'_> {
    /// The telephone number to reach somebody by.
    pub fn phone(points: &[Self]) -> Option<&str> {
        Self::best(points, "phone").or_else(|| Self::best(points, "sms"))
    }

    /// The e-mail address to reach somebody by.
    pub fn email(points: &[Self]) -> Option<&str> {
        Self::best(points, "email")
    }

    /// The best ranked one of this system that is still used, else the first.
    fn best<'c>(points: &'c [Self], system: &str) -> Option<&'c str> {
        let of_system =
            || points.iter().filter(|point| point.system.as_deref() == Some(system) && point.value.is_some());
        let current = of_system().filter(|point| point.usage.as_deref() != Some("old"));
        let best = current.min_by_key(|point| point.rank.unwrap_or(u32::MAX)).or_else(|| of_system().next());
        best?.value.as_deref()
    }
}

/// `Address`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Address<'a> {
    /// `home`, `work`, `temp`, `old` or `billing`.
    #[serde(rename = "use", borrow)]
    pub usage: Option<Text<'a>>,
    /// The whole address as it is written.
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    /// Street, number, flat.
    #[serde(borrow)]
    pub line: Texts<'a>,
    /// Town.
    #[serde(borrow)]
    pub city: Option<Text<'a>>,
    /// State or province.
    #[serde(borrow)]
    pub state: Option<Text<'a>>,
    /// Postal code.
    #[serde(borrow)]
    pub postal_code: Option<Text<'a>>,
    /// Country.
    #[serde(borrow)]
    pub country: Option<Text<'a>>,
    /// When it was or is in use.
    #[serde(borrow)]
    pub period: Option<Period<'a>>,
}

impl Address<'_> {
    /// The first that is still used, else the first.
    pub fn preferred(addresses: &[Self]) -> Option<&Self> {
        let current = addresses.iter().find(|address| address.usage.as_deref() != Some("old"));
        current.or_else(|| addresses.first())
    }

    /// In one line: as it is written, else its parts.
    pub fn display(&self) -> Option<String> {
        if let Some(text) = &self.text {
            return Some(text.as_str().to_owned());
        }
        let place = [&self.city, &self.state, &self.postal_code, &self.country];
        let parts = self.line.iter().chain(place.into_iter().flatten()).map(Text::as_str);
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn joined<'p>(parts: impl Iterator<Item = &'p str>) -> Option<String> {
    let mut joined = String::new();
    for part in parts.filter(|part| !part.is_empty()) {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(part);
    }
    (!joined.is_empty()).then_some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_name_is_shown_and_a_maiden_name_only_when_there_is_no_other() {
        let json = r#"[
            {"use":"maiden","given":["Ada"],"family":"Byron"},
            {"given":["Ada","A."],"family":"King","prefix":["Dr."],"suffix":["FRS"]},
            {"use":"official","text":"Ada Lovelace"}
        ]"#;
        let names: Vec<HumanName<'_>> = serde_json::from_str(json).unwrap();
        let display = |names| HumanName::preferred(names).and_then(HumanName::display);
        assert_eq!(display(&names).as_deref(), Some("Ada Lovelace"));
        assert_eq!(display(&names[..2]).as_deref(), Some("Ada A. King"));
        assert_eq!(display(&names[..1]).as_deref(), Some("Ada Byron"));
        assert_eq!(names[1].display_with_titles().as_deref(), Some("Dr. Ada A. King FRS"));
        assert_eq!(HumanName::default().display(), None);
    }

    #[test]
    fn the_best_ranked_number_that_is_still_used_is_shown() {
        let json = r#"[
            {"system":"phone","value":"1","use":"old"},
            {"system":"phone","value":"2"},
            {"system":"phone","value":"3","rank":1},
            {"system":"email","value":"ada@example.org"}
        ]"#;
        let points: Vec<ContactPoint<'_>> = serde_json::from_str(json).unwrap();
        assert_eq!(ContactPoint::phone(&points), Some("3"));
        assert_eq!(ContactPoint::phone(&points[..1]), Some("1"));
        assert_eq!(ContactPoint::email(&points), Some("ada@example.org"));
        assert_eq!(ContactPoint::email(&points[..3]), None);
    }

    #[test]
    fn an_address_is_shown_as_written_or_by_its_parts() {
        let parts: Address<'_> =
            serde_json::from_str(r#"{"line":["1 High St","Flat 2"],"city":"York","country":"GB"}"#).unwrap();
        assert_eq!(parts.display().as_deref(), Some("1 High St, Flat 2, York, GB"));
        let written = Address { text: Some("The Old Mill".into()), ..parts };
        assert_eq!(written.display().as_deref(), Some("The Old Mill"));
        assert_eq!(Address::default().display(), None);
    }
}
