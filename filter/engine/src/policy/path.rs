//! Paths into a call: `args.a.b`, `args["key.with.dot"]`, `args.items[0].price`, `args.items[*].price`.

use std::fmt;

use super::Budget;
use super::TooMuchWork;
use crate::json::{Keys, Kind, Value};
use crate::protobuf::holds_rounded;

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The arguments of the call.
    Args,
    /// What is known of the caller.
    Identity,
    /// The name of the target.
    ToolName,
    /// The counters of the policy.
    Counters,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The member of an object.
    Key(Box<str>),
    /// The element of an array, counted from 0.
    Index(usize),
    /// Every element of an array.
    Each,
}

/// A compiled path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Where it begins.
    pub root: Root,
    /// What follows.
    pub steps: Vec<Step>,
    /// As written; part of rule pointers.
    pub text: Box<str>,
}

/// What is wrong with a path, as a clause that says what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError(pub String);

impl fmt::Display for PathError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What a call brings that paths can reach.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// `params.arguments`; `None` where the call has none, or where they are not known (lists).
    pub args: Option<Value<'a>>,
    /// The caller's claims.
    pub identity: Option<Value<'a>>,
    /// The name of the target.
    pub name: Value<'a>,
    /// Whether a number among the claims came as a double and may have been another ([`crate::identity::Principal::rounded`]).
    pub rounded: bool,
    /// What counters hold, as an object; those the rules at hand read.
    pub counters: Option<Value<'a>>,
    /// What evaluating may still cost. Beyond it nothing can be evaluated.
    pub budget: &'a Budget,
    /// The keys of the arguments, as far as they were looked for.
    pub keys: &'a Keys,
}

impl Facts<'_> {
    /// Whether a claim holds a number that came as a double and may have been another.
    pub(super) fn is_rounded(&self, claim: Value<'_>) -> bool {
        self.rounded && holds_rounded(claim)
    }

    /// Takes one step of a path that begins at this root. [`Step::Each`] is the caller's to take. What there is no budget for
    /// leads nowhere.
    pub(super) fn follow<'d>(&self, root: Root, value: Value<'d>, step: &Step) -> Found<'d> {
        self.step(root, value, step).unwrap_or(Found::WrongType)
    }

    fn step<'d>(
        &self,
        root: Root,
        value: Value<'d>,
        step: &Step,
    ) -> Result<Found<'d>, TooMuchWork> {
        let found = match (step, value.kind()) {
            (_, Kind::Null) => None,
            (Step::Key(key), Kind::Object) => {
                let pay = |units| self.budget.spend(units);
                let found = match root {
                    Root::Args => self.keys.member(value, key, pay)?,
                    // Of the caller's own making, or the policy's, and small.
                    Root::Identity | Root::ToolName | Root::Counters => value.member(key),
                };
                match found {
                    // Servers that ignore the case of keys may read the other one.
                    (_, true) => return Ok(Found::WrongType),
                    (found, false) => found,
                }
            }
            (Step::Index(index), Kind::Array) => {
                // An element that is passed over is an eighth of a look.
                let passed = (*index).min(value.raw().len());
                self.budget
                    .spend_bytes(passed.checked_div(8).unwrap_or(0))?;
                value.items().nth(*index)
            }
            _ => return Ok(Found::WrongType),
        };
        Ok(found.map_or(Found::Missing, Found::Value))
    }
}

/// What a path without `[*]` leads to.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// This value.
    Value(Value<'a>),
    /// Nothing there, or a step into null.
    Missing,
    /// A key on something that is no object, an index on something that is no array.
    WrongType,
}

impl Path {
    /// Most steps of a path. Deeper ones could never match: the reader bounds nesting.
    const MAX_STEPS: usize = 64;

    /// Reads a path.
    ///
    /// # Errors
    /// What was expected where.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        let split = text.find(['.', '[']).unwrap_or(text.len());
        let (root, rest) = text.split_at_checked(split).unwrap_or((text, ""));
        let root = match root {
            "args" => Root::Args,
            "identity" => Root::Identity,
            "counters" => Root::Counters,
            "state" => return state(text, rest),
            "tool" if rest == ".name" => {
                return Ok(Path {
                    root: Root::ToolName,
                    steps: vec![],
                    text: text.into(),
                });
            }
            _ => {
                return Err(PathError(
                    "a path begins with `args.`, `identity.`, `counters.` or `state.`, or is `tool.name`".to_owned(),
                ));
            }
        };
        let steps = parse_steps(rest)?;
        if steps.is_empty() {
            return Err(PathError(format!(
                "`{text}` names no member, such as `{text}.amount`"
            )));
        }
        if steps.len() > Self::MAX_STEPS {
            return Err(PathError(format!(
                "a path has at most {} steps",
                Self::MAX_STEPS
            )));
        }
        if root == Root::Counters && !matches!(steps.as_slice(), [Step::Key(_)]) {
            return Err(PathError(
                "a counter is read as `counters.<name>`".to_owned(),
            ));
        }
        if root == Root::Identity && !matches!(steps.as_slice(), [Step::Key(_)]) {
            return Err(PathError(
                "identity claims are flat: `identity.<claim>`".to_owned(),
            ));
        }
        Ok(Path {
            root,
            steps,
            text: text.into(),
        })
    }

    /// Reads a path that begins at an object of which nothing is known: `structuredContent.ssn`, `content[*].text`.
    ///
    /// # Errors
    /// What was expected where.
    pub fn steps_of(text: &str) -> Result<Vec<Step>, PathError> {
        let rooted = if text.starts_with('[') {
            text.to_owned()
        } else {
            format!(".{text}")
        };
        let steps = parse_steps(&rooted)?;
        if steps.len() > Self::MAX_STEPS {
            return Err(PathError(format!(
                "a path has at most {} steps",
                Self::MAX_STEPS
            )));
        }
        Ok(steps)
    }

    /// Whether it has a `[*]`.
    pub fn has_each(&self) -> bool {
        self.steps.contains(&Step::Each)
    }

    /// The name of the counter it reads, if it reads one.
    pub fn counter(&self) -> Option<&str> {
        match (self.root, self.steps.as_slice()) {
            (Root::Counters, [Step::Key(name)]) => Some(name),
            _ => None,
        }
    }

    /// The value at the start of this path; `None` where the call does not bring it.
    pub fn start<'a>(&self, facts: &Facts<'a>) -> Option<Value<'a>> {
        match self.root {
            Root::Args => facts.args,
            Root::Identity => facts.identity,
            Root::ToolName => Some(facts.name),
            Root::Counters => facts.counters,
        }
    }

    /// Follows a path without `[*]`.
    pub fn find<'a>(&self, facts: &Facts<'a>) -> Found<'a> {
        let Some(mut value) = self.start(facts) else {
            return Found::Missing;
        };
        for step in &self.steps {
            match facts.follow(self.root, value, step) {
                Found::Value(next) => value = next,
                other => return other,
            }
        }
        Found::Value(value)
    }
}

