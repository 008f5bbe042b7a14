//! Every key of the configuration.

use super::Shape::{
    Amount, Any, Boolean, Choice, Either, Form, Integer, List, Map, Number, Some, Text,
};
use super::{Key, Object, Shape};

macro_rules! object {
    ($vis:vis $name:ident $word:literal $about:literal $(needs $needs:expr;)? $(needs_one $one:expr;)? $(when $when:expr;)?
     { $($key:literal: $shape:expr, $what:literal;)* }) => {
        #[doc = $about]
        $vis static $name: Object = Object {
            name: $word,
            about: $about,
            keys: &[$(Key { name: $key, shape: $shape, about: $what }),*],
            needs: object!(@or $($needs)?),
            needs_one: object!(@or $($one)?),
            when: object!(@or $($when)?),
        };
    };
    (@or) => { &[] };
    (@or $value:expr) => { $value };
}

const POSTURE: Shape = Choice(&["allow", "deny"]);
const MODE: Shape = Choice(&["enforce", "shadow"]);
const NAMES: Shape = List(&Text);
const PATH: Shape = Form(
    r"^(args|identity|counters|state)[.\[].+$|^tool\.name$",
    "a path such as args.amount",
);
const DURATION: Shape = Form(
    r"^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
    "a duration such as 30m",
);
const WINDOW: Shape = Either(&[
    Choice(&["minute", "hour", "day", "week", "month"]),
    Form(r"^rolling:[0-9].*$", "rolling:24h"),
]);
const CONDITIONS: Shape = Some(&Shape::Object(&CONDITION));
const BLOCKS: Shape = List(&Shape::Object(&BLOCK));
const ENTRIES: Shape = Map(&Shape::Object(&ENTRY));
const DIGEST: Shape = Form("^sha256:[0-9a-f]{64}$", "sha256: and 64 hexadecimal digits");
const PINNED: Shape = Map(&Either(&[DIGEST, Shape::Object(&PIN)]));
const DETECTORS: Shape = Choice(&[
    "email",
    "phone",
    "credit_card",
    "iban",
    "ssn",
    "ipv4",
    "jwt",
    "private_key",
    "aws_key",
    "github_token",
    "slack_token",
    "stripe_key",
    "google_api_key",
    "url",
]);
const DETECTOR: Shape = Shape::Object(&NAMED);
const REPLACEMENT: Shape = Form(r"^[^\x00-\x1f\x7f]*$", "text without control characters");
const REDACT: Shape = List(&Either(&[DETECTORS, Shape::Object(&REDACTION)]));
const FORBIDDEN: Shape = List(&Shape::Object(&FORBID));
const SECTION_SHAPE: Shape = Shape::Object(&SECTION);

object! { pub ROOT "configuration" "The configuration of a gate, or of a console."
    needs &["version"];
    {
        "version": Either(&[Choice(&["1"]), Integer(1, 1)]), "The version of this format.";
        "description": Text, "For people.";
        "default": POSTURE, "What happens to tools that no entry names; left out: deny.";
        "hide": NAMES, "Tools nobody sees or reaches; `*` for all.";
        "tools": ENTRIES, "Rules by the name of the tool; those of `*` apply to every tool in addition.";
        "all_tools": Shape::Object(&ENTRY), "Another spelling of `tools[\"*\"]`.";
        "prompts": SECTION_SHAPE, "Rules on prompts.";
        "resources": SECTION_SHAPE, "Rules on resources, by URI or `prefix*`.";
        "policies": Map(&Shape::Object(&POLICY)), "Several policies by name, picked by identity.";
        "server": Text, "The name of the one server behind this gate.";
        "servers": Map(&Shape::Object(&SERVER)), "Several servers by name; the first that matches.";
        "identity": Shape::Object(&IDENTITY), "How callers are told apart.";
        "grants": List(&Shape::Object(&GRANT)), "Bearer tokens and what they grant.";
        "mode": MODE, "shadow: decide and record, never refuse by policy.";
        "stopped": Boolean, "true: refuse every call.";
        "methods": Shape::Object(&METHODS), "Exceptions to the table of MCP's methods.";
        "http": Shape::Object(&HTTP), "How HTTP is handled.";
        "counters": Shape::Object(&COUNTERS), "Where counters live.";
        "approvals": Shape::Object(&APPROVALS), "How people are asked.";
        "results": Shape::Object(&RESULTS), "How replies are handled.";
        "pins": Shape::Object(&PINS), "The definitions tools must have.";
        "audit": Shape::Object(&AUDIT), "What is recorded of a decision.";
        "metrics": Shape::Object(&METRICS), "What is counted among the proxy's statistics, beside outcomes.";
        "console": Shape::Object(&CONSOLE), "Who may look, decide and stop. In a document without a policy this listener is the console; beside one it is only checked.";
    }
}

