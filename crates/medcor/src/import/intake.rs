//! From files to records in the order in which they can be loaded: first what refers to nothing that is
//! still unknown, then what had to wait.

mod entry;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, atomic::AtomicU64},
};

use medcor_fhir::{Id, ResourceType};
use medcor_store::{Clock, StoreError};

use self::entry::Decision;
use super::{
    ImportError, Interruption,
    bundle::{self, Content, Entry},
    file::{self, Input, Layout, Piece},
    load::{Item, Links, Loader, Work},
    lookup::{Lookups, Match},
    reference::Target,
    report::Refusal,
    spill::Spill,
    text::with_references,
};

/// Reads everything and hands it to the loader.
pub(super) struct Intake<'i, 'p> {
    pub(super) clock: &'i Clock,
    pub(super) lookups: Lookups<'p>,
    pub(super) loader: Loader<'p>,
    /// Records with conditional references: place, id, text.
    pub(super) waiting: Spill,
    pub(super) bytes_read: Arc<AtomicU64>,
}

/// What becomes of unknown conditional references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Their record waits: what they mean may still come.
    Wait,
    /// They stay as they came.
    Last,
}

/// References of a bundle's entries, as they stand in the text, and what they are.
type Renamed = HashMap<String, String>;

impl<'p> Intake<'_, 'p> {
    /// All of it; returns what answers questions about the store.
    pub(super) fn run(mut self, files: &[Input]) -> Result<Lookups<'p>, Interruption> {
        for input in files {
            self.file(input)?;
        }
        self.load_what_waited()?;
        self.loader.settle()?;
        self.lookups.close()?;
        Ok(self.lookups)
    }

    fn file(&mut self, input: &Input) -> Result<(), Interruption> {
        let name = input.path.display().to_string();
        match self.units(input, &name) {
            Err(Interruption::Failed(ImportError::Input(error))) => {
                Ok(self.refuse(name, None, vec![format!("it can't be read to its end: {error}")])?)
            }
            other => other,
        }
    }

    fn units(&mut self, input: &Input, name: &str) -> Result<(), Interruption> {
        let reading = |error: io::Error| Interruption::Failed(ImportError::Input(error));
        let mut reader = input.open(self.bytes_read.clone()).map_err(reading)?;
        if input.layout == Layout::Whole {
            let piece = file::whole(reader.as_mut()).map_err(reading)?;
            return self.unit(name.to_owned(), piece);
        }
        let mut number = 0_u64;
        while let Some(piece) = file::line(reader.as_mut()).map_err(reading)? {
            number += 1;
            self.unit(format!("{name}:{number}"), piece)?;
        }
        Ok(())
    }

    /// One bundle, or one record.
    fn unit(&mut self, place: String, piece: Piece) -> Result<(), Interruption> {
        let text = match piece {
            Ok(text) if text.trim_ascii().is_empty() => return Ok(()),
            Ok(text) => text,
            Err(problem) => return Ok(self.refuse(place, None, vec![problem.to_owned()])?),
        };
        match bundle::content(&text) {
            Content::Record(head) => self.record(place, head.id, &text, &Renamed::new()),
            Content::Bundle(entries) => self.bundle(&place, &entries),
            Content::Nothing(problem) => Ok(self.refuse(place, None, vec![problem])?),
        }
    }

    fn bundle(&mut self, place: &str, entries: &[Entry<'_>]) -> Result<(), Interruption> {
        if entries.iter().any(Entry::asks_the_store) {
            // What the entries ask has to see all records before them.
            self.loader.settle()?;
            self.lookups.forget();
            let questions: Vec<_> = entries.iter().filter_map(Entry::question).collect();
            self.lookups.prepare(&questions)?;
        }
        let mut renamed = Renamed::new();
        let mut made = HashMap::new();
        let mut decisions = Vec::with_capacity(entries.len());
        for entry in entries {
            let decision = entry::decide(entry, &mut self.lookups, &mut made, self.clock)?;
            entry::rename(entry, &decision, &mut renamed);
            decisions.push(decision);
        }
        for (index, (entry, decision)) in entries.iter().zip(decisions).enumerate() {
            let place = format!("{place}, entry {}", index + 1);
            match decision {
                Decision::Put(id) => {
                    let text = entry.resource.map_or("null", |resource| resource.get());
                    self.record(place, Some(id), text, &renamed)?;
                }
                Decision::Delete(resource_type, id) => {
                    let work = Work::Delete(resource_type);
                    self.loader.push(Item { place, id: Some(id), work, links: Links::default() })?;
                }
                Decision::Unchanged(resource_type, _) => self.loader.unchanged(resource_type)?,
                Decision::Nothing => {}
                Decision::Refused(problem) => {
                    self.refuse(place, entry.head().resource_type(), vec![problem])?;
                }
            }
        }
        Ok(())
    }

    /// A record of the input, with the references of its bundle put right.
    fn record(
        &mut self,
        place: String,
        id: Option<Id>,
        text: &str,
        renamed: &Renamed,
    ) -> Result<(), Interruption> {
        let mut links = Links::default();
        let mut is_conditional = false;
        let text = with_references(text, |reference| {
            if let Some(known) = renamed.get(reference) {
                links.note(known);
                return Some(known.clone());
            }
            is_conditional |= matches!(Target::of(reference), Target::Conditional(..));
            links.note(reference);
            None
        });
        if is_conditional {
            let id = id.as_ref().map_or("", Id::as_str);
            let parts = [place.as_bytes(), id.as_bytes(), text.as_bytes()];
            return Ok(self.waiting.push(&parts).map_err(ImportError::Scratch)?);
        }
        let work = Work::Put(text.into_owned());
        Ok(self.loader.push(Item { place, id, work, links })?)
    }

    /// Rounds over what waits, until one adds nothing that the others could refer to.
    fn load_what_waited(&mut self) -> Result<(), Interruption> {
        let mut round = Round::Wait;
        while !self.waiting.is_empty() {
            self.loader.settle()?;
            self.lookups.forget();
            let mut frames = self.waiting.take().map_err(ImportError::Scratch)?;
            let mut loaded = 0_u64;
            while let Some(place) = frames.text().map_err(ImportError::Scratch)? {
                let id = frames.text().map_err(ImportError::Scratch)?.unwrap_or_default();
                let text = frames.text().map_err(ImportError::Scratch)?.unwrap_or_default();
                loaded += u64::from(self.waited(place, &id, &text, round)?);
            }
            if loaded == 0 {
                round = Round::Last;
            }
        }
        Ok(())
    }

    /// Loads a record that waited, if its references can be resolved now; else it waits on.
    fn waited(&mut self, place: String, id: &str, text: &str, round: Round) -> Result<bool, Interruption> {
        let mut links = Links::default();
        let mut is_unknown = false;
        let mut failure = None;
        let resolved = with_references(text, |reference| {
            let Target::Conditional(resource_type, query) = Target::of(reference) else {
                links.note(reference);
                return None;
            };
            match self.lookups.one(resource_type, query) {
                Ok(Match::One(id)) => {
                    let record = format!("{resource_type}/{id}");
                    links.note(&record);
                    return Some(record);
                }
                Ok(Match::None) => is_unknown = true,
                Ok(Match::Several | Match::Unreadable(_)) => {}
                Err(error) => failure = Some(error),
            }
            links.unresolved.push(resource_type);
            None
        });
        if let Some(error) = failure {
            return Err(error.into());
        }
        if is_unknown && round == Round::Wait {
            let parts = [place.as_bytes(), id.as_bytes(), text.as_bytes()];
            self.waiting.push(&parts).map_err(ImportError::Scratch)?;
            return Ok(false);
        }
        let work = Work::Put(resolved.into_owned());
        self.loader.push(Item { place, id: Id::new(id), work, links })?;
        Ok(true)
    }

    fn refuse(
        &mut self,
        place: String,
        resource_type: Option<ResourceType>,
        problems: Vec<String>,
    ) -> Result<(), super::Stopped> {
        self.loader.refuse(Refusal { place, resource_type, problems })
    }
}

impl Links {
    /// Remembers where a reference leads. Conditional ones are noted when they are resolved.
    fn note(&mut self, reference: &str) {
        match Target::of(reference) {
            Target::Record(resource_type, id) => self.records.push((resource_type, id)),
            Target::Entry => self.without_entry += 1,
            Target::Conditional(..) | Target::Elsewhere => {}
        }
    }
}

impl From<StoreError> for Interruption {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}