/// Intercept's `state.<tool>.<counter>`: the last dot splits, and `_global` stands for `*`.
fn state(text: &str, rest: &str) -> Result<Path, PathError> {
    let split = rest
        .strip_prefix('.')
        .and_then(|rest| rest.rsplit_once('.'));
    let Some((tool, counter)) =
        split.filter(|(tool, counter)| !tool.is_empty() && !counter.is_empty())
    else {
        return Err(PathError(
            "a counter is read as `state.<tool>.<counter>`".to_owned(),
        ));
    };
    let tool = if tool == "_global" { "*" } else { tool };
    let steps = vec![Step::Key(state_counter(tool, counter).into())];
    Ok(Path {
        root: Root::Counters,
        steps,
        text: text.into(),
    })
}

/// The name of an Intercept counter among all counters of a policy.
pub fn state_counter(tool: &str, counter: &str) -> String {
    format!("state.{tool}.{counter}")
}

fn parse_steps(mut rest: &str) -> Result<Vec<Step>, PathError> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            let (key, tail) = tail.split_at_checked(end).unwrap_or((tail, ""));
            if key.is_empty() {
                return Err(PathError("a key is missing after `.`".to_owned()));
            }
            if key.contains(['"', ']', '*']) || key.contains(char::is_whitespace) {
                return Err(PathError(format!(
                    "the key `{key}` needs quotes: `[\"{}\"]`",
                    key.replace('"', "\\\"")
                )));
            }
            steps.push(Step::Key(key.into()));
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix("[*]") {
            steps.push(Step::Each);
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix("[\"") {
            let (key, tail) = quoted(tail)?;
            steps.push(Step::Key(key.into()));
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix('[') {
            let Some((index, tail)) = tail.split_once(']') else {
                return Err(PathError("`[` has no `]`".to_owned()));
            };
            let plain = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
            let canonical = plain && (index == "0" || !index.starts_with('0'));
            match index.parse() {
                Ok(index) if canonical => steps.push(Step::Index(index)),
                _ => {
                    let expected =
                        "brackets hold an index (`[0]`), `[*]` or a quoted key (`[\"a.b\"]`)";
                    return Err(PathError(format!("{expected}, not `[{index}]`")));
                }
            }
            rest = tail;
        } else {
            return Err(PathError("a step begins with `.` or `[`".to_owned()));
        }
    }
    Ok(steps)
}

/// Reads a quoted key up to `"]`; `\"` and `\\` are its only escapes.
fn quoted(text: &str) -> Result<(String, &str), PathError> {
    let mut key = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next() {
            Some('"') => break,
            Some('\\') => match chars.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => {
                    return Err(PathError(
                        "in a quoted key only `\\\"` and `\\\\` are escapes".to_owned(),
                    ));
                }
            },
            Some(char) => key.push(char),
            None => return Err(PathError("the quoted key has no closing `\"`".to_owned())),
        }
    }
    match chars.as_str().strip_prefix(']') {
        Some(rest) => Ok((key, rest)),
        None => Err(PathError("`]` is missing after the quoted key".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let key = |key: &str| Step::Key(key.into());
        let good = [
            ("args.a", vec![key("a")]),
            ("args.a.b", vec![key("a"), key("b")]),
            ("args.0", vec![key("0")]),
            (r#"args["a.b"].c"#, vec![key("a.b"), key("c")]),
            (r#"args["a\"\\]"]"#, vec![key("a\"\\]")]),
            (
                "args.items[0].price",
                vec![key("items"), Step::Index(0), key("price")],
            ),
            ("args.items[*]", vec![key("items"), Step::Each]),
            ("args.x_rate-limit@1", vec![key("x_rate-limit@1")]),
        ];
        for (text, steps) in good {
            assert_eq!(
                Path::parse(text).map(|path| path.steps),
                Ok(steps),
                "{text}"
            );
        }
        let bad = [
            "",
            "args",
            "arg.x",
            "args.",
            "args..a",
            "args.a.",
            "args[",
            "args[a]",
            "args[-1]",
            "args[01]",
            "args[\"a]",
            "args[\"a\"",
            "args.a b",
            "args.a]",
            "args[0]x",
            "tool",
            "tool.names",
            "identity",
            "identity.a.b",
        ];
        for text in bad {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
