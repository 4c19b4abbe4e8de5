//! A small generator: the same seed tells the same story.
//!
//! Not here: what is diced for.

/// Chance, from one number.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x51_7cc1_b727_220a)
    }

    /// A number below `sides` (splitmix64).
    pub fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let spread = (mixed ^ (mixed >> 31)) % u64::try_from(sides).unwrap();
        usize::try_from(spread).unwrap()
    }

    /// A time in milliseconds from `least` to below `most`.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let spread = usize::try_from(most - least).unwrap();
        least + i64::try_from(self.below(spread)).unwrap()
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}
