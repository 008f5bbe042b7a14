//! From the plain form of a pattern to a program.
//!
//! Jumps are relative, so that a part that is repeated can be copied.

use super::{PatternError, Result};

/// Most states a program may have. `(a{1000}){1000}` is over it.
const MAX_STATES: usize = 4096;

/// Deepest nesting of groups.
const MAX_DEPTH: usize = 50;

/// One state.
#[derive(Clone, Copy, Debug)]
pub enum Inst {
    /// This character.
    Char(char),
    /// A character of the class of this index.
    Class(usize),
    /// Both of these, the first one rather.
    Split(isize, isize),
    /// Goes on there.
    Jump(isize),
    /// What holds between two characters.
    Look(Look),
    /// The end of the pattern.
    Match,
}

/// What holds between two characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// `\A`
    Start,
    /// `\z`
    End,
    /// `^` with `m`
    LineStart,
    /// `$` with `m`
    LineEnd,
    /// `\b`
    Word,
    /// `\B`
    NotWord,
}

/// A set of characters.
#[derive(Clone, Debug, Default)]
pub struct Class {
    /// A bit for each ASCII character.
    ascii: [u64; 2],
    /// Ranges beyond.
    wide: Vec<(char, char)>,
    /// Everything else instead.
    negated: bool,
}

impl Class {
    /// Whether the character is in it.
    pub fn has(&self, char: char) -> bool {
        let code = u32::from(char);
        let listed = match self.ascii.get(usize::try_from(code >> 6).unwrap_or(2)) {
            Some(bits) => bits >> (code & 63) & 1 == 1,
            None => {
                let mut ranges = self.wide.iter();
                ranges.any(|(low, high)| (*low..=*high).contains(&char))
            }
        };
        listed != self.negated
    }

    fn add(&mut self, low: char, high: char) {
        for char in low..=high.min('\u{7f}') {
            let code = u32::from(char);
            if let Some(bits) = self.ascii.get_mut(usize::try_from(code >> 6).unwrap_or(2)) {
                *bits |= 1 << (code & 63);
            }
        }
        if high > '\u{7f}' {
            self.wide.push((low.max('\u{80}'), high));
        }
    }

    /// Adds ranges given as pairs of ASCII characters, or everything else.
    fn add_named(&mut self, pairs: &[u8], others: bool) {
        if !others {
            for pair in pairs.chunks_exact(2) {
                if let [low, high] = pair {
                    self.add(char::from(*low), char::from(*high));
                }
            }
            return;
        }
        let mut named = Class::default();
        named.add_named(pairs, false);
        for (bits, named) in self.ascii.iter_mut().zip(named.ascii) {
            *bits |= !named;
        }
        self.wide.push(('\u{80}', char::MAX));
    }

    /// Adds the other case of every ASCII letter.
    fn fold(&mut self) {
        const UPPER: u64 = 0x03ff_ffff << 1;
        let [_, letters] = &mut self.ascii;
        *letters |= ((*letters & UPPER) << 32) | ((*letters >> 32) & UPPER);
    }
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Program {
    code: Vec<Inst>,
    classes: Vec<Class>,
    /// The bytes a match can begin with; `None` where it may be empty.
    first: Option<Box<[bool; 256]>>,
    /// What every match begins with.
    prefix: Box<[u8]>,
}

impl Program {
    /// Compiles the plain form of a pattern.
    ///
    /// # Errors
    /// Groups that are not closed or not opened, flags that mean nothing, too many states.
    pub fn new(pattern: &str) -> Result<Program> {
        let mut compiler = Compiler {
            rest: pattern,
            code: Vec::new(),
            classes: Vec::new(),
            flags: Flags::default(),
        };
        compiler.alternatives(0)?;
        compiler.push(Inst::Match)?;
        let mut program = Program {
            code: compiler.code,
            classes: compiler.classes,
            first: None,
            prefix: Box::default(),
        };
        program.first = program.first_bytes();
        let mut prefix = String::new();
        for inst in &program.code {
            match inst {
                Inst::Char(char) => prefix.push(*char),
                _ => break,
            }
        }
        program.prefix = prefix.into_bytes().into();
        Ok(program)
    }

    /// How many states it has.
    pub fn states(&self) -> u64 {
        u64::try_from(self.code.len()).unwrap_or(u64::MAX)
    }

