//! Cursors: positions sealed for one caller and one query, since a sort key can be a name.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use medcor_fhir::search::{Filter, Query, SortKey};
use medcor_policy::{ClientId, Permit, SubjectId, TenantId};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{Context, SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};

use crate::StoreError;

/// Longest cursor, in letters.
const CURSOR_LENGTH_MAX: usize = 4096;

/// The server's key for sealing cursors.
#[derive(Clone)]
pub(crate) struct CursorKey(Arc<LessSafeKey>);

/// What a cursor is bound to: tenant, subject, client and question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Binding([u8; 32]);

/// Seals the positions of one answer.
#[derive(Clone)]
pub(crate) struct Seal {
    key: CursorKey,
    binding: Binding,
}

/// All that the seal of a page is made of. Most pages end without a cursor, and hashing what they were asked costs
/// more than finding a record.
pub(crate) struct PageSeal {
    key: CursorKey,
    tenant: TenantId,
    subject: SubjectId,
    client: ClientId,
    question: Question,
}

/// What tells a search apart: a cursor fits the search that made it and no other.
pub(crate) enum Question {
    /// A search.
    Query(Arc<Query>),
    /// Whatever else has pages.
    Text(String),
}

impl CursorKey {
    /// Bytes of a key.
    pub(crate) const LENGTH: usize = 32;

    /// The key of these bytes.
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, StoreError> {
        let key = UnboundKey::new(&AES_256_GCM, bytes)
            .map_err(|_unspecified| StoreError::Damaged("the key of cursors has a wrong length"))?;
        Ok(Self(Arc::new(LessSafeKey::new(key))))
    }

    pub(crate) fn seal_for(&self, binding: Binding) -> Seal {
        Seal { key: self.clone(), binding }
    }
}

impl PageSeal {
    pub(crate) fn new(key: &CursorKey, permit: &Permit, question: Question) -> Self {
        Self {
            key: key.clone(),
            tenant: permit.tenant(),
            subject: permit.subject().clone(),
            client: permit.client().clone(),
            question,
        }
    }

    pub(crate) fn seal(&self) -> Seal {
        let of = |question: &str| Binding::of(self.tenant, &self.subject, &self.client, question);
        self.key.seal_for(match &self.question {
            Question::Query(query) => of(&question(query)),
            Question::Text(text) => of(text),
        })
    }
}

impl std::fmt::Debug for PageSeal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PageSeal").finish_non_exhaustive()
    }
}

impl Binding {
    /// `question` tells searches apart: a cursor fits the search that made it and no other.
    pub(crate) fn new(permit: &Permit, question: &str) -> Self {
        Self::of(permit.tenant(), permit.subject(), permit.client(), question)
    }

    /// As [`Self::new`], where the caller has no permit yet.
    pub(crate) fn of(tenant: TenantId, subject: &SubjectId, client: &ClientId, question: &str) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&tenant.0.to_be_bytes());
        for part in [subject.0.as_str(), client.0.as_str(), question] {
            // The hash of each part: no shifting of letters between them gives the same whole.
            context.update(digest(&SHA256, part.as_bytes()).as_ref());
        }
        let hash = context.finish();
        Self(*hash.as_ref().first_chunk().expect("a SHA-256 has 32 bytes"))
    }
}

/// What a cursor is bound to beside its caller: everything that decides about rows and their order. The
/// size of a page and the total may change from page to page.
fn question(query: &Query) -> String {
    use std::fmt::Write;
    let mut text = query.resource_type.name().to_owned();
    for filter in &query.filters {
        match filter {
            Filter::Id(ids) => write!(text, "|id{ids:?}"),
            Filter::LastUpdated(values) => write!(text, "|updated{values:?}"),
            Filter::Parameter { parameter, modifier, values } => {
                write!(text, "|{}{modifier:?}{values:?}", parameter.id.0)
            }
        }
        .expect("a String takes all text");
    }
    for sort in &query.sort {
        match sort.key {
            SortKey::Id => write!(text, "|sort id"),
            SortKey::LastUpdated => write!(text, "|sort updated"),
            SortKey::Parameter(parameter) => write!(text, "|sort {}", parameter.id.0),
        }
        .and_then(|()| write!(text, " {}", sort.is_descending))
        .expect("a String takes all text");
    }
    text
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Seal").field("binding", &self.binding).finish_non_exhaustive()
    }
}

impl Seal {
    /// The cursor of a position.
    pub(crate) fn seal(&self, position: &[u8]) -> String {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).expect("the system's randomness does not run dry");
        let mut sealed = position.to_vec();
        self.key
            .0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(self.binding.0),
                &mut sealed,
            )
            .expect("a position is far shorter than what one nonce may seal");
        let mut cursor = nonce.to_vec();
        cursor.append(&mut sealed);
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// The position of a cursor that this caller got for this query.
    pub(crate) fn open(&self, cursor: &str) -> Result<Vec<u8>, StoreError> {
        if cursor.len() > CURSOR_LENGTH_MAX {
            return Err(StoreError::BadCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_invalid| StoreError::BadCursor)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(StoreError::BadCursor)?;
        let mut sealed = sealed.to_vec();
        let opened = self
            .key
            .0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(self.binding.0), &mut sealed)
            .map_err(|_unspecified| StoreError::BadCursor)?;
        Ok(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(number: u8) -> Seal {
        CursorKey::new(&[7; CursorKey::LENGTH]).unwrap().seal_for(Binding([number; 32]))
    }

    #[test]
    fn a_cursor_opens_for_its_own_binding_only() {
        let cursor = seal(1).seal(b"position");
        assert_eq!(seal(1).open(&cursor).unwrap(), b"position");
        assert!(matches!(seal(2).open(&cursor), Err(StoreError::BadCursor)));
        assert_ne!(cursor, seal(1).seal(b"position"), "two cursors of one place do not tell that they are");
    }

    #[test]
    fn a_tampered_or_made_up_cursor_is_refused() {
        let cursor = seal(1).seal(b"position");
        for position in 0..cursor.len() {
            let mut letters = cursor.clone().into_bytes();
            letters[position] = if letters[position] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(letters).unwrap();
            // The last letter has bits that no byte takes.
            let is_same = URL_SAFE_NO_PAD.decode(&tampered) == URL_SAFE_NO_PAD.decode(&cursor);
            assert!(is_same || seal(1).open(&tampered).is_err(), "{tampered}");
        }
        for made_up in ["", "AAAA", "ö", &"A".repeat(5000)] {
            assert!(matches!(seal(1).open(made_up), Err(StoreError::BadCursor)));
        }
    }
}