object! { POLICY "policy" "One of several policies."
    {
        "description": Text, "For people.";
        "default": POSTURE, "What happens to tools that no entry names; left out: deny.";
        "hide": NAMES, "Tools nobody sees or reaches; `*` for all.";
        "tools": ENTRIES, "Rules by the name of the tool; those of `*` apply to every tool in addition.";
        "all_tools": Shape::Object(&ENTRY), "Another spelling of `tools[\"*\"]`.";
        "prompts": SECTION_SHAPE, "Rules on prompts.";
        "resources": SECTION_SHAPE, "Rules on resources, by URI or `prefix*`.";
    }
}

object! { SECTION "section" "Rules on prompts or resources."
    {
        "default": POSTURE, "What happens to those that no entry names; left out: the policy's own.";
        "hide": NAMES, "Those nobody sees or reaches; `*` for all.";
        "items": ENTRIES, "Rules by name or URI.";
    }
}

object! { ENTRY "entry" "The rules on one tool, prompt or resource. Without any it is permitted."
    {
        "deny": Boolean, "true: always refused, and not listed.";
        "mode": MODE, "shadow: only record what these rules would refuse.";
        "require": BLOCKS, "Blocks that must all hold.";
        "deny_if": BLOCKS, "Blocks of which none may hold.";
        "limits": List(&Shape::Object(&LIMIT)), "Counters that calls are charged to.";
        "approval": Shape::Object(&APPROVAL), "When a person is asked.";
        "approvers": NAMES, "Groups of which one may decide, where the approval names none; left out: anybody.";
        "rules": List(&Shape::Object(&RULE)), "Rules as Intercept writes them; not beside `require`, `deny_if` or `limits`.";
        "result": Shape::Object(&RESULT), "What is done with its results, in addition to `results`.";
    }
}

object! { RESULT "result" "What is done with results."
    {
        "redact": REDACT, "What is replaced in them.";
        "deny_if": FORBIDDEN, "What withholds them.";
        "max_bytes": Integer(1, 268_435_456), "The largest.";
        "over": Choice(&["withhold", "truncate"]), "What becomes of a larger one; truncate cuts its texts, and withholds what has structured content; left out: withhold.";
        "count": Shape::Object(&COUNT), "The counter their bytes are added to.";
    }
}

object! { REDACTION "redaction" "What is replaced, one of these."
    needs_one &["regex", "path", "keys", "email", "phone", "credit_card", "iban", "ssn", "ipv4", "jwt", "private_key", "aws_key", "github_token", "slack_token", "stripe_key", "google_api_key", "url"];
    {
        "regex": Text, "Whatever this finds.";
        "path": Text, "What stands there, from the result: `structuredContent.ssn`, `content[*].text`.";
        "keys": NAMES, "What stands under these keys, at any depth, and in texts that are JSON.";
        "with": REPLACEMENT, "With `regex`, `path` or `keys`: what stands there instead; left out: [redacted].";
        "keep_last": Integer(1, 8), "With `regex`, `path` or `keys`: so many letters and digits of the end stay, where at least as many are hidden.";
        "except": NAMES, "In `results`: the tools whose results keep it.";
        "email": DETECTOR, "Addresses of mail.";
        "phone": DETECTOR, "Telephone numbers.";
        "credit_card": DETECTOR, "Card numbers.";
        "iban": DETECTOR, "Account numbers.";
        "ssn": DETECTOR, "Social security numbers.";
        "ipv4": DETECTOR, "Addresses of hosts.";
        "jwt": DETECTOR, "JSON web tokens.";
        "private_key": DETECTOR, "Private keys in PEM.";
        "aws_key": DETECTOR, "Keys of AWS.";
        "github_token": DETECTOR, "Tokens of GitHub.";
        "slack_token": DETECTOR, "Tokens of Slack.";
        "stripe_key": DETECTOR, "Keys of Stripe.";
        "google_api_key": DETECTOR, "Keys of Google.";
        "url": Shape::Object(&LINKS), "Links to other hosts.";
    }
}

