//! What a condition comes to.

/// The outcome of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// There is nothing at its path.
    Missing,
    /// What is there has no meaning for the operator.
    WrongType,
}

/// How a condition over `[*]` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// Every element must pass, and there must be one (`require`).
    Every,
    /// One element is enough (`deny_if`).
    Some,
}
