//! The JSON v1 dialect of one entry: `require`, `deny_if`, `limits`.

use super::conditions::read_conditions;
use super::limits::{CounterBook, read_limit};
use super::reader::{Field, Object, Reader};
use super::wording;
use crate::policy::{Block, Condition, Entry, Requirement, Rule, op_name};
use crate::text::escape;
use crate::{NameMap, order};

/// Reads the rules of one entry. `base` is the pointer of the entry in refusals, such as `/tools/x`.
pub(super) fn entry(
    reader: &mut Reader,
    counters: &mut CounterBook,
    object: &mut Object<'_>,
    base: &str,
    entry: &mut Entry,
) {
    if let Some(field) = object.take("require") {
        let mut names = Names::new(format!("{base}/require"));
        for block in reader.list(&field) {
            let Some((conditions, on_deny)) = read_block(reader, block) else {
                continue;
            };
            let named = names.name_each(&conditions);
            let rule = |(condition, pointer): (Condition, String)| {
                let reason = on_deny
                    .clone()
                    .unwrap_or_else(|| wording::required(&condition, &pointer));
                (
                    condition,
                    Rule {
                        pointer: pointer.into(),
                        reason: reason.into(),
                    },
                )
            };
            entry.require.push(Requirement::Block(Block {
                conditions: conditions.into_iter().zip(named).map(rule).collect(),
            }));
        }
    }
    if let Some(field) = object.take("deny_if") {
        let mut names = Names::new(format!("{base}/deny_if"));
        for block in reader.list(&field) {
            let Some((conditions, on_deny)) = read_block(reader, block) else {
                continue;
            };
            // A block that denies is named by its first condition.
            let Some(pointer) = names
                .name_each(conditions.get(..1).unwrap_or_default())
                .pop()
            else {
                continue;
            };
            let reason = on_deny.unwrap_or_else(|| wording::denied(&conditions, &pointer));
            let rule = Rule {
                pointer: pointer.into(),
                reason: reason.into(),
            };
            entry.deny_if.push(Block {
                conditions: conditions
                    .into_iter()
                    .map(|it| (it, rule.clone()))
                    .collect(),
            });
        }
    }
    if let Some(field) = object.take("limits") {
        for limit in reader.list(&field) {
            entry
                .limits
                .extend(read_limit(reader, counters, limit, base));
        }
    }
}

/// Names blocks by path and operator; what stands in a second block gets `-2`.
struct Names {
    section: String,
    blocks: NameMap<usize>,
}

impl Names {
    fn new(section: String) -> Self {
        Names {
            section,
            blocks: NameMap::default(),
        }
    }

    /// The pointers of the conditions of one block.
    fn name_each(&mut self, conditions: &[Condition]) -> Vec<String> {
        let mut words: Vec<String> = conditions
            .iter()
            .map(|condition| {
                format!(
                    "{}-{}",
                    escape(&condition.path.text),
                    op_name(&condition.test)
                )
            })
            .collect();
        for word in order::distinct(words.iter().map(String::as_str)) {
            let count = self
                .blocks
                .get(word)
                .map_or(1, |count| count.saturating_add(1));
            self.blocks.insert(word, count);
        }
        for word in &mut words {
            match self.blocks.get(word) {
                Some(count) if *count > 1 => *word = format!("{}/{word}-{count}", self.section),
                _ => *word = format!("{}/{word}", self.section),
            }
        }
        words
    }
}

fn read_block(reader: &mut Reader, field: Field<'_>) -> Option<(Vec<Condition>, Option<String>)> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let on_deny = object.take("on_deny").and_then(|field| reader.text(&field));
    let conditions = match object.take("conditions") {
        Some(field) => Some(read_conditions(reader, &field)),
        None => {
            reader.error(&at, "a block needs `conditions`");
            None
        }
    };
    object.finish(reader);
    conditions
        .filter(|conditions| !conditions.is_empty())
        .map(|conditions| (conditions, on_deny))
}
