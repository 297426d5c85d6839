//! The part of FHIRPath that R4's search parameters use.

use std::error::Error;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// `name`.
    Element(String),
    /// `%resource`.
    Resource,
    /// `[0]`.
    First,
    /// `as(Type)`, `ofType(Type)`, `… as Type`.
    Cast(String),
    /// `where(element='text')`.
    WhereEquals(String, String),
    /// `where(resolve() is Type)`.
    WhereRefersTo(String),
    /// `where(hasExtension('url'))`.
    WhereHasExtension(String),
    /// `exists() and … != false`, for an element that is a boolean or something else.
    IsTrueOrPresent,
}

/// The alternatives of a union, each as its steps.
pub(super) fn parse(expression: &str) -> Result<Vec<Vec<Step>>, Box<dyn Error>> {
    split(expression, '|').into_iter().map(|part| parse_path(part.trim())).collect()
}

fn parse_path(part: &str) -> Result<Vec<Step>, Box<dyn Error>> {
    if let Some((path, rest)) = part.split_once(".exists() and ") {
        let is_known_form = rest == format!("{path} != false");
        let mut steps = parse_path(path)?;
        steps.push(Step::IsTrueOrPresent);
        return if is_known_form { Ok(steps) } else { Err(format!("`{part}` is not supported").into()) };
    }
    if let Some((inner, rest)) = part.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        let mut steps = parse_path(inner)?;
        if let Some(rest) = rest.strip_prefix('.') {
            steps.extend(parse_path(rest)?);
        }
        return Ok(steps);
    }
    if let Some((path, data_type)) = part.split_once(" as ") {
        let mut steps = parse_path(path)?;
        steps.push(Step::Cast(data_type.to_owned()));
        return Ok(steps);
    }
    let mut steps = Vec::new();
    for step in split(part, '.') {
        parse_step(step, &mut steps)?;
    }
    Ok(steps)
}

fn parse_step(step: &str, steps: &mut Vec<Step>) -> Result<(), Box<dyn Error>> {
    let unsupported = || format!("`{step}` is not supported");
    if step == "%resource" {
        steps.push(Step::Resource);
    } else if let Some(name) = step.strip_suffix("[0]") {
        steps.extend([Step::Element(name.to_owned()), Step::First]);
    } else if let Some((function, argument)) = step.strip_suffix(')').and_then(|step| step.split_once('(')) {
        match function {
            "as" | "ofType" => steps.push(Step::Cast(argument.to_owned())),
            "where" => steps.push(parse_condition(argument).ok_or_else(unsupported)?),
            "extension" => {
                let url = quoted(argument).ok_or_else(unsupported)?;
                let is_this_one = Step::WhereEquals("url".to_owned(), url);
                let [extension, value] = ["extension", "value"].map(|name| Step::Element(name.to_owned()));
                steps.extend([extension, is_this_one, value]);
            }
            _ => return Err(unsupported().into()),
        }
    } else if !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        steps.push(Step::Element(step.to_owned()));
    } else {
        return Err(unsupported().into());
    }
    Ok(())
}

fn parse_condition(condition: &str) -> Option<Step> {
    if let Some(resource_type) = condition.strip_prefix("resolve() is ") {
        return Some(Step::WhereRefersTo(resource_type.to_owned()));
    }
    if let Some(url) = condition.strip_prefix("hasExtension(").and_then(|rest| rest.strip_suffix(')')) {
        return quoted(url).map(Step::WhereHasExtension);
    }
    let (element, text) = condition.split_once('=')?;
    Some(Step::WhereEquals(element.to_owned(), quoted(text)?))
}

fn quoted(text: &str) -> Option<String> {
    text.strip_prefix('\'')?.strip_suffix('\'').map(str::to_owned)
}

/// Splits outside quotes and parentheses.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut depth, mut is_quoted) = (0, false);
    text.split(|letter: char| {
        match letter {
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
        letter == separator && depth == 0 && !is_quoted
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{Step, parse};

    fn element(name: &str) -> Step {
        Step::Element(name.to_owned())
    }

    #[test]
    fn casts_conditions_and_unions_are_steps() {
        let paths = parse("(Observation.value as Quantity) | Patient.telecom.where(system='a.b')").unwrap();
        assert_eq!(paths[0], [element("Observation"), element("value"), Step::Cast("Quantity".into())]);
        let is_phone = Step::WhereEquals("system".into(), "a.b".into());
        assert_eq!(paths[1], [element("Patient"), element("telecom"), is_phone]);
        let paths = parse("Goal.subject.where(resolve() is Patient)").unwrap();
        assert_eq!(paths[0].last(), Some(&Step::WhereRefersTo("Patient".into())));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(parse("Patient.name.first()").is_err());
        assert!(parse("Patient.name.where(use != 'old')").is_err());
        assert!(parse("Patient.deceased.exists() and true").is_err());
    }
}