object! { NAMED "detector" "How a detector does its work."
    {
        "with": REPLACEMENT, "What stands there instead; left out: [redacted:NAME].";
        "keep_last": Integer(1, 8), "So many letters and digits of the end stay, where at least as many are hidden.";
    }
}

object! { LINKS "links" "Links to other hosts."
    {
        "allow_hosts": NAMES, "Hosts whose links stay, beside json-schema.org; `.acme.com` means acme.com and its subdomains.";
        "with": REPLACEMENT, "What stands there instead; left out: [redacted:url].";
        "keep_last": Integer(1, 8), "So many letters and digits of the end stay, where at least as many are hidden.";
    }
}

object! { FORBID "forbidden" "What withholds a result, one of `regex` and `contains`."
    needs_one &["regex", "contains"];
    {
        "regex": Text, "Whatever this finds.";
        "contains": Text, "This text.";
        "on_deny": Text, "What the agent is told.";
    }
}

object! { COUNT "count" "A counter that the bytes of results are added to."
    needs &["counter", "window"];
    {
        "counter": Text, "Its name; conditions read it as `counters.<name>`.";
        "window": WINDOW, "When it starts again.";
        "scope": Choice(&["grant", "policy", "server", "session"]), "Who shares it; left out: grant, the caller.";
    }
}

object! { BLOCK "block" "Conditions that are joined by AND."
    needs &["conditions"];
    {
        "conditions": CONDITIONS, "All of them must hold for the block to hold.";
        "on_deny": Text, "What a refused agent is told.";
    }
}

object! { CONDITION "condition" "What a value has to pass."
    needs &["path", "op"];
    needs_one &["value", "value_from"];
    when &[
        ("op", &["lt", "lte", "gt", "gte"], "value", Number),
        ("op", &["in", "not_in"], "value", List(&Any)),
        ("op", &["exists"], "value", Boolean),
        ("op", &["regex", "prefix", "suffix"], "value", Text),
        ("op", &["url"], "value", Shape::Object(&URL)),
    ];
    {
        "path": PATH, "What is looked at: `args.…`, `identity.…`, `counters.…`, `state.…` or `tool.name`.";
        "op": Choice(&["eq", "neq", "lt", "lte", "gt", "gte", "in", "not_in", "exists", "regex", "contains", "prefix", "suffix", "url"]), "How it is compared.";
        "value": Any, "With what.";
        "value_from": PATH, "Another path to compare with.";
    }
}

object! { URL "url" "What a URL has to satisfy."
    needs_one &["host_in", "scheme_in"];
    {
        "host_in": NAMES, "Hosts; `.acme.com` means acme.com and its subdomains.";
        "scheme_in": NAMES, "Schemes.";
    }
}

object! { LIMIT "limit" "How much of a counter calls may use."
    needs &["counter", "max", "window"];
    {
        "counter": Text, "Its name; the same name on several tools is one counter.";
        "max": Either(&[Amount, Map(&Amount)]), "Most it may reach; with `currency_from` one per currency.";
        "window": WINDOW, "When it starts again: by the UTC calendar, or `rolling:24h`.";
        "scope": Choice(&["grant", "policy", "server", "session"]), "Who shares it; left out: grant, the caller.";
        "increment_from": PATH, "The argument that says what a call costs; left out: 1.";
        "currency_from": PATH, "The argument that names the currency.";
        "on_deny": Text, "What a refused agent is told.";
        "refund_on_tool_error": Boolean, "Give the charge back when the tool reports an error.";
        "refund_on_unknown": Boolean, "Give the charge back when it is unknown whether the tool ran.";
    }
}

