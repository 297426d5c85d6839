//! Finding tools by words: Okapi BM25 over names, aliases, titles, descriptions and keywords.

use std::collections::HashMap;

use crate::{CompiledTool, Prompt};

/// Term saturation and length normalisation, at their customary values.
const SATURATION: f32 = 1.2;
const LENGTH_WEIGHT: f32 = 0.75;
/// A word of a name says more than a word of a description.
const NAME_WEIGHT: f32 = 4.0;
const TITLE_WEIGHT: f32 = 2.0;

/// A tool that fits.
#[derive(Clone, Copy)]
pub struct Hit<'c> {
    /// The tool.
    pub tool: &'c CompiledTool,
    /// How well; larger is better, comparable within one search.
    pub score: f32,
}

#[derive(Default)]
pub(super) struct Index {
    names: Vec<&'static str>,
    lengths: Vec<f32>,
    postings: HashMap<String, Vec<(usize, f32)>>,
}

impl Index {
    pub(super) fn of_tools<'c>(tools: impl Iterator<Item = &'c CompiledTool>) -> Self {
        let mut index = Self::default();
        tools.for_each(|tool| index.add_tool(tool));
        index
    }

    pub(super) fn of_prompts(prompts: impl Iterator<Item = &'static Prompt>) -> Self {
        let mut index = Self::default();
        for prompt in prompts {
            let fields =
                [(prompt.name, NAME_WEIGHT), (prompt.title, TITLE_WEIGHT), (prompt.description, 1.0)];
            index.add(prompt.name, fields.into_iter());
        }
        index
    }

    fn add_tool(&mut self, tool: &CompiledTool) {
        let entry = tool.entry;
        let aliases = entry.aliases.iter().map(|alias| (alias.name, NAME_WEIGHT));
        let keywords = entry.keywords.iter().map(|keyword| (*keyword, TITLE_WEIGHT));
        let parameters = tool.parameters().map(|parameter| (parameter, 1.0));
        let own = [(entry.name, NAME_WEIGHT), (entry.title, TITLE_WEIGHT), (tool.description.as_str(), 1.0)];
        self.add(entry.name, own.into_iter().chain(aliases).chain(keywords).chain(parameters));
    }

    fn add<'f>(&mut self, name: &'static str, fields: impl Iterator<Item = (&'f str, f32)>) {
        let document = self.names.len();
        let mut weights: HashMap<String, f32> = HashMap::new();
        for (text, weight) in fields {
            for word in words(text) {
                *weights.entry(word).or_default() += weight;
            }
        }
        self.names.push(name);
        self.lengths.push(weights.values().sum());
        for (word, weight) in weights {
            self.postings.entry(word).or_default().push((document, weight));
        }
    }

    /// Names with scores, best first.
    pub(super) fn ranked(&self, query: &str) -> Vec<(&'static str, f32)> {
        let count = precise(self.names.len());
        let mean_length = self.lengths.iter().sum::<f32>() / count.max(1.0);
        let mut scores = vec![0.0_f32; self.names.len()];
        for word in words(query) {
            let Some(postings) = self.postings.get(&word) else { continue };
            let found = precise(postings.len());
            let rarity = ((count - found + 0.5) / (found + 0.5) + 1.0).ln();
            for (document, weight) in postings {
                let norm = 1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * self.lengths[*document] / mean_length;
                scores[*document] += rarity * weight * (SATURATION + 1.0) / (weight + SATURATION * norm);
            }
        }
        let mut hits: Vec<(&'static str, f32)> =
            self.names.iter().copied().zip(scores).filter(|(_, score)| *score > 0.0).collect();
        hits.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(other.0)));
        hits
    }
}

fn precise(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}

/// Lower-case words without their most common endings, so that "allergies" finds `add_allergy`.
fn words(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| word.len() > 1)
        .map(|word| stem(&word.to_lowercase()))
        .filter(|word| {
            !matches!(word.as_str(), "the" | "of" | "for" | "and" | "or" | "to" | "an" | "in" | "is" | "it")
        })
        .collect()
}

fn stem(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 2) {
        return format!("{stem}y");
    }
    let stem = word.strip_suffix('s').filter(|stem| stem.len() > 2 && !stem.ends_with('s'));
    stem.unwrap_or(word).to_owned()
}
