//! The compiled search parameters: `definitions/search.txt`, written by `cargo xtask definitions`.
//!
//! A line without indentation names a type, an indented one a parameter of it:
//!
//! ```text
//!  code kind path… [> target…]          `*` stands for every type
//!  code composite root… | kind path… | kind path…
//! ```
//!
//! A path is `member.member:DataType`, from the resource or from the composite's root; with a leading `/`
//! always from the resource; `.` alone is the resource. Brackets after a member keep some of its values:
//! `[0]` the first, `[system=phone]` where that member has that text, `[~url]` with this extension,
//! `[>Patient]` references to this type. `code@system` is a code of which the system is implied.

use super::SearchKind;
use crate::ResourceType;

/// The file's text.
pub(super) const TEXT: &str = include_str!("../definitions/search.txt");

/// A way from a record, or from an element of it, to values of one data type.
#[derive(Debug, Clone)]
pub(super) struct Path {
    /// Whether it starts at the record even inside of a composite.
    pub(super) is_from_record: bool,
    pub(super) steps: Box<[Step]>,
    pub(super) data_type: DataType,
    /// The system of a `code`.
    pub(super) implied_system: Option<&'static str>,
}

/// One step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Every value of this member.
    Member(&'static str),
    /// The first of the values only.
    First,
    /// Objects in which this member has this text.
    MemberIs(&'static str, &'static str),
    /// Objects with this extension.
    HasExtension(&'static str),
    /// References to this type.
    RefersTo(ResourceType),
}

/// The data types that are read differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataType {
    Address,
    Boolean,
    Canonical,
    Code,
    CodeableConcept,
    Coding,
    ContactPoint,
    Date,
    DateTime,
    Decimal,
    /// Not a data type: the resource of which `deceased[x]` is asked.
    Deceased,
    HumanName,
    Identifier,
    Instant,
    Integer,
    Money,
    Period,
    Quantity,
    Range,
    Reference,
    /// A resource inside of another.
    Resource,
    String,
    Timing,
    Uri,
}

/// One parameter's line.
pub(super) struct Line {
    pub(super) code: &'static str,
    pub(super) kind: SearchKind,
    pub(super) paths: Vec<Path>,
    pub(super) targets: Vec<ResourceType>,
    pub(super) components: Vec<(SearchKind, Vec<Path>)>,
}

/// Every type with its lines.
pub(super) fn read() -> Vec<(&'static str, Vec<Line>)> {
    let mut types: Vec<(&str, Vec<Line>)> = Vec::new();
    for text in TEXT.lines() {
        match (text.strip_prefix(' '), types.last_mut()) {
            (Some(parameter), Some((_, lines))) => lines.push(read_line(parameter)),
            _ => types.push((text, Vec::new())),
        }
    }
    types
}

/// Why reading cannot fail.
const WRITTEN_BY_US: &str = "the file was written by `cargo xtask definitions` and a test reads all of it";

fn read_line(text: &'static str) -> Line {
    let (text, targets) = text.split_once(" > ").unwrap_or((text, ""));
    let mut parts = text.split(" | ");
    let mut words = parts.next().expect(WRITTEN_BY_US).split(' ');
    let code = words.next().expect(WRITTEN_BY_US);
    let kind = words.next().and_then(read_kind).expect(WRITTEN_BY_US);
    let paths = words.map(|path| read_path(path).expect(WRITTEN_BY_US)).collect();
    let components = parts.map(read_component).collect();
    Line { code, kind, paths, targets: read_targets(targets), components }
}

fn read_component(text: &'static str) -> (SearchKind, Vec<Path>) {
    let mut words = text.split(' ');
    let kind = words.next().and_then(read_kind).expect(WRITTEN_BY_US);
    (kind, words.map(|path| read_path(path).expect(WRITTEN_BY_US)).collect())
}

fn read_targets(text: &str) -> Vec<ResourceType> {
    if text == "*" {
        return ResourceType::all().collect();
    }
    text.split(' ').filter_map(ResourceType::from_name).collect()
}

fn read_kind(text: &str) -> Option<SearchKind> {
    Some(match text {
        "number" => SearchKind::Number,
        "date" => SearchKind::Date,
        "string" => SearchKind::String,
        "token" => SearchKind::Token,
        "reference" => SearchKind::Reference,
        "composite" => SearchKind::Composite,
        "quantity" => SearchKind::Quantity,
        "uri" => SearchKind::Uri,
        "special" => SearchKind::Special,
        _ => return None,
    })
}

fn read_path(text: &'static str) -> Option<Path> {
    let (is_from_record, mut rest) = match text.strip_prefix('/') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut steps = Vec::new();
    loop {
        if let Some(filter) = rest.strip_prefix('[') {
            let (filter, after) = filter.split_once(']')?;
            steps.push(read_filter(filter)?);
            rest = after;
        } else if let Some(data_type) = rest.strip_prefix(':') {
            let (data_type, implied_system) = match data_type.split_once('@') {
                Some((data_type, system)) => (data_type, Some(system)),
                None => (data_type, None),
            };
            let data_type = read_data_type(data_type)?;
            return Some(Path { is_from_record, steps: steps.into(), data_type, implied_system });
        } else if rest.is_empty() {
            // The root of a composite: its data type plays no part.
            let data_type = DataType::Resource;
            return Some(Path { is_from_record, steps: steps.into(), data_type, implied_system: None });
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[', ':']).unwrap_or(rest.len());
            let (member, after) = rest.split_at(end);
            if !member.is_empty() {
                steps.push(Step::Member(member));
            }
            rest = after;
        }
    }
}

fn read_filter(text: &'static str) -> Option<Step> {
    if text == "0" {
        return Some(Step::First);
    }
    if let Some(url) = text.strip_prefix('~') {
        return Some(Step::HasExtension(url));
    }
    if let Some(name) = text.strip_prefix('>') {
        return ResourceType::from_name(name).map(Step::RefersTo);
    }
    text.split_once('=').map(|(member, expected)| Step::MemberIs(member, expected))
}

fn read_data_type(text: &str) -> Option<DataType> {
    Some(match text {
        "Address" => DataType::Address,
        "CodeableConcept" => DataType::CodeableConcept,
        "Coding" => DataType::Coding,
        "ContactPoint" => DataType::ContactPoint,
        "HumanName" => DataType::HumanName,
        "Identifier" => DataType::Identifier,
        "Money" => DataType::Money,
        "Period" => DataType::Period,
        "Quantity" => DataType::Quantity,
        "Range" => DataType::Range,
        "Reference" => DataType::Reference,
        "Resource" => DataType::Resource,
        "Timing" => DataType::Timing,
        "boolean" => DataType::Boolean,
        "canonical" => DataType::Canonical,
        "code" => DataType::Code,
        "date" => DataType::Date,
        "dateTime" => DataType::DateTime,
        "deceased" => DataType::Deceased,
        "decimal" => DataType::Decimal,
        "instant" => DataType::Instant,
        "integer" => DataType::Integer,
        "string" => DataType::String,
        "uri" => DataType::Uri,
        _ => return None,
    })
}
