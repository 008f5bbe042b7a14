//! What a pattern lets through, read off its syntax tree and tried on texts made from it.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::policy::{Budget, Pattern};

/// Most texts made from one pattern.
const MOST_SAMPLES: usize = 64;

/// A pattern and its syntax tree.
pub(super) struct Shape {
    pattern: Pattern,
    hir: Hir,
}

impl Shape {
    /// Of a pattern that compiles.
    pub(super) fn of(source: &str) -> Option<Shape> {
        let pattern = Pattern::new(source).ok()?;
        let hir = regex_syntax::parse(&toolgate_pattern::translate(source).ok()?).ok()?;
        Some(Shape { pattern, hir })
    }

    /// Whether it is found in a text.
    pub(super) fn finds(&self, text: &str) -> bool {
        let budget = Budget::for_input(text.len(), 1);
        self.pattern.is_match(text, &budget) == Ok(true)
    }

    /// Whether a match may begin after the beginning of the text.
    pub(super) fn starts_anywhere(&self) -> bool {
        let prefix = self.hir.properties().look_set_prefix();
        !prefix.contains(Look::Start)
    }

    /// Whether a match may end before the end of the text.
    pub(super) fn ends_anywhere(&self) -> bool {
        let suffix = self.hir.properties().look_set_suffix();
        !suffix.contains(Look::End)
    }

    /// Some texts that match, one for each alternative where there are not too many.
    pub(super) fn samples(&self) -> Vec<String> {
        samples(&self.hir)
    }

    /// Whether a place that any of several characters may take lets this one through.
    pub(super) fn admits(&self, char: char) -> bool {
        any(&self.hir, &mut |hir| class_has(hir, char))
    }

    /// Whether a path with a segment `..` gets through; exactly, but for what the pattern asserts between characters.
    pub(super) fn admits_parent(&self) -> bool {
        leads(&self.hir).from(BEGINNING) & (TWO_DOTS | AFTER_PARENT) != 0
    }
}

/// Whether `(?i)` is used together with a letter outside ASCII whose other case is not listed.
pub(super) fn folds_beyond_ascii(source: &str) -> bool {
    let folds = source.match_indices("(?").any(|(at, _)| {
        let before = source.get(..at).unwrap_or_default();
        let escaped = before
            .len()
            .saturating_sub(before.trim_end_matches('\\').len());
        let flags = source.get(at..).unwrap_or_default().chars().skip(2);
        let set: String = flags
            .take_while(|char| matches!(char, 'i' | 'm' | 's' | 'U'))
            .collect();
        escaped.is_multiple_of(2) && set.contains('i')
    });
    let other_case = |char: char| {
        let mut changed = char.to_lowercase().chain(char.to_uppercase());
        changed.find(|other| *other != char)
    };
    folds
        && source
            .chars()
            .filter(|char| !char.is_ascii())
            .any(|char| other_case(char).is_some_and(|other| !source.contains(other)))
}

/// Where a reader of a path's segments may stand who looks for one that is `..`: a set of places, a bit for each.
type Places = u8;

const BEGINNING: Places = 1;
const ONE_DOT: Places = 2;
const TWO_DOTS: Places = 4;
const OTHER: Places = 8;
const AFTER_PARENT: Places = 16;
const EACH: [Places; 5] = [BEGINNING, ONE_DOT, TWO_DOTS, OTHER, AFTER_PARENT];

/// Where a character leads from one place.
fn after(place: Places, char: char) -> Places {
    match (place, char) {
        (AFTER_PARENT, _) | (TWO_DOTS, '/') => AFTER_PARENT,
        (_, '/') => BEGINNING,
        (BEGINNING, '.') => ONE_DOT,
        (ONE_DOT, '.') => TWO_DOTS,
        _ => OTHER,
    }
}

/// Where the texts of a pattern lead, from each of [`EACH`].
#[derive(Clone, Copy)]
struct Leads([Places; EACH.len()]);

impl Leads {
    const NOWHERE: Leads = Leads([0; EACH.len()]);
    const STAYS: Leads = Leads(EACH);