object! { APPROVAL "approval" "When a person is asked."
    {
        "when": CONDITIONS, "Ask only if all of these hold or cannot be evaluated; left out: always.";
        "timeout": DURATION, "How long the question stays open; left out: 30m.";
        "hold": DURATION, "How long the request is held; left out: 45s.";
        "approvers": NAMES, "Groups of which one may decide; left out: anybody.";
        "on_deny": Text, "What the agent is told meanwhile.";
    }
}

object! { RULE "rule" "A rule as Intercept writes it: its conditions must hold."
    {
        "name": Form("[^0-9]", "a name that is not a number"), "Its name in rule pointers.";
        "action": Choice(&["evaluate", "deny", "require_approval"]), "deny: always refused. require_approval: the conditions say when a person is asked.";
        "conditions": CONDITIONS, "What must hold.";
        "on_deny": Text, "What a refused agent is told.";
        "rate_limit": Form(r"^\+?0*[1-9][0-9]*/(minute|hour|day|week|month|rolling:.+)$", "N/window"), "So many calls per window, such as `5/hour`.";
        "state": Shape::Object(&STATE), "A counter; the first `lt` or `lte` condition on it is its limit.";
        "spend": Shape::Object(&SPEND), "Caps on an amount.";
        "arguments": Map(&Shape::Object(&ARGUMENT)), "Values an argument may have.";
        "approval_timeout": DURATION, "With `require_approval`: how long the question stays open.";
        "approvers": NAMES, "With `require_approval`: groups of which one may decide; left out: anybody.";
    }
}

object! { STATE "state" "A counter of this tool."
    needs &["counter", "window"];
    {
        "counter": Text, "Its name; conditions read it as `state.<tool>.<counter>`.";
        "window": WINDOW, "When it starts again.";
        "increment": Amount, "What a call adds; left out: 1.";
        "increment_from": PATH, "The argument that says what a call adds.";
    }
}

object! { SPEND "spend" "Caps on an amount."
    needs_one &["per_call", "daily"];
    {
        "per_call": Amount, "Most one call may cost.";
        "daily": Amount, "Most calls may cost in a day, per caller.";
        "amount": PATH, "The argument with the amount; left out: args.amount.";
    }
}

object! { ARGUMENT "argument" "What an argument may be."
    needs &["enum"];
    {
        "enum": List(&Any), "One of these values.";
    }
}

object! { SERVER "server" "One upstream: everything that is set must match."
    needs_one &["route", "host", "path_prefix"];
    {
        "route": Text, "The name of the route Envoy matched.";
        "host": Either(&[Text, NAMES]), "The host of the request with its port, as a domain of Envoy's: `mcp.example`, `mcp.example:8443`, or `mcp.example:*` for any port; or a list of them.";
        "path_prefix": Text, "What the path begins with.";
    }
}

object! { IDENTITY "identity" "How callers are told apart."
    needs &["sources"];
    {
        "sources": Some(&Either(&[Choice(&["grant", "jwt", "mtls"]), Shape::Object(&SOURCE)])), "In order; the first that yields a caller wins.";
        "required": Boolean, "Turn callers without a credential away; left out: true.";
        "require_claims": NAMES, "Claims every caller must have.";
        "resource_metadata": Form("^https?://", "a URL"), "Where clients learn how to get a credential (RFC 9728).";
    }
}

object! { SOURCE "source" "A source of identities."
    needs_one &["jwt", "mtls", "header"];
    {
        "jwt": Shape::Object(&JWT), "Claims that Envoy's jwt_authn has verified.";
        "mtls": Shape::Object(&MTLS), "The client certificate that Envoy has verified.";
        "header": Shape::Object(&HEADER), "A header that an earlier, trusted filter sets.";
    }
}

