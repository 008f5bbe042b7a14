//! Patterns and texts in no order, the same on every run.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic, and no test needs everything"
)]

/// Numbers that look random and are the same for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).expect("small")
    }

    pub fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    /// A pattern of the constructs that Go and regex-lite read alike.
    pub fn pattern(&mut self, depth: usize) -> String {
        let mut out = String::new();
        for _ in 0..=self.below(4) {
            let part = self.part(depth);
            let single =
                part.chars().count() == 1 || part.ends_with([')', ']']) || part.starts_with('\\');
            out += &part;
            if single && self.below(3) == 0 {
                out += self.pick(&[
                    "*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{1,3}?", "{0}",
                ]);
            }
        }
        out
    }

    fn part(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 6 } else { 10 }) {
            0..3 => self
                .pick(&["a", "b", "é", "ab", "1", "_", " ", "漢"])
                .to_owned(),
            3 => self
                .pick(&[
                    "[ab]",
                    "[^a]",
                    "[a-c1]",
                    "[é-漢]",
                    "[^é]",
                    "[[:alpha:]]",
                    "[[:^digit:]_]",
                    r"[\w-]",
                    r"[\Da]",
                    "(?i:[a-b])",
                    "(?i:[^B-Zé])",
                ])
                .to_owned(),
            4 => self
                .pick(&[".", r"\d", r"\w", r"\W", r"\D", r"\n", "[^ ]"])
                .to_owned(),
            5 => self
                .pick(&[
                    "^",
                    "$",
                    r"\b",
                    r"\B",
                    r"\A",
                    r"\z",
                    "(?m:^)",
                    "(?m:$)",
                    "(?i:aB)",
                    "(?s:.)",
                    "(?U:a+)",
                    "(?i-s:é[A-B].)",
                ])
                .to_owned(),
            6 => format!("({})", self.pattern(depth - 1)),
            7 => format!(
                "(?:{}|{})",
                self.pattern(depth - 1),
                self.pattern(depth - 1)
            ),
            8 => format!(
                "(?:{}|{}|)",
                self.pattern(depth - 1),
                self.pick(&["a", "ab", "", "b+"])
            ),
            // Repetitions in repetitions, lazy ones among them.
            _ => {
                let inner = self.pattern(depth - 1);
                let (inside, outside) = (
                    self.pick(&["*?", "+?", "??", "*", "{0,2}?"]),
                    self.pick(&["+", "*", "+?", "{1,2}", "{2}?"]),
                );
                format!("((?:{inner}){inside}){outside}")
            }
        }
    }

    /// A text of the characters that patterns ask for.
    pub fn text(&mut self) -> String {
        let longest = if self.below(8) == 0 { 60 } else { 12 };
        (0..self.below(longest))
            .map(|_| self.pick(&["a", "b", "A", "B", "c", "1", "_", " ", "\n", "é", "漢", "É"]))
            .collect()
    }
}
