//! What a tool declares that it will do, at most.

use medcor_fhir::ResourceType;

/// What is done to a record; the letters are those of SMART v2 scopes (`cruds`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `c`.
    Create,
    /// `r`: read one record that the caller can name, its versions, and what belongs to it.
    Read,
    /// `u`.
    Update,
    /// `d`.
    Delete,
    /// `s`: find records by what is in them.
    Search,
}

/// A set of actions.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct ActionSet(u8);

impl ActionSet {
    /// No action.
    pub const NONE: Self = Self(0);
    /// Read and search.
    pub const READ: Self = Self::of(&[Action::Read, Action::Search]);
    /// Every action.
    pub const ALL: Self =
        Self::of(&[Action::Create, Action::Read, Action::Update, Action::Delete, Action::Search]);

    /// The set of these actions.
    pub const fn of(actions: &[Action]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < actions.len() {
            bits |= 1 << actions[index] as u8;
            index += 1;
        }
        Self(bits)
    }

    /// The set that SMART v2 letters name; `None` when they are not a subsequence of `cruds`.
    pub fn from_letters(letters: &str) -> Option<Self> {
        let mut rest = "cruds".chars();
        let mut bits = 0;
        for letter in letters.chars() {
            rest.find(|known| *known == letter)?;
            bits |= 1 << Action::from_letter(letter)? as u8;
        }
        (bits != 0).then_some(Self(bits))
    }

    /// Whether the action is in the set.
    pub const fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }

    /// Actions in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Actions in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no action is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The letters in SMART's order.
    pub fn letters(self) -> String {
        [
            (Action::Create, 'c'),
            (Action::Read, 'r'),
            (Action::Update, 'u'),
            (Action::Delete, 'd'),
            (Action::Search, 's'),
        ]
        .into_iter()
        .filter(|(action, _)| self.contains(*action))
        .map(|(_, letter)| letter)
        .collect()
    }
}

impl std::fmt::Debug for ActionSet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.letters())
    }
}

impl Action {
    /// The action of a SMART v2 letter.
    pub const fn from_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'c' => Self::Create,
            'r' => Self::Read,
            'u' => Self::Update,
            'd' => Self::Delete,
            's' => Self::Search,
            _ => return None,
        })
    }
}

/// What is not a FHIR record but asks for authority all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Area {
    /// The audit trail.
    Audit,
    /// Who received a patient's records: those who review it all, patients their own.
    Disclosures,
    /// People who log in.
    Users,
    /// Accounts of patients, and of nobody else: the reception registers them.
    PatientAccounts,
    /// The caller's own entry in the directory: a clinician's own `Practitioner`.
    OwnEntry,
    /// Machine clients.
    Clients,
    /// Organisations and their settings.
    Tenants,
    /// The plans of the platform, and which of them the organisation has subscribed to.
    Plans,
    /// Opening a record in an emergency that consent or care would keep closed.
    Emergency,
    /// What clinicians do, in figures: a clinician their own; who may see money, everybody's.
    Figures,
}

impl Area {
    /// The word for it where it is kept.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Disclosures => "disclosures",
            Self::Users => "users",
            Self::PatientAccounts => "patient-accounts",
            Self::OwnEntry => "own-entry",
            Self::Clients => "clients",
            Self::Tenants => "tenants",
            Self::Plans => "plans",
            Self::Emergency => "emergency",
            Self::Figures => "figures",
        }
    }
}

/// One line of a tool's declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Records of one type.
    Record {
        /// What is done.
        action: Action,
        /// To which type.
        resource_type: ResourceType,
    },
    /// Records of whatever type the caller may do this to: generic FHIR tools.
    AnyRecord {
        /// What is done.
        action: Action,
    },
    /// Like [`Need::Record`], but the tool does without where the caller hasn't got it.
    Optional {
        /// What is done.
        action: Action,
        /// To which type.
        resource_type: ResourceType,
    },
    /// To read or change something that is not a record.
    Administer(Area),
    /// Like [`Need::Administer`], but the tool does without where the caller hasn't got it.
    AdministerIfAllowed(Area),
}

impl Need {
    /// Whether it is about records of this very type, and not of whatever type the caller may.
    pub(crate) fn names(self, wanted: ResourceType) -> bool {
        match self {
            Self::Record { resource_type, .. } | Self::Optional { resource_type, .. } => {
                resource_type == wanted
            }
            Self::AnyRecord { .. } | Self::Administer(_) | Self::AdministerIfAllowed(_) => false,
        }
    }

    /// Reads records of this type.
    pub const fn read(resource_type: ResourceType) -> Self {
        Self::Record { action: Action::Read, resource_type }
    }
    /// Finds records of this type.
    pub const fn search(resource_type: ResourceType) -> Self {
        Self::Record { action: Action::Search, resource_type }
    }
    /// Creates records of this type.
    pub const fn create(resource_type: ResourceType) -> Self {
        Self::Record { action: Action::Create, resource_type }
    }
    /// Updates records of this type.
    pub const fn update(resource_type: ResourceType) -> Self {
        Self::Record { action: Action::Update, resource_type }
    }
    /// Deletes records of this type.
    pub const fn delete(resource_type: ResourceType) -> Self {
        Self::Record { action: Action::Delete, resource_type }
    }
    /// Does this to records of any type that the caller may.
    pub const fn any(action: Action) -> Self {
        Self::AnyRecord { action }
    }
    /// Reads records of this type where the caller may, else does without.
    pub const fn read_if_allowed(resource_type: ResourceType) -> Self {
        Self::Optional { action: Action::Read, resource_type }
    }
    /// Creates records of this type where the caller may, else does without.
    pub const fn create_if_allowed(resource_type: ResourceType) -> Self {
        Self::Optional { action: Action::Create, resource_type }
    }
    /// Updates records of this type where the caller may, else does without.
    pub const fn update_if_allowed(resource_type: ResourceType) -> Self {
        Self::Optional { action: Action::Update, resource_type }
    }
    /// Deletes records of this type where the caller may, else does without.
    pub const fn delete_if_allowed(resource_type: ResourceType) -> Self {
        Self::Optional { action: Action::Delete, resource_type }
    }
    /// Finds records of this type where the caller may, else does without.
    pub const fn search_if_allowed(resource_type: ResourceType) -> Self {
        Self::Optional { action: Action::Search, resource_type }
    }
}