object! { JWT "jwt" "Claims that Envoy's jwt_authn has verified."
    {
        "payload": Text, "payload_in_metadata of the provider; left out: jwt_payload.";
        "subject": Text, "The claim that names the caller; left out: sub.";
        "policy_claim": Text, "The claim that names the policy.";
        "policy": Text, "The policy where no claim names one.";
    }
}

object! { MTLS "mtls" "The client certificate that Envoy has verified."
    {
        "field": Choice(&["uri_san", "dns_san", "subject"]), "What names the caller; left out: uri_san.";
        "policy": Text, "The policy of these callers.";
    }
}

object! { HEADER "header" "A header that an earlier, trusted filter sets."
    needs &["name"];
    {
        "name": Text, "Its name.";
        "policy": Text, "The policy of these callers.";
        "keep": Boolean, "Leave the header to routes and servers; left out: only where `servers` are told apart by `route`.";
    }
}

object! { GRANT "grant" "A bearer token and what it grants."
    needs &["id", "token_sha256"];
    {
        "id": Text, "Its id, unique among grants.";
        "token_sha256": Form("^[0-9A-Fa-f]{64}$", "64 hexadecimal digits"), "SHA-256 of the token.";
        "label": Text, "A name for people.";
        "policy": Text, "Its policy, one of `policies`.";
        "servers": NAMES, "Servers it is good for; left out: all.";
        "expires": Form(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", "a time in UTC"), "From then on it is not good any more.";
        "revoked": Boolean, "true: taken back.";
        "claims": Map(&Any), "Flat claims; `identity.<claim>` in conditions.";
    }
}

object! { METHODS "methods" "Exceptions to the table of MCP's methods."
    {
        "allow": NAMES, "Unknown methods to forward.";
        "deny": NAMES, "Known methods to refuse.";
    }
}

object! { HTTP "http" "How HTTP is handled."
    {
        "hold_request_headers": Boolean, "Hold request headers until the body is judged; needs `allow_on_headers_stop_iteration`.";
        "body_timeout": DURATION, "How long a request whose headers are held may take until its body begins; left out: 10s.";
        "trust_envoy_headers": Boolean, "Forward `x-envoy-*` headers by which a caller sets retries, timeouts or where a call goes; left out: false.";
        "max_body_bytes": Integer(1, 268_435_456), "Largest request body in bytes; left out: 4194304, 4 MiB. The host's buffers and stream windows must hold it.";
        "max_kept_bytes": Integer(1_048_576, 2_147_483_648), "Most text of unfinished requests and replies that one worker keeps, in bytes; left out: 268435456, 256 MiB. Beyond it the largest text of the caller, or of the server, that has most of it is refused or withheld.";
        "denial_prefix": Text, "Put before the text of every refusal.";
    }
}

object! { COUNTERS "counters" "Where counters live."
    {
        "store": Choice(&["shared_data"]), "The store.";
        "max_entries": Integer(64, 16_777_216), "Most counters it holds. A change keeps what is counted; it is made within what buckets can hold (8 to 1024 counters each), and in full when the proxy starts anew.";
        "on_store_error": POSTURE, "What happens to calls that cannot be counted; left out: deny.";
    }
}

object! { APPROVALS "approvals" "How people are asked."
    {
        "mode": Choice(&["hold", "mrtr"]), "mrtr: clients of 2026-07-28 wait by retrying with a signed `requestState`; needs `key`. Left out: hold.";
        "key": Text, "Signs what is handed to clients: at least 32 bytes of text that nobody can guess.";
        "max_pending": Integer(1, 4096), "Most questions that are open at a time; left out: 256.";
        "max_held": Integer(0, 65_536), "Most requests one worker holds; left out: 256.";
        "notify": Shape::Object(&NOTIFY), "Who is told of questions and answers.";
    }
}

object! { NOTIFY "notify" "A webhook, signed."
    needs &["cluster", "path", "hmac_secret"];
    {
        "cluster": Text, "The proxy's cluster.";
        "path": Form("^/", "a path"), "The path of the webhook.";
        "authority": Text, "Its host name; left out: the cluster's name.";
        "hmac_secret": Text, "Signs the body: at least 16 bytes of text that nobody can guess.";
        "timeout": DURATION, "How long an announcement may take, from 1s to 60s; left out: 5s.";
    }
}

object! { RESULTS "results" "How replies are handled, whatever they answer."
    {
        "redact": REDACT, "What is replaced in them.";
        "deny_if": FORBIDDEN, "What withholds them.";
        "max_bytes": Integer(1, 268_435_456), "The largest result.";
        "over": Choice(&["withhold", "truncate"]), "What becomes of a larger one; truncate cuts its texts, and withholds what has structured content; left out: withhold.";
        "label": Boolean, "Marks each text of a result with the name of its server: `[server: NAME]`.";
        "definitions": Boolean, "Redacts definitions of tools wherever something is found; left out: in their descriptions alone.";
        "count": Shape::Object(&COUNT), "The counter the bytes of results are added to.";
        "max_json_bytes": Integer(1024, 268_435_456), "Largest reply, or event of a stream, that is inspected.";
    }
}

object! { PINS "pins" "The definitions tools must have, as somebody has reviewed them; `toolgate pin URL --config` prints them."
    needs_one &["tools", "servers"];
    {
        "tools": PINNED, "Digests by the name of the tool, for every server.";
        "servers": Map(&Shape::Object(&SERVER_PINS)), "Those of one server, by its name; they go before the others.";
        "on_drift": Choice(&["hide", "deny", "observe"]), "What becomes of a tool whose definition has changed; left out: hide.";
        "settle": DURATION, "How long every list has to show a tool as it was pinned after one that did not; left out: 1h.";
        "unknown": Choice(&["hide", "allow"]), "What becomes of tools without a pin; left out: hide.";
        "validate_arguments": Boolean, "Hold arguments to the pinned `input_schema`.";
    }
}

object! { SERVER_PINS "server_pins" "The pins of one server."
    {
        "tools": PINNED, "Digests by the name of the tool.";
    }
}

object! { PIN "pin" "A pinned tool."
    needs &["digest"];
    {
        "digest": DIGEST, "The digest of its definition.";
        "input_schema": Map(&Any), "The schema of its arguments, as the server listed it.";
    }
}

object! { AUDIT "audit" "What is recorded of a decision."
    {
        "log": Boolean, "Also write each record to the proxy's log.";
        "args": Choice(&["none", "keys", "full"]), "How much of the arguments is recorded.";
        "results": Choice(&["none", "digest"]), "digest: record the SHA-256 of results.";
        "claims": NAMES, "Claims of the caller to record.";
        "recent": Integer(0, 64), "Recent decisions each worker keeps for the console; left out: 64.";
        "max_bytes": Integer(1024, 1_048_576), "Longest record.";
    }
}

object! { METRICS "metrics" "What is counted among the proxy's statistics, beside outcomes."
    {
        "tools": NAMES, "Tools whose decisions are also counted by policy and rule; at most 100.";
    }
}

object! { CONSOLE "console" "Who may look, decide and stop."
    needs_one &["token_sha256", "approvers"];
    {
        "token_sha256": Form("^[0-9A-Fa-f]{64}$", "64 hexadecimal digits"), "SHA-256 of one token that everybody shares; records name them `console`.";
        "approvers": List(&Shape::Object(&APPROVER)), "People with tokens of their own.";
    }
}

object! { APPROVER "approver" "Somebody who may use the console."
    needs &["id", "token_sha256"];
    {
        "id": Text, "The name in records and on decided questions.";
        "token_sha256": Form("^[0-9A-Fa-f]{64}$", "64 hexadecimal digits"), "SHA-256 of the token.";
        "groups": NAMES, "Groups that `approvers` of an entry may name.";
        "grants": NAMES, "Ids of this person's own grants, whose questions others decide.";
    }
}
