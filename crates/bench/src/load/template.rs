//! Texts with `${name}` in them, and what is drawn for the names.

use std::{cell::Cell, convert::Infallible, ops::Range, rc::Rc, str::FromStr, sync::Arc};

/// A text in which `${name}` stands for something drawn.
#[derive(Debug, Clone)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Name(String),
}

impl FromStr for Template {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, following)) = after.split_once('}') else { break };
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Name(name.to_owned()));
            rest = following;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }
}

impl Template {
    /// The names in it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// Appends the text with what was drawn.
    pub(crate) fn fill(&self, drawn: &Drawn<'_>, text: &mut String) {
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Name(name) => text.push_str(drawn.value(name)),
            }
        }
    }
}

/// What a name stands for, drawn anew for each call.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// A number of this range, with a prefix and leading zeros.
    Between { range: Range<u64>, prefix: String, width: usize },
    /// The next number.
    Count { first: u64 },
    /// A line of a file.
    Line { lines: Arc<[String]> },
    /// The next line of a file, from the first again after the last.
    Next { lines: Arc<[String]> },
}

/// Why a source is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("name=between:LOW:HIGH[:PREFIX[:WIDTH]], name=count:FIRST, name=line:FILE or name=next:FILE")]
    Form,
    #[error("the file can't be read: {0}")]
    File(#[from] std::io::Error),
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let (name, kind) = text.split_once('=').ok_or(SourceError::Form)?;
        let (kind, rest) = kind.split_once(':').ok_or(SourceError::Form)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| SourceError::Form);
        let kind = match (kind, rest.split(':').collect::<Vec<_>>().as_slice()) {
            ("between", [low, high, format @ ..]) => {
                let (prefix, width) = match format {
                    [] => ("", 0),
                    [prefix] => (*prefix, 0),
                    [prefix, width] => (*prefix, number(width)?),
                    _ => return Err(SourceError::Form),
                };
                let range = number(low)?..number(high)?.saturating_add(1);
                if range.is_empty() {
                    return Err(SourceError::Form);
                }
                let width = usize::try_from(width.min(20)).map_err(|_| SourceError::Form)?;
                Kind::Between { range, prefix: prefix.to_owned(), width }
            }
            ("count", [first]) => Kind::Count { first: number(first)? },
            ("line", _) => Kind::Line { lines: lines(rest)? },
            ("next", _) => Kind::Next { lines: lines(rest)? },
            _ => return Err(SourceError::Form),
        };
        Ok(Self { name: name.to_owned(), kind })
    }
}

fn lines(file: &str) -> Result<Arc<[String]>, SourceError> {
    let lines: Arc<[String]> = std::fs::read_to_string(file)?.lines().map(str::to_owned).collect();
    if lines.is_empty() { Err(SourceError::Form) } else { Ok(lines) }
}

/// The values of one call.
#[derive(Debug, Default)]
pub(crate) struct Drawn<'s>(Vec<(&'s str, String)>);

impl<'s> Drawn<'s> {
    /// Draws a value for every name.
    pub(crate) fn of(sources: &'s [Source], chance: &mut Chance) -> Self {
        Self(sources.iter().map(|source| (source.name.as_str(), source.draw(chance))).collect())
    }

    fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }
}

impl Source {
    fn draw(&self, chance: &mut Chance) -> String {
        match &self.kind {
            Kind::Between { range, prefix, width } => {
                let number = range.start + chance.below(range.end - range.start);
                format!("{prefix}{number:0width$}")
            }
            Kind::Count { first } => (first + chance.next_count()).to_string(),
            Kind::Line { lines } => {
                let index = chance.below(lines.len() as u64);
                line(lines, index)
            }
            Kind::Next { lines } => line(lines, chance.next_count() % lines.len().max(1) as u64),
        }
    }
}

fn line(lines: &[String], index: u64) -> String {
    usize::try_from(index).ok().and_then(|index| lines.get(index)).cloned().unwrap_or_default()
}

/// Reproducible chance (`SplitMix64`), and a count that all connections share.
#[derive(Debug)]
pub(crate) struct Chance {
    state: u64,
    count: Rc<Cell<u64>>,
}

impl Chance {
    /// Different for each connection, the same in every run.
    pub(crate) fn new((seed, connection): (u64, u64), count: Rc<Cell<u64>>) -> Self {
        Self {
            state: seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ connection.wrapping_mul(0x9E6C_63D0_876A_68EE),
            count,
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    fn next_count(&self) -> u64 {
        self.count.replace(self.count.get() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(source: &str, template: &str) -> String {
        let sources = [source.parse().unwrap()];
        let mut chance = Chance::new((1, 0), Rc::default());
        let drawn = Drawn::of(&sources, &mut chance);
        let mut text = String::new();
        template.parse::<Template>().unwrap().fill(&drawn, &mut text);
        text
    }

    #[test]
    fn a_name_is_replaced_wherever_it_stands() {
        assert_eq!(
            drawn("n=between:7:7:MRN:6", "{\"a\": \"${n}\", \"b\": ${n}}"),
            "{\"a\": \"MRN000007\", \"b\": MRN000007}"
        );
        assert_eq!(drawn("n=count:3", "{{${n}}} $"), "{{3}} $");
    }

    #[test]
    fn a_range_without_numbers_is_refused() {
        for text in ["n=between:2:1", "n=between:x:1", "n", "n=some:1", "n=line:/nowhere"] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_count_never_repeats() {
        let source: Source = "n=count:5".parse().unwrap();
        let mut chance = Chance::new((1, 0), Rc::default());
        assert_eq!((source.draw(&mut chance), source.draw(&mut chance)), ("5".to_owned(), "6".to_owned()));
    }
}
