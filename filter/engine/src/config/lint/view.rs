//! The document as lints look at it: both dialects as blocks of conditions, each with its pointer.

use crate::json::Value;
use crate::policy::{Path, Root};
use crate::text::escape;

/// One policy.
pub(super) struct Policy<'d> {
    pub(super) at: String,
    pub(super) object: Value<'d>,
    pub(super) catalogs: Vec<Catalog<'d>>,
}

/// Kinds of targets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Targets {
    Tools,
    Prompts,
    Resources,
}

/// The entries for one kind of target.
pub(super) struct Catalog<'d> {
    pub(super) targets: Targets,
    pub(super) default_allow: bool,
    pub(super) hidden: Vec<String>,
    pub(super) entries: Vec<Entry<'d>>,
}

/// The rules on one target.
pub(super) struct Entry<'d> {
    pub(super) name: String,
    pub(super) at: String,
    pub(super) object: Value<'d>,
    pub(super) blocks: Vec<Block<'d>>,
    pub(super) limits: Vec<Limit<'d>>,
}

/// What conditions are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// They must hold.
    Require,
    /// They must not hold.
    DenyIf,
    /// A person is asked when they hold.
    Trigger,
}

/// Conditions joined by AND.
pub(super) struct Block<'d> {
    pub(super) part: Part,
    pub(super) conditions: Vec<Condition<'d>>,
}

/// `path op value`.
pub(super) struct Condition<'d> {
    /// Pointer of its path.
    pub(super) path_at: String,
    /// Pointer of its value.
    pub(super) value_at: String,
    pub(super) path: String,
    pub(super) op: String,
    pub(super) value: Option<Value<'d>>,
    pub(super) from: Option<String>,
}

/// A limit in either dialect.
pub(super) struct Limit<'d> {
    pub(super) at: String,
    pub(super) kind: LimitKind,
    pub(super) object: Value<'d>,
}

/// How a limit is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitKind {
    /// JSON v1's `limits`.
    Limit,
    /// Intercept's `state`; the block with the given index in the entry belongs to the same rule.
    State(usize),
    /// `spend`.
    Spend,
    /// `rate_limit`.
    Rate,
}

/// An entry with what surrounds it.
pub(super) struct Scope<'v, 'd> {
    pub(super) catalog: &'v Catalog<'d>,
    pub(super) entry: &'v Entry<'d>,
}

impl<'v, 'd> Scope<'v, 'd> {
    /// This entry, and that of `"*"` if it is another.
    pub(super) fn entries(&self) -> impl Iterator<Item = &'v Entry<'d>> {
        let (entry, name) = (self.entry, &self.entry.name);
        let wildcard = self.catalog.entries.iter();
        let wildcard = wildcard.filter(move |other| other.name == "*" && name != "*");
        std::iter::once(entry).chain(wildcard)
    }

    /// Every condition of this kind that applies to calls of this entry.
    pub(super) fn conditions(&self, part: Part) -> impl Iterator<Item = &'v Condition<'d>> {
        self.entries()
            .flat_map(|entry| &entry.blocks)
            .filter(move |block| block.part == part)
            .flat_map(|block| &block.conditions)
    }

    /// Whether `hide` covers this entry.
    pub(super) fn is_hidden(&self) -> bool {
        let hidden = &self.catalog.hidden;
        hidden
            .iter()
            .any(|name| name == "*" || *name == self.entry.name)
    }
}

impl Condition<'_> {
    /// Where its path begins.
    pub(super) fn root(&self) -> Option<Root> {
        Path::parse(&self.path).ok().map(|path| path.root)
    }

    /// The text it compares with.
    pub(super) fn text(&self) -> Option<String> {
        self.value?.as_str().map(std::borrow::Cow::into_owned)
    }
}

impl Policy<'_> {
    /// Every condition of the policy.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Condition<'_>> {
        self.catalogs
            .iter()
            .flat_map(|catalog| &catalog.entries)
            .flat_map(|entry| &entry.blocks)
            .flat_map(|block| &block.conditions)
    }
}

/// Keys that make an object a policy.
pub(super) const POLICY_KEYS: [&str; 6] = [
    "default",
    "hide",
    "tools",
    "all_tools",
    "prompts",
    "resources",
];

