//! Invariants of questionnaires, value sets, capability statements and other definitions.

use std::collections::HashSet;

use serde_json::Value;

use super::{Invariant, count_of, has, has_any, has_choice, is_distinct, is_one_of, items, text};
use crate::validate::Object;

pub(super) const INVARIANTS: &[Invariant] = &[
    Invariant {
        on: &["Questionnaire"],
        key: "que-2",
        rule: "each linkId of a questionnaire is unique in it",
        holds: |questionnaire| is_unique_in_tree(questionnaire, "item", "linkId"),
    },
    Invariant {
        on: &["CodeSystem"],
        key: "csd-1",
        rule: "each code of a code system is unique in it",
        holds: |code_system| is_unique_in_tree(code_system, "concept", "code"),
    },
    Invariant {
        on: &["Questionnaire.item"],
        key: "que-1",
        rule: "a group has items, a display has none",
        holds: |item| {
            let is_group = is_one_of(item, "type", &["group"]);
            let is_display = is_one_of(item, "type", &["display"]);
            (!is_group || has(item, "item")) && (!is_display || !has(item, "item"))
        },
    },
    Invariant {
        on: &["Questionnaire.item"],
        key: "que-3",
        rule: "a display has no code",
        holds: |item| !is_one_of(item, "type", &["display"]) || !has(item, "code"),
    },
    Invariant {
        on: &["Questionnaire.item"],
        key: "que-4",
        rule: "a question has answerOption or answerValueSet, not both",
        holds: |item| !has(item, "answerOption") || !has(item, "answerValueSet"),
    },
    Invariant {
        on: &["Questionnaire.item"],
        key: "que-6",
        rule: "a display is neither required nor repeated",
        holds: |item| !is_one_of(item, "type", &["display"]) || !has_any(item, &["required", "repeats"]),
    },
    Invariant {
        on: &["Questionnaire.item"],
        key: "que-8",
        rule: "a group or display has no initial value",
        holds: |item| !is_one_of(item, "type", &["group", "display"]) || !has(item, "initial"),
    },
    Invariant {
        on: &["Questionnaire.item"],
        key: "que-9",
        rule: "a display is not read-only",
        holds: |item| !is_one_of(item, "type", &["display"]) || !has(item, "readOnly"),
    },
    Invariant {
        on: &["Questionnaire.item"],
        key: "que-10",
        rule: "only simple questions have a maxLength",
        holds: |item| {
            let simple = ["boolean", "decimal", "integer", "string", "text", "url", "open-choice"];
            !has(item, "maxLength") || is_one_of(item, "type", &simple)
        },
    },
    Invariant {
        on: &["Questionnaire.item"],
        key: "que-11",
        rule: "a question with answerOption has no initial value",
        holds: |item| !has(item, "answerOption") || !has(item, "initial"),
    },
    Invariant {
        on: &["Questionnaire.item"],
        key: "que-13",
        rule: "only a repeated question has several initial values",
        holds: |item| item.get("repeats") == Some(&Value::Bool(true)) || items(item, "initial").len() <= 1,
    },
    Invariant {
        on: &["Questionnaire.item.enableWhen"],
        key: "que-7",
        rule: "the operator exists has a boolean answer",
        holds: |condition| !is_one_of(condition, "operator", &["exists"]) || has(condition, "answerBoolean"),
    },
    Invariant {
        on: &["ValueSet.compose.include"],
        key: "vsd-1",
        rule: "an include or exclude has a value set or a system",
        holds: |include| has_any(include, &["valueSet", "system"]),
    },
    Invariant {
        on: &["ValueSet.compose.include"],
        key: "vsd-2",
        rule: "concepts and filters have a system",
        holds: |include| !has_any(include, &["concept", "filter"]) || has(include, "system"),
    },
    Invariant {
        on: &["ValueSet.compose.include"],
        key: "vsd-3",
        rule: "an include has concepts or filters, not both",
        holds: |include| !has(include, "concept") || !has(include, "filter"),
    },
    Invariant {
        on: &["ValueSet.expansion.contains"],
        key: "vsd-6",
        rule: "an entry has a code or a display",
        holds: |contains| has_any(contains, &["code", "display"]),
    },
    Invariant {
        on: &["ValueSet.expansion.contains"],
        key: "vsd-9",
        rule: "an entry has a code unless it is abstract",
        holds: |contains| has(contains, "code") || contains.get("abstract") == Some(&Value::Bool(true)),
    },
    Invariant {
        on: &["ValueSet.expansion.contains"],
        key: "vsd-10",
        rule: "a code has a system",
        holds: |contains| !has(contains, "code") || has(contains, "system"),
    },
    Invariant {
        on: &["ConceptMap.group.unmapped"],
        key: "cmd-2",
        rule: "the mode fixed has a code",
        holds: |unmapped| !is_one_of(unmapped, "mode", &["fixed"]) || has(unmapped, "code"),
    },
    Invariant {
        on: &["ConceptMap.group.unmapped"],
        key: "cmd-3",
        rule: "the mode other-map has a url",
        holds: |unmapped| !is_one_of(unmapped, "mode", &["other-map"]) || has(unmapped, "url"),
    },
    Invariant {
        on: &["CapabilityStatement"],
        key: "cpb-1",
        rule: "a capability statement has rest, messaging or document",
        holds: |statement| has_any(statement, &["rest", "messaging", "document"]),
    },
    Invariant {
        on: &["CapabilityStatement"],
        key: "cpb-2",
        rule: "a capability statement has a description, software or implementation",
        holds: |statement| has_any(statement, &["description", "software", "implementation"]),
    },
    Invariant {
        on: &["CapabilityStatement"],
        key: "cpb-14",
        rule: "a statement of kind instance has an implementation",
        holds: |statement| !is_one_of(statement, "kind", &["instance"]) || has(statement, "implementation"),
    },
    Invariant {
        on: &["CapabilityStatement.rest"],
        key: "cpb-9",
        rule: "a resource type is described once",
        holds: |rest| is_distinct(items(rest, "resource"), "type"),
    },
    Invariant {
        on: &["CapabilityStatement.rest.resource"],
        key: "cpb-12",
        rule: "the names of search parameters are unique",
        holds: |resource| is_distinct(items(resource, "searchParam"), "name"),
    },
    Invariant {
        on: &["SearchParameter"],
        key: "spd-1",
        rule: "an xpath has an xpathUsage",
        holds: |parameter| !has(parameter, "xpath") || has(parameter, "xpathUsage"),
    },
    Invariant {
        on: &["SearchParameter"],
        key: "spd-2",
        rule: "only a reference has chains",
        holds: |parameter| !has(parameter, "chain") || is_one_of(parameter, "type", &["reference"]),
    },
    Invariant {
        on: &["OperationDefinition.parameter"],
        key: "opd-1",
        rule: "a parameter has a type or parts",
        holds: |parameter| has_any(parameter, &["type", "part"]),
    },
    Invariant {
        on: &["OperationDefinition.parameter"],
        key: "opd-2",
        rule: "only a string has a searchType",
        holds: |parameter| !has(parameter, "searchType") || is_one_of(parameter, "type", &["string"]),
    },
    Invariant {
        on: &["OperationDefinition.parameter"],
        key: "opd-3",
        rule: "only a Reference or canonical has a targetProfile",
        holds: |parameter| {
            !has(parameter, "targetProfile") || is_one_of(parameter, "type", &["Reference", "canonical"])
        },
    },
    Invariant {
        on: &["StructureDefinition"],
        key: "sdf-4",
        rule: "a structure that is not abstract has a baseDefinition",
        holds: |definition| {
            definition.get("abstract") == Some(&Value::Bool(true)) || has(definition, "baseDefinition")
        },
    },
    Invariant {
        on: &["StructureDefinition"],
        key: "sdf-6",
        rule: "a structure has a snapshot or a differential",
        holds: |definition| has_any(definition, &["snapshot", "differential"]),
    },
    Invariant {
        on: &["StructureDefinition.mapping"],
        key: "sdf-2",
        rule: "a mapping has a name or a uri",
        holds: |mapping| has_any(mapping, &["name", "uri"]),
    },
    Invariant {
        on: &["ElementDefinition"],
        key: "eld-6",
        rule: "a fixed value or pattern stands beside one type, and not beside each other",
        holds: |element| {
            let has_fixed = has_choice(element, "fixed");
            let has_pattern = has_choice(element, "pattern");
            (!has_fixed && !has_pattern) || (has_fixed != has_pattern && items(element, "type").len() <= 1)
        },
    },
    Invariant {
        on: &["ElementDefinition.slicing"],
        key: "eld-1",
        rule: "slicing has a discriminator or a description",
        holds: |slicing| has_any(slicing, &["discriminator", "description"]),
    },
    Invariant {
        on: &["TestScript.setup.action", "TestScript.test.action"],
        key: "tst-1",
        rule: "an action has either an operation or an assert",
        holds: |action| count_of(action, &["operation", "assert"]) == 1,
    },
    Invariant {
        on: &["MolecularSequence"],
        key: "msq-3",
        rule: "the coordinateSystem is 0 or 1",
        holds: |sequence| sequence.get("coordinateSystem").is_none_or(|system| *system == 0 || *system == 1),
    },
    Invariant {
        on: &["MolecularSequence.referenceSeq"],
        key: "msq-6",
        rule: "a reference sequence has one of genomeBuild, referenceSeqId, referenceSeqPointer and referenceSeqString",
        holds: |sequence| {
            let names = ["genomeBuild", "referenceSeqId", "referenceSeqPointer", "referenceSeqString"];
            count_of(sequence, &names) == 1
        },
    },
];

/// Whether no two objects under `branch`, however deep, have the same text under `name`.
fn is_unique_in_tree(root: &Object, branch: &str, name: &str) -> bool {
    let mut seen = HashSet::new();
    let mut waiting: Vec<&Value> = items(root, branch).iter().collect();
    while let Some(value) = waiting.pop() {
        let Some(object) = value.as_object() else { continue };
        if text(object, name).is_some_and(|text| !seen.insert(text)) {
            return false;
        }
        waiting.extend(items(object, branch));
    }
    true
}
