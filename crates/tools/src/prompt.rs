//! Prompts: texts with placeholders that a person chooses in a client.

use std::collections::BTreeMap;

use crate::{ArgumentProblem, ToolError};

/// A prompt.
#[derive(Debug)]
pub struct Prompt {
    /// Lower case with underscores.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Its arguments.
    pub arguments: &'static [PromptArgument],
    /// The text; `{{name}}` is replaced by the argument, `{{name|text}}` by the text when it is absent.
    pub template: &'static str,
}

/// An argument of a prompt. All values are strings.
#[derive(Debug)]
pub struct PromptArgument {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Whether the prompt needs it.
    pub is_required: bool,
}

impl Prompt {
    /// The text with these arguments.
    ///
    /// # Errors
    ///
    /// A validation error that lists every absent and every unknown argument.
    pub fn fill(&self, arguments: &BTreeMap<String, String>) -> Result<String, ToolError> {
        let mut problems = Vec::new();
        for argument in self.arguments {
            let is_given = arguments.get(argument.name).is_some_and(|value| !value.trim().is_empty());
            if argument.is_required && !is_given {
                problems.push(ArgumentProblem {
                    path: format!("/{}", argument.name),
                    problem: format!("required: {}", argument.description),
                });
            }
        }
        for name in arguments.keys() {
            if !self.arguments.iter().any(|argument| argument.name == name) {
                let known: Vec<&str> = self.arguments.iter().map(|argument| argument.name).collect();
                problems.push(ArgumentProblem {
                    path: format!("/{name}"),
                    problem: format!("unknown argument; known are {}", known.join(", ")),
                });
            }
        }
        if !problems.is_empty() {
            return Err(ToolError::Validation(problems));
        }
        Ok(self.substituted(arguments))
    }

    fn substituted(&self, arguments: &BTreeMap<String, String>) -> String {
        let mut text = String::with_capacity(self.template.len() + 256);
        let mut rest = self.template;
        while let Some((before, after)) = rest.split_once("{{") {
            text.push_str(before);
            let Some((placeholder, following)) = after.split_once("}}") else {
                text.push_str("{{");
                rest = after;
                continue;
            };
            let (name, absent) = placeholder.split_once('|').unwrap_or((placeholder, ""));
            let value = arguments.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
            text.push_str(value.unwrap_or(absent));
            rest = following;
        }
        text.push_str(rest);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: Prompt = Prompt {
        name: "greeting",
        title: "Greeting",
        description: "Greets.",
        arguments: &[
            PromptArgument { name: "patient", description: "Who.", is_required: true },
            PromptArgument { name: "reason", description: "Why.", is_required: false },
        ],
        template: "Greet {{patient}} about {{reason|the visit}}.",
    };

    fn arguments(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_absent_optional_argument_leaves_its_default() {
        assert_eq!(PROMPT.fill(&arguments(&[("patient", "p1")])).unwrap(), "Greet p1 about the visit.");
    }

    #[test]
    fn an_argument_is_never_read_as_a_placeholder() {
        let filled = PROMPT.fill(&arguments(&[("patient", "{{reason}}"), ("reason", "x")])).unwrap();
        assert_eq!(filled, "Greet {{reason}} about x.");
    }

    #[test]
    fn absent_and_unknown_arguments_are_refused_together() {
        let error = PROMPT.fill(&arguments(&[("colour", "red")])).unwrap_err();
        let ToolError::Validation(problems) = error else { panic!("not a validation error") };
        assert_eq!(
            problems.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(),
            ["/patient", "/colour"]
        );
    }
}
