//! Inputs: the seeds of the fuzz targets, and what becomes of them by chance, the same in every run.

use std::{fs, path::Path};

/// How many inputs are made of the seeds of each target.
const MADE: usize = 300;

/// The seeds of a fuzz target of the policy, and as many inputs again that are made of them.
pub(crate) fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin/policy/fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(!seeds.is_empty(), "{target}");
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let made = (0..MADE).map(|_| chance.change(&seeds)).collect();
    [seeds.clone(), made].concat()
}

/// Xorshift (Marsaglia, 2003).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// A byte that parsers mind, or any.
    pub(crate) fn byte(&mut self) -> u8 {
        const ODD: &[u8] = b"\0\n\r\"\\{}[],:.%;/?#=\x7f\x80\xff";
        if self.below(2) == 0 { ODD[self.below(ODD.len())] } else { self.below(256) as u8 }
    }

    /// A seed with a few changes.
    fn change(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(2) {
            let at = self.below(bytes.len() + 1);
            let end = at + self.below(bytes.len() - at + 1);
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let again = bytes[at..end].repeat(self.below(20));
                    bytes.splice(at..at, again);
                }
                3 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len() + 1);
                    bytes.splice(at..end, other[from..].iter().copied());
                }
                4 | 5 => bytes.insert(at, self.byte()),
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = self.byte();
                    }
                }
            }
        }
        bytes
    }
}
