//! A small generator of pseudo-random numbers, so that the demonstration is the same everywhere and for
//! ever. Not for secrets.

use medcor_fhir::Id;

/// `SplitMix64` (Steele, Lea and Flood, 2014).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both inside.
    pub(super) fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = u64::from(high.abs_diff(low)) + 1;
        let offset = i32::try_from(self.next() % span).expect("the span of two i32 that are used here fits");
        low + offset
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, chance: i32) -> bool {
        self.between(1, 100) <= chance
    }

    /// One of these.
    pub(super) fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        let last = i32::try_from(items.len() - 1).expect("the tables of the demonstration are short");
        let index = usize::try_from(self.between(0, last)).expect("between 0 and the last index");
        &items[index]
    }

    /// A number around `mean`, seldom further than two `spread` away, with one decimal.
    pub(super) fn around(&mut self, mean: f64, spread: f64) -> f64 {
        let total: i32 = (0..4).map(|_| self.between(-1000, 1000)).sum();
        let drawn = mean + spread * f64::from(total) / 1150.0;
        (drawn * 10.0).round() / 10.0
    }

    /// A UUID of version 7 with a fixed time part, so that ids are stable and in order of making.
    pub(super) fn id(&mut self) -> Id {
        let (high, low) = (self.next(), self.next());
        let text = format!(
            "019a0000-{:04x}-7{:03x}-{:04x}-{:012x}",
            high >> 48,
            (high >> 36) & 0xFFF,
            0x8000 | ((high >> 20) & 0x3FFF),
            low & 0xFFFF_FFFF_FFFF
        );
        Id::new(&text).expect("a UUID is a FHIR id")
    }
}