    fn char(char: char) -> Leads {
        Leads(EACH.map(|place| after(place, char)))
    }

    fn from(self, places: Places) -> Places {
        let reached = EACH.into_iter().zip(self.0);
        let reached = reached.filter(|(place, _)| places & place != 0);
        reached.fold(0, |all, (_, to)| all | to)
    }

    fn then(self, next: Leads) -> Leads {
        Leads(self.0.map(|places| next.from(places)))
    }

    fn or(self, other: Leads) -> Leads {
        Leads(EACH.map(|place| self.from(place) | other.from(place)))
    }

    /// Repeated. More often than 32 times nothing changes any more: no place is further than four steps from another.
    fn times(self, min: u32, max: Option<u32>) -> Leads {
        let least = (0..min.min(32)).fold(Leads::STAYS, |all, _| all.then(self));
        let more = max.map_or(32, |max| max.saturating_sub(min).min(32));
        (0..more).fold(least, |all, _| all.or(all.then(self)))
    }
}

/// What the texts of a pattern do to a reader of segments. Recursion is bounded by the parser's limit on nesting.
fn leads(hir: &Hir) -> Leads {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Leads::STAYS,
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0);
            text.chars()
                .map(Leads::char)
                .fold(Leads::STAYS, Leads::then)
        }
        HirKind::Class(_) => {
            // What stands for all characters that are neither a dot nor a slash is let in with them: it leads to no parent.
            let classes = ['.', '/'].into_iter().filter(|char| class_has(hir, *char));
            classes.map(Leads::char).fold(Leads::char('a'), Leads::or)
        }
        HirKind::Repetition(repetition) => {
            leads(&repetition.sub).times(repetition.min, repetition.max)
        }
        HirKind::Capture(capture) => leads(&capture.sub),
        HirKind::Alternation(parts) => parts.iter().map(leads).fold(Leads::NOWHERE, Leads::or),
        HirKind::Concat(parts) => parts.iter().map(leads).fold(Leads::STAYS, Leads::then),
    }
}

fn class_has(hir: &Hir, char: char) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => class
            .ranges()
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&char)),
        HirKind::Class(Class::Bytes(class)) => u8::try_from(char).is_ok_and(|byte| {
            let mut ranges = class.ranges().iter();
            ranges.any(|range| (range.start()..=range.end()).contains(&byte))
        }),
        _ => false,
    }
}

/// Whether any part passes. Recursion is bounded by the parser's limit on nesting.
fn any(hir: &Hir, test: &mut dyn FnMut(&Hir) -> bool) -> bool {
    if test(hir) {
        return true;
    }
    match hir.kind() {
        HirKind::Repetition(repetition) => any(&repetition.sub, test),
        HirKind::Capture(capture) => any(&capture.sub, test),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().any(|part| any(part, test))
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}

fn samples(hir: &Hir) -> Vec<String> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => vec![representative(class)],
        HirKind::Repetition(repetition) => {
            let count = usize::try_from(repetition.min.clamp(1, 16)).unwrap_or(1);
            let once = samples(&repetition.sub);
            once.into_iter().map(|text| text.repeat(count)).collect()
        }
        HirKind::Capture(capture) => samples(&capture.sub),
        HirKind::Alternation(parts) => {
            let all = parts.iter().flat_map(samples);
            all.take(MOST_SAMPLES).collect()
        }
        HirKind::Concat(parts) => parts.iter().fold(vec![String::new()], |before, part| {
            let after = samples(part);
            let pairs = before
                .iter()
                .flat_map(|before| after.iter().map(move |after| format!("{before}{after}")));
            pairs.take(MOST_SAMPLES).collect()
        }),
    }
}

fn representative(class: &Class) -> String {
    let has = |char: char| class_has(&Hir::class(class.clone()), char);
    let first = match class {
        Class::Unicode(class) => class.ranges().first().map(|range| range.start()),
        Class::Bytes(class) => class
            .ranges()
            .first()
            .map(|range| char::from(range.start())),
    };
    let chosen = ['a', 'A', '0'].into_iter().find(|char| has(*char));
    chosen.or(first).map(String::from).unwrap_or_default()
}
