//! Where a sampler's decisions come from.

/// A deterministic source of decisions: the same seed decides the same way, on every machine and in every release.
#[derive(Debug, Clone)]
pub struct Choices {
    /// The state of the generator; `None` always takes the first option.
    state: Option<u64>,
    /// How many optional properties are present.
    optional: Optional,
}

/// Which optional properties a sample holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optional {
    /// Nothing.
    Leave,
    /// Everything.
    Take,
    /// Sometimes something.
    Either,
}

impl Choices {
    /// Always takes the first option, which is the simplest or the author's own.
    pub fn first(optional: Optional) -> Self {
        Self { state: None, optional }
    }

    /// Takes any option, decided by the seed.
    pub fn seeded(seed: u64) -> Self {
        Self { state: Some(seed), optional: Optional::Either }
    }

    /// One of `count` options, counted from 0; 0 if there are none.
    pub fn pick(&mut self, count: usize) -> usize {
        match (self.next(), count) {
            (None, _) | (_, 0) => 0,
            (Some(number), count) => usize::try_from(number % count as u64).unwrap_or_default(),
        }
    }

    /// Whether an optional property is present.
    pub fn takes_optional(&mut self) -> bool {
        match self.optional {
            Optional::Leave => false,
            Optional::Take => true,
            Optional::Either => self.pick(2) == 1,
        }
    }

    /// Whether the first option is always taken.
    pub fn is_first(&self) -> bool {
        self.state.is_none()
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to reach every option.
    fn next(&mut self) -> Option<u64> {
        let state = self.state.as_mut()?;
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Some(mixed ^ (mixed >> 31))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_same_way_again_and_reaches_every_option() {
        let picks = |seed| {
            let mut choices = Choices::seeded(seed);
            (0..100).map(|_| choices.pick(5)).collect::<Vec<_>>()
        };

        assert_eq!(picks(7), picks(7));
        assert_ne!(picks(7), picks(8));
        assert!((0..5).all(|option| picks(7).contains(&option)));
    }
}
