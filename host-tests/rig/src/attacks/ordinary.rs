//! What is always judged, and never refused for what it costs: ordinary texts, of a size that is asked for.

use serde_json::{Value, json};

use super::replies::{content, every_detector};
use super::{Attack, call, fill, results, rules};

const PROSE: &str = "The committee met on 14 March 2026 and agreed that the figures for the second quarter, which had been revised \
    twice, should be published as they stand; Mrs. O'Neill's objection (see item 7.3) was noted.\\nContact: the press office at \
    the usual number. {\\\"id\\\": 4711, \\\"state\\\": \\\"open\\\"}\\n";

/// The texts of which it is promised: 1 MiB of prose with all detectors, 64 KiB against twenty patterns, 1 MiB against five, as a
/// reply and as an argument, whole and in events.
pub fn ordinary() -> Vec<Attack> {
    const MIB: usize = 1 << 20;
    let looked_for = |count: usize| -> Vec<Value> {
        let words = [
            "sk_live_[A-Za-z0-9]{16,}",
            "(?i)ignore (all )?previous instructions",
            r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b",
            "[A-Za-z0-9]{32,}",
            r"\bBearer [A-Za-z0-9._-]+",
        ];
        let numbered = (0..count).map(|index| match words.get(index) {
            Some(word) => (*word).to_owned(),
            None => format!("project-{index}[a-z]*"),
        });
        numbered.map(|word| json!(word)).collect()
    };
    let redacting = |count: usize| {
        let redact: Vec<Value> = looked_for(count)
            .into_iter()
            .map(|word| json!({"regex": word}))
            .collect();
        results(json!({"redact": redact}))
    };
    let denying = |count: usize| {
        let blocks: Vec<Value> = looked_for(count)
            .into_iter()
            .map(|word| json!({"conditions": [{"path": "args.x", "op": "regex", "value": word}]}))
            .collect();
        rules(json!({"deny_if": blocks}))
    };
    let argument = |bytes: usize| call("1", &format!(r#"{{"x":"{}"}}"#, fill(PROSE, bytes)));
    let event = |bytes: usize| {
        format!(
            "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"info\",\"data\":\"{}\"}}}}\n\n",
            fill(PROSE, bytes)
        )
    };
    let mut in_events = Attack::reply(
        "a MiB of prose, all detectors, in events",
        every_detector(),
        content(""),
    );
    if let Some(reply) = &mut in_events.reply {
        reply.media = "text/event-stream";
        reply.has_length = false;
        reply.body = fill(&event(4000), MIB);
    }
    vec![
        Attack::reply(
            "a MiB of prose, all detectors",
            every_detector(),
            content(&fill(PROSE, MIB)),
        ),
        in_events,
        Attack::reply(
            "64 KiB of prose, 20 patterns",
            redacting(20),
            content(&fill(PROSE, 64 << 10)),
        )
        .against(20),
        Attack::reply(
            "a MiB of prose, 5 patterns",
            redacting(5),
            content(&fill(PROSE, MIB)),
        )
        .against(5),
        Attack::request(
            "an argument of 64 KiB, 20 patterns",
            denying(20),
            argument(64 << 10),
        )
        .against(20),
        Attack::request(
            "an argument of a MiB, 5 patterns",
            denying(5),
            argument(MIB),
        )
        .against(5),
    ]
}