    /// The state at this place.
    pub fn inst(&self, place: usize) -> Inst {
        self.code.get(place).copied().unwrap_or(Inst::Match)
    }

    /// Whether a character is in the class of this index.
    pub fn in_class(&self, class: usize, char: char) -> bool {
        self.classes.get(class).is_some_and(|class| class.has(char))
    }

    /// Whether a match may begin here.
    pub fn may_begin(&self, text: &[u8], place: usize) -> bool {
        let Some(first) = &self.first else {
            return true;
        };
        let rest = text.get(place..).unwrap_or_default();
        let known = |byte: &u8| first.get(usize::from(*byte)) == Some(&true);
        rest.first().is_some_and(known) && rest.starts_with(&self.prefix)
    }

    /// The next place from here on where a match may begin.
    pub fn next_begin(&self, text: &[u8], mut place: usize) -> Option<usize> {
        let Some(first) = &self.first else {
            return (place <= text.len()).then_some(place);
        };
        loop {
            let rest = text.get(place..)?;
            let known = |byte: &u8| first.get(usize::from(*byte)) == Some(&true);
            let skipped = rest.iter().position(known)?;
            place = place.saturating_add(skipped);
            if text.get(place..)?.starts_with(&self.prefix) {
                return Some(place);
            }
            place = place.saturating_add(1);
        }
    }

    fn first_bytes(&self) -> Option<Box<[bool; 256]>> {
        let mut first = Box::new([false; 256]);
        let mut seen = vec![false; self.code.len()];
        let mut todo = vec![0_usize];
        while let Some(place) = todo.pop() {
            match seen.get_mut(place) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            match self.inst(place) {
                Inst::Char(char) => {
                    let byte = char.encode_utf8(&mut [0; 4]).bytes().next();
                    if let Some(known) = first.get_mut(usize::from(byte.unwrap_or(0))) {
                        *known = true;
                    }
                }
                Inst::Class(class) => {
                    let class = self.classes.get(class)?;
                    let wide = class.negated || !class.wide.is_empty();
                    for (byte, known) in (0..=u8::MAX).zip(first.iter_mut()) {
                        *known |= match byte {
                            0..0x80 => class.has(char::from(byte)),
                            _ => wide,
                        };
                    }
                }
                Inst::Split(one, other) => {
                    todo.push(place.wrapping_add_signed(one));
                    todo.push(place.wrapping_add_signed(other));
                }
                Inst::Jump(there) => todo.push(place.wrapping_add_signed(there)),
                Inst::Look(_) => todo.push(place.wrapping_add(1)),
                Inst::Match => return None,
            }
        }
        Some(first)
    }
}

#[derive(Clone, Copy, Default)]
struct Flags {
    fold: bool,
    lines: bool,
    dot_all: bool,
    swap: bool,
}

struct Compiler<'p> {
    rest: &'p str,
    code: Vec<Inst>,
    classes: Vec<Class>,
    flags: Flags,
}

fn error<T>(what: &str) -> Result<T> {
    Err(PatternError(what.to_owned()))
}

/// A distance between two states.
fn distance(from: usize, to: usize) -> isize {
    let signed = |place: usize| isize::try_from(place).unwrap_or(0);
    signed(to).wrapping_sub(signed(from))
}

