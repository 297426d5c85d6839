//! The paths of one type's parameters as a tree, so that a record is passed over once.

use std::sync::{LazyLock, OnceLock};

use serde_json::Value;

use super::{
    super::{
        SearchParameter,
        parameter::parameters,
        program::{Path, Step},
    },
    Extraction, keeps,
};
use crate::ResourceType;

/// The tree of this type, grown when it is first asked for.
pub(super) fn of_type(resource_type: ResourceType) -> &'static Tree {
    static TREES: LazyLock<Vec<OnceLock<Tree>>> =
        LazyLock::new(|| ResourceType::all().map(|_| OnceLock::new()).collect());
    let tree = TREES.get(usize::from(resource_type.code())).expect("there is a place for every type");
    tree.get_or_init(|| Tree::grow(parameters(resource_type)))
}

/// What is read at one place of a record, and the places below it.
#[derive(Default)]
pub(super) struct Tree {
    /// Sorted by the length of the name and the name: lengths differ mostly, and compare faster than texts.
    members: Vec<(&'static str, Tree)>,
    filters: Vec<(Step, Tree)>,
    leaves: Vec<(&'static SearchParameter, &'static Path)>,
}

impl Tree {
    fn grow(parameters: &'static [SearchParameter]) -> Self {
        let mut tree = Self::default();
        for parameter in parameters {
            for path in &parameter.paths {
                tree.branch(&path.steps).leaves.push((parameter, path));
            }
        }
        tree
    }

    fn branch(&mut self, steps: &'static [Step]) -> &mut Self {
        let Some((step, rest)) = steps.split_first() else {
            return self;
        };
        let branches = match step {
            Step::Member(name) => return self.member(name).branch(rest),
            _ => &mut self.filters,
        };
        let position = branches.iter().position(|(other, _)| other == step).unwrap_or_else(|| {
            branches.push((*step, Self::default()));
            branches.len() - 1
        });
        branches[position].1.branch(rest)
    }

    fn member(&mut self, name: &'static str) -> &mut Self {
        let position = self
            .members
            .binary_search_by_key(&(name.len(), name), |(other, _)| (other.len(), *other))
            .unwrap_or_else(|position| {
                self.members.insert(position, (name, Self::default()));
                position
            });
        &mut self.members[position].1
    }

    /// Reads a record.
    pub(super) fn visit<'a>(&self, record: &'a Value, extraction: &mut Extraction<'a, '_>) {
        self.visit_value(record, true, extraction);
    }

    fn visit_value<'a>(&self, value: &'a Value, is_first: bool, extraction: &mut Extraction<'a, '_>) {
        for (parameter, path) in &self.leaves {
            extraction.add_found(parameter, path, value);
        }
        for (filter, below) in &self.filters {
            let is_kept = if *filter == Step::First { is_first } else { keeps(*filter, value) };
            if is_kept {
                below.visit_value(value, is_first, extraction);
            }
        }
        let Value::Object(members) = value else {
            return;
        };
        if self.members.is_empty() {
            return;
        }
        for (name, value) in members {
            if let Some(below) = self.below(name) {
                below.visit_member(value, extraction);
            }
        }
    }

    /// Each of a member's values.
    fn visit_member<'a>(&self, value: &'a Value, extraction: &mut Extraction<'a, '_>) {
        let Value::Array(values) = value else {
            return self.visit_value(value, true, extraction);
        };
        for (position, value) in values.iter().enumerate() {
            self.visit_value(value, position == 0, extraction);
        }
    }

    fn below(&self, name: &str) -> Option<&Self> {
        let position = self
            .members
            .binary_search_by_key(&(name.len(), name), |(other, _)| (other.len(), *other))
            .ok()?;
        self.members.get(position).map(|(_, below)| below)
    }
}
