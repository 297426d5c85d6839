//! What the five systems document, as it was collected: their tools, resources, prompts and calls that were
//! seen, and to which group of operations each name belongs.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::Value;

const SYSTEMS: [&str; 5] = ["medcor_v2", "medcor_complete", "epic_ehr", "carebot", "pms"];
/// Names that mean the price list where this system uses them, and a patient's plan elsewhere.
const PRICE_LIST: (&str, [&str; 4]) =
    ("medcor_v2", ["create_treatment", "list_treatments", "update_treatment", "get_treatment_details"]);

/// Everything that is documented.
pub(super) struct Surface {
    pub(super) systems: Vec<System>,
    /// By every name of a tool.
    operations: BTreeMap<String, Operation>,
}

/// What is done, whatever it is called.
#[derive(Clone)]
struct Operation {
    group: String,
    canonical: String,
}

/// One of the documented systems.
pub(super) struct System {
    pub(super) name: &'static str,
    description: Value,
}

impl Surface {
    /// `None`, after saying so, where the descriptions are absent.
    pub(super) fn read() -> Option<Self> {
        let mut systems = Vec::new();
        for name in SYSTEMS {
            let description = serde_json::from_str(&text(&format!("{name}.json"))?).expect("JSON");
            systems.push(System { name, description });
        }
        Some(Self { systems, operations: operations(&text("operations.md")?) })
    }

    pub(super) fn system(&self, name: &str) -> &System {
        self.systems.iter().find(|system| system.name == name).expect("one of the five")
    }

    /// To which group of operations this name belongs in this system.
    pub(super) fn group(&self, system: &str, tool: &str) -> Option<&str> {
        if system == PRICE_LIST.0 && PRICE_LIST.1.contains(&tool) {
            return Some("services");
        }
        self.operations.get(tool).map(|operation| operation.group.as_str())
    }

    /// Every name of the operations of this group, with the canonical one.
    pub(super) fn names(&self, group: &str) -> impl Iterator<Item = (&str, &str)> {
        let of_group = self.operations.iter().filter(move |(_, operation)| operation.group == group);
        of_group.map(|(name, operation)| (name.as_str(), operation.canonical.as_str()))
    }
}

impl System {
    pub(super) fn tools(&self) -> impl Iterator<Item = &Value> {
        self.array("tools")
    }

    pub(super) fn resources(&self) -> impl Iterator<Item = &Value> {
        self.array("resources")
    }

    pub(super) fn prompts(&self) -> impl Iterator<Item = &Value> {
        self.array("prompts")
    }

    pub(super) fn observed_calls(&self) -> impl Iterator<Item = &Value> {
        self.array("observed_calls")
    }

    fn array(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.description[name].as_array().into_iter().flatten()
    }
}

fn text(file: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/surface").join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("skipped: {} is absent", path.display());
    }
    text
}

/// The operation of every tool's name in the table of operations: canonical names and aliases. What the two first
/// columns say about forms and sources stands in brackets, and what is no tool has a scheme or a verb.
fn operations(table: &str) -> BTreeMap<String, Operation> {
    let mut operations = BTreeMap::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [canonical, aliases, _, group, _, _] = cells.as_slice() else { continue };
        let operation = Operation { group: (*group).to_owned(), canonical: (*canonical).to_owned() };
        let aliases = without_brackets(aliases);
        for item in aliases.split([';', ',']).chain([*canonical]) {
            let first = item.split_whitespace().next().unwrap_or_default();
            let name = first.split('?').next().unwrap_or_default();
            let is_name =
                name.len() > 3 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            if is_name && !item.contains("://") {
                operations.entry(name.to_owned()).or_insert_with(|| operation.clone());
            }
        }
    }
    operations
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    let mut plain = String::new();
    for letter in text.chars() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain
}
