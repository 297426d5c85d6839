//! Everyday names of laboratory tests, and the LOINC codes that mean them.
//!
//! Records name tests in LOINC's own long words, callers in short ones: `HbA1c` is not in "Hemoglobin
//! A1c/Hemoglobin.total in Blood". A name that is not listed is looked for in the words of the records.

use crate::words::Words;

/// LOINC codes of a name; none when it is not listed here.
pub(super) fn codes_of(words: &Words) -> &'static [&'static str] {
    let joined = words.joined();
    let joined = joined.strip_prefix("serum ").unwrap_or(&joined);
    let found = TESTS.iter().find(|(names, _)| names.contains(&joined));
    found.map_or(&[], |(_, codes)| codes)
}

const TESTS: &[(&[&str], &[&str])] = &[
    (&["potassium", "k"], &["6298-4", "2823-3"]),
    (&["sodium", "na"], &["2947-0", "2951-2"]),
    (&["chloride", "cl"], &["2069-3", "2075-0"]),
    (&["bicarbonate", "co2", "carbon dioxide"], &["20565-8", "2028-9", "1963-8"]),
    (&["calcium", "ca"], &["49765-1", "17861-6"]),
    (&["magnesium", "mg"], &["19123-9", "2601-3"]),
    (&["glucose", "blood sugar", "blood glucose", "cbg"], &["2339-0", "2345-7", "41653-7", "1558-6"]),
    (
        &["hba1c", "a1c", "hemoglobin a1c", "haemoglobin a1c", "glycated hemoglobin"],
        &["4548-4", "17856-6", "59261-8"],
    ),
    (&["creatinine", "crea"], &["38483-4", "2160-0"]),
    (&["urea", "bun", "urea nitrogen", "blood urea nitrogen"], &["6299-2", "3094-0"]),
    (
        &["egfr", "gfr", "glomerular filtration rate"],
        &["33914-3", "48642-3", "48643-1", "62238-1", "98979-8"],
    ),
    (&["cholesterol", "total cholesterol"], &["2093-3"]),
    (&["ldl", "ldl cholesterol"], &["18262-6", "13457-7", "2089-1"]),
    (&["hdl", "hdl cholesterol"], &["2085-9"]),
    (&["triglycerides", "triglyceride"], &["2571-8"]),
    (&["hemoglobin", "haemoglobin", "hb", "hgb"], &["718-7"]),
    (&["hematocrit", "haematocrit", "hct"], &["4544-3", "20570-8"]),
    (&["wbc", "white blood cells", "leukocytes", "white cell count"], &["6690-2", "26464-8"]),
    (&["rbc", "red blood cells", "erythrocytes"], &["789-8", "26453-1"]),
    (&["platelets", "plt", "platelet count"], &["777-3", "26515-7"]),
    (&["inr"], &["6301-6", "34714-6"]),
    (&["alt", "alanine aminotransferase", "sgpt"], &["1742-6"]),
    (&["ast", "aspartate aminotransferase", "sgot"], &["1920-8"]),
    (&["alp", "alkaline phosphatase"], &["6768-6"]),
    (&["bilirubin", "total bilirubin"], &["1975-2"]),
    (&["albumin"], &["1751-7"]),
    (&["tsh", "thyrotropin"], &["3016-3", "11580-8"]),
    (&["crp", "c reactive protein"], &["1988-5", "30522-7"]),
    (&["troponin", "troponin i", "troponin t"], &["10839-9", "89579-7", "6598-7", "67151-1"]),
    (&["psa", "prostate specific antigen"], &["2857-1"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(name: &str) -> &'static [&'static str] {
        codes_of(&Words::given(Some(name), "").unwrap().unwrap())
    }

    #[test]
    fn short_names_mean_codes_in_any_case() {
        assert!(codes("HbA1c").contains(&"4548-4"));
        assert!(codes("Serum potassium").contains(&"6298-4"));
        assert_eq!(codes("rhubarb"), [""; 0]);
    }

    #[test]
    fn no_name_and_no_code_is_listed_twice() {
        let mut names: Vec<&str> = TESTS.iter().flat_map(|(names, _)| *names).copied().collect();
        let mut codes: Vec<&str> = TESTS.iter().flat_map(|(_, codes)| *codes).copied().collect();
        for list in [&mut names, &mut codes] {
            let count = list.len();
            list.sort_unstable();
            list.dedup();
            assert_eq!(list.len(), count);
        }
    }
}