/// The inline policy, and those under `policies`.
pub(super) fn policies(document: Value<'_>) -> Vec<Policy<'_>> {
    let mut policies = Vec::new();
    let elsewhere = ["policies", "console"]
        .into_iter()
        .any(|key| document.get(key).is_some());
    let inline = POLICY_KEYS
        .into_iter()
        .any(|key| document.get(key).is_some());
    if inline || !elsewhere {
        policies.push(policy(document, String::new()));
    }
    for (name, object) in document.get("policies").iter().flat_map(Value::members) {
        policies.push(policy(
            object,
            format!("/policies/{}", escape(&name.decode())),
        ));
    }
    policies
}

fn policy(object: Value<'_>, at: String) -> Policy<'_> {
    let allows = |value: Value<'_>, otherwise: bool| {
        let default = value.get("default").and_then(|value| value.as_str());
        default.map_or(otherwise, |default| default == "allow")
    };
    let default_allow = allows(object, false);
    let mut tools = entries(object.get("tools"), &format!("{at}/tools"));
    let all_tools = object.get("all_tools");
    tools.extend(all_tools.map(|value| entry("*", format!("{at}/all_tools"), value)));
    let mut catalogs = vec![Catalog {
        targets: Targets::Tools,
        default_allow,
        hidden: names(object.get("hide")),
        entries: tools,
    }];
    for (targets, key) in [
        (Targets::Prompts, "prompts"),
        (Targets::Resources, "resources"),
    ] {
        let Some(section) = object.get(key) else {
            continue;
        };
        catalogs.push(Catalog {
            targets,
            default_allow: allows(section, default_allow),
            hidden: names(section.get("hide")),
            entries: entries(section.get("items"), &format!("{at}/{key}/items")),
        });
    }
    Policy {
        at,
        object,
        catalogs,
    }
}

fn names(list: Option<Value<'_>>) -> Vec<String> {
    let items = list.into_iter().flat_map(|list| list.items());
    items
        .filter_map(|item| item.as_str().map(std::borrow::Cow::into_owned))
        .collect()
}

fn entries<'d>(map: Option<Value<'d>>, at: &str) -> Vec<Entry<'d>> {
    let members = map.into_iter().flat_map(|map| map.members());
    let named = |(name, value): (crate::json::Text<'d>, Value<'d>)| {
        let name = name.decode();
        let at = format!("{at}/{}", escape(&name));
        entry(&name, at, value)
    };
    members.map(named).collect()
}

fn entry<'d>(name: &str, at: String, object: Value<'d>) -> Entry<'d> {
    let (mut blocks, mut limits) = (Vec::new(), Vec::new());
    for (part, key) in [(Part::Require, "require"), (Part::DenyIf, "deny_if")] {
        for (index, block) in items(object, key) {
            let at = format!("{at}/{key}/{index}/conditions");
            let conditions = conditions(block.get("conditions"), &at);
            blocks.push(Block { part, conditions });
        }
    }
    if let Some(when) = object
        .get("approval")
        .and_then(|approval| approval.get("when"))
    {
        blocks.push(Block {
            part: Part::Trigger,
            conditions: conditions(Some(when), &format!("{at}/approval/when")),
        });
    }
    for (index, rule) in items(object, "rules") {
        let at = format!("{at}/rules/{index}");
        let mut conditions = conditions(rule.get("conditions"), &format!("{at}/conditions"));
        for (argument, value) in rule.get("arguments").iter().flat_map(Value::members) {
            let argument = argument.decode();
            conditions.push(Condition {
                path_at: format!("{at}/arguments/{}", escape(&argument)),
                value_at: format!("{at}/arguments/{}/enum", escape(&argument)),
                path: format!("args.{argument}"),
                op: "in".to_owned(),
                value: value.get("enum"),
                from: None,
            });
        }
        let kinds = [
            ("state", LimitKind::State(blocks.len())),
            ("spend", LimitKind::Spend),
            ("rate_limit", LimitKind::Rate),
        ];
        for (key, kind) in kinds {
            let found = rule.get(key);
            limits.extend(found.map(|object| Limit {
                at: format!("{at}/{key}"),
                kind,
                object,
            }));
        }
        let asks = rule
            .get("action")
            .and_then(|action| action.as_str())
            .as_deref()
            == Some("require_approval");
        let part = if asks { Part::Trigger } else { Part::Require };
        blocks.push(Block { part, conditions });
    }
    for (index, object) in items(object, "limits") {
        limits.push(Limit {
            at: format!("{at}/limits/{index}"),
            kind: LimitKind::Limit,
            object,
        });
    }
    Entry {
        name: name.to_owned(),
        at,
        object,
        blocks,
        limits,
    }
}

fn items<'d>(object: Value<'d>, key: &str) -> Vec<(usize, Value<'d>)> {
    let list = object.get(key).into_iter();
    list.flat_map(|list| list.items()).enumerate().collect()
}

fn conditions<'d>(list: Option<Value<'d>>, at: &str) -> Vec<Condition<'d>> {
    let text = |object: Value<'d>, key: &str| {
        let value = object.get(key).and_then(|value| value.as_str());
        value.map(std::borrow::Cow::into_owned)
    };
    let items = list.into_iter().flat_map(|list| list.items()).enumerate();
    items
        .map(|(index, object)| Condition {
            path_at: format!("{at}/{index}/path"),
            value_at: format!("{at}/{index}/value"),
            path: text(object, "path").unwrap_or_default(),
            op: text(object, "op").unwrap_or_default(),
            value: object.get("value"),
            from: text(object, "value_from"),
        })
        .collect()
}