impl Compiler<'_> {
    fn eat(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let char = chars.next()?;
        self.rest = chars.as_str();
        Some(char)
    }

    fn eat_if(&mut self, char: char) -> bool {
        let rest = self.rest.strip_prefix(char);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn push(&mut self, inst: Inst) -> Result<()> {
        if self.code.len() >= MAX_STATES {
            return error("the pattern is too large when its repetitions are written out");
        }
        self.code.push(inst);
        Ok(())
    }

    /// What stands between `|`, to the end of the group, whose `)` is left.
    fn alternatives(&mut self, depth: usize) -> Result<()> {
        let flags = self.flags;
        // Where this alternative begins, and the last part that can be repeated.
        let (mut branch, mut part) = (self.code.len(), self.code.len());
        let mut ends = Vec::new();
        while let Some(char) = self.rest.chars().next().filter(|char| *char != ')') {
            self.eat();
            if !matches!(char, '*' | '+' | '?' | '{') {
                part = self.code.len();
            }
            match char {
                '|' => {
                    let behind = distance(branch, self.code.len()).wrapping_add(2);
                    self.push(Inst::Match)?;
                    self.code.insert(branch, Inst::Split(1, behind));
                    ends.push(self.code.len().saturating_sub(1));
                    branch = self.code.len();
                    part = branch;
                }
                '*' => self.repeat(part, 0, None)?,
                '+' => self.repeat(part, 1, None)?,
                '?' => self.repeat(part, 0, Some(1))?,
                '{' => self.counted(part)?,
                '(' => self.group(depth)?,
                '[' => self.class()?,
                '^' if self.flags.lines => self.push(Inst::Look(Look::LineStart))?,
                '$' if self.flags.lines => self.push(Inst::Look(Look::LineEnd))?,
                '^' => self.push(Inst::Look(Look::Start))?,
                '$' => self.push(Inst::Look(Look::End))?,
                '.' => {
                    let mut class = Class {
                        negated: true,
                        ..Class::default()
                    };
                    if !self.flags.dot_all {
                        class.add('\n', '\n');
                    }
                    self.push_class(class)?;
                }
                '\\' => self.escape()?,
                _ => self.literal(char)?,
            }
        }
        if depth == 0 && !self.rest.is_empty() {
            return error("there is a `)` without its `(`");
        }
        let end = self.code.len();
        for jump in ends {
            if let Some(inst) = self.code.get_mut(jump) {
                *inst = Inst::Jump(distance(jump, end));
            }
        }
        self.flags = flags;
        Ok(())
    }

    fn literal(&mut self, char: char) -> Result<()> {
        if self.flags.fold && char.is_ascii_alphabetic() {
            let mut class = Class::default();
            class.add(char, char);
            class.fold();
            return self.push_class(class);
        }
        self.push(Inst::Char(char))
    }

    fn push_class(&mut self, class: Class) -> Result<()> {
        let index = self.classes.len();
        self.classes.push(class);
        self.push(Inst::Class(index))
    }

    fn counted(&mut self, part: usize) -> Result<()> {
        let (counts, rest) = self.rest.split_once('}').unwrap_or_default();
        self.rest = rest;
        let (low, high) = counts.split_once(',').unwrap_or((counts, counts));
        let low = low.parse().unwrap_or(0);
        let high: Option<usize> = high.parse().ok();
        if high.is_some_and(|high| high < low) {
            return error("a repetition has a higher lower than upper count");
        }
        self.repeat(part, low, high)
    }

    /// Repeats the code from `part` on.
    fn repeat(&mut self, part: usize, low: usize, high: Option<usize>) -> Result<()> {
        let lazy = self.eat_if('?') != self.flags.swap;
        let code = self.code.split_off(part);
        let split = |one: isize, other: isize| match lazy {
            false => Inst::Split(one, other),
            true => Inst::Split(other, one),
        };
        let len = isize::try_from(code.len()).unwrap_or(0);
        for _ in 0..low {
            self.copy(&code)?;
        }
        match high {
            None if low > 0 => self.push(split(len.wrapping_neg(), 1))?,
            // `x*` as `(x+)?`: the same order of preference, even where x may be empty.
            None => {
                self.push(split(1, len.wrapping_add(2)))?;
                self.copy(&code)?;
                self.push(split(len.wrapping_neg(), 1))?;
            }
            // `x{0,3}` as `(x(x(x)?)?)?`.
            Some(high) => {
                let block = len.wrapping_add(1);
                for left in (1..=high.saturating_sub(low)).rev() {
                    let left = isize::try_from(left).unwrap_or(0);
                    self.push(split(1, block.wrapping_mul(left)))?;
                    self.copy(&code)?;
                }
            }
        }
        Ok(())
    }

    fn copy(&mut self, code: &[Inst]) -> Result<()> {
        code.iter().try_for_each(|inst| self.push(*inst))
    }

    /// A group, or flags for the rest of this one; its `(` has been read.
    fn group(&mut self, depth: usize) -> Result<()> {
        let outer = self.flags;
        if self.eat_if('?') && self.flags()? {
            return Ok(());
        }
        if depth >= MAX_DEPTH {
            return error("groups are nested too deeply");
        }
        self.alternatives(depth.saturating_add(1))?;
        self.flags = outer;
        if self.eat_if(')') {
            Ok(())
        } else {
            error("there is a `(` without its `)`")
        }
    }

    /// Flags up to `:` or `)`. Whether it was `)`.
    fn flags(&mut self) -> Result<bool> {
        let (mut on, mut last) = (true, None);
        loop {
            let flag = self.eat();
            let field = match flag {
                Some('i') => &mut self.flags.fold,
                Some('m') => &mut self.flags.lines,
                Some('s') => &mut self.flags.dot_all,
                Some('U') => &mut self.flags.swap,
                Some('-') if on => {
                    on = false;
                    last = flag;
                    continue;
                }
                Some(':') if last != Some('-') => return Ok(false),
                Some(')') if !matches!(last, None | Some('-')) => return Ok(true),
                None => return error("there is a `(` without its `)`"),
                _ => return error("the flags of a group are not understood"),
            };
            *field = on;
            last = flag;
        }
    }

    fn escape(&mut self) -> Result<()> {
        let char = self.eat().unwrap_or('\\');
        let look = match char {
            'b' => Look::Word,
            'B' => Look::NotWord,
            'A' => Look::Start,
            'z' => Look::End,
            'x' => {
                let char = self.hex();
                return self.literal(char);
            }
            _ => {
                let mut class = Class::default();
                class.add_perl(char);
                return self.push_class(class);
            }
        };
        self.push(Inst::Look(look))
    }

    /// `{7F}` of `\x{7F}`.
    fn hex(&mut self) -> char {
        let (digits, rest) = self.rest.split_once('}').unwrap_or_default();
        self.rest = rest;
        let code = u32::from_str_radix(digits.trim_start_matches('{'), 16);
        code.ok().and_then(char::from_u32).unwrap_or_default()
    }

    /// A class; its `[` has been read.
    fn class(&mut self) -> Result<()> {
        let mut class = Class::default();
        let negated = self.eat_if('^');
        while let Some(char) = self.eat().filter(|char| *char != ']') {
            if char == '[' {
                // `[:name:]` or `[:^name:]`.
                let (name, rest) = self.rest.split_once(":]").unwrap_or_default();
                self.rest = rest;
                let name = name.trim_start_matches(':');
                let plain = name.strip_prefix('^');
                class.add_posix(plain.unwrap_or(name), plain.is_some());
                continue;
            }
            let Some(low) = self.class_char(char, &mut class) else {
                continue;
            };
            let mut high = low;
            if self.eat_if('-') {
                let char = self.eat().unwrap_or(low);
                high = self.class_char(char, &mut class).unwrap_or(low);
            }
            class.add(low, high);
        }
        if self.flags.fold {
            class.fold();
        }
        class.negated = negated;
        self.push_class(class)
    }

    /// One character of a class; a class within it is added, and is none.
    fn class_char(&mut self, char: char, class: &mut Class) -> Option<char> {
        if char != '\\' {
            return Some(char);
        }
        Some(match self.eat()? {
            'x' => self.hex(),
            't' => '\t',
            'n' => '\n',
            'f' => '\u{c}',
            'r' => '\r',
            name => {
                class.add_perl(name);
                return None;
            }
        })
    }
}

impl Class {
    /// `\d`, `\w` and what is not.
    fn add_perl(&mut self, name: char) {
        let pairs: &[u8] = match name {
            'd' | 'D' => b"09",
            _ => b"09AZ__az",
        };
        self.add_named(pairs, name.is_ascii_uppercase());
    }

    fn add_posix(&mut self, name: &str, others: bool) {
        let pairs: &[u8] = match name {
            "alnum" => b"09AZaz",
            "alpha" => b"AZaz",
            "ascii" => b"\0\x7f",
            "blank" => b"\t\t  ",
            "cntrl" => b"\0\x1f\x7f\x7f",
            "digit" => b"09",
            "graph" => b"!~",
            "lower" => b"az",
            "print" => b" ~",
            "punct" => b"!/:@[`{~",
            "space" => b"\t\r  ",
            "upper" => b"AZ",
            "word" => b"09AZ__az",
            _ => b"09AFaf",
        };
        self.add_named(pairs, others);
    }
}
