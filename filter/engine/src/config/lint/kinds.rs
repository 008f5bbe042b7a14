//! The kinds of warnings, and the warnings that were found.

/// One warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Which kind, such as `TG001`.
    pub code: &'static str,
    /// JSON Pointer into the document.
    pub pointer: String,
    /// What was found there, as a clause; what the author wrote in backquotes.
    pub message: String,
    /// What to write instead.
    pub help: &'static str,
}

/// A kind of warning.
#[derive(Debug, PartialEq, Eq)]
pub struct LintKind {
    /// Stable, never used for anything else.
    pub code: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What to write instead.
    pub help: &'static str,
}

macro_rules! kinds {
    ($($name:ident $code:literal $title:literal $help:literal)*) => {
        $(pub(super) const $name: LintKind = LintKind { code: $code, title: $title, help: $help };)*
        /// Every kind, by code.
        pub const KINDS: &[LintKind] = &[$($name),*];
    };
}

kinds! {
    STARTS_ANYWHERE "TG001" "an allow-list pattern that may begin anywhere"
        "begin every alternative with `^`"
    ENDS_ANYWHERE "TG002" "an allow-list pattern that may go on after its match"
        "end every alternative with `$`; if anything may follow, say so with `op: prefix`"
    OPEN_HOST "TG003" "an allow-list of hosts that lets other hosts through"
        "use `op: url` with `host_in`; it compares the host a client would connect to"
    URL_AS_TEXT "TG004" "a URL compared as text"
        "use `op: url` with `host_in` and `scheme_in`; it parses the URL and refuses what parsers read differently"
    OPEN_COMMAND "TG005" "an allow-list of commands that lets more through"
        "list the exact command lines with `op: in`, or the exact characters an argument may have"
    OPEN_PATH "TG006" "an allow-list of file paths that `..` leaves"
        "name the segments in a pattern such as `^/srv/docs(/[^/.][^/]*)+$`, or add `deny_if` with `op: contains, value: \"..\"`"
    ASCII_FOLDING "TG007" "`(?i)` with letters outside ASCII"
        "list both cases of these letters, such as `[éÉ]`"
    ESCAPED_BY_OMISSION "TG008" "a `deny_if` that a call escapes by leaving the argument out"
        "add a `require` on the same path, such as `op: exists, value: true`"
    BLOCKLIST "TG009" "a list of forbidden texts instead of permitted ones"
        "say in a `require` what is permitted; what nobody thought of then stays out"
    EMPTY_LIST "TG010" "a list with nothing in it"
        "name the values, or remove the condition"
    DEAD_DENY_IF "TG011" "a `deny_if` that a `require` makes impossible"
        "remove it, or widen the `require` it repeats"
    SAME_NAME "TG012" "two blocks with one name"
        "join them into one condition, or expect the second in the audit trail under a name that ends in `-2`"
    NOTHING_ENFORCED "TG013" "`default: allow` and no rules: nothing is enforced"
        "write `default: deny` and name the tools that are permitted"
    NO_DEFAULT "TG014" "no `default`"
        "write `default: deny` or `default: allow`; left out it means deny here, and allow in Intercept"
    NOTHING_ALLOWED "TG015" "`default: deny` and no entry: nothing is permitted"
        "name what is permitted; `\"*\"` adds rules to entries and permits nothing by itself"
    NEVER_DECIDES "TG016" "rules that never decide"
        "remove them, or the rule before them that always denies"
    HIDDEN_ENTRY "TG017" "an entry for something that is hidden"
        "remove the entry, or the name from `hide`"
    HIDDEN_LIMIT "TG018" "a limit on something that is hidden"
        "remove the limit, or the name from `hide`; a hidden tool is never called, so nothing is counted"
    ONLY_COUNTS "TG019" "a counter that nothing is compared with"
        "add a condition with `lte` on the rule's own counter"
    ODD_INCREMENT "TG020" "an increment that is no whole number of at least 1"
        "write a whole number; Intercept cuts fractions off, here they count exactly"
    NO_ROOM "TG021" "a limit that no call fits into"
        "write `deny: true` if that is meant, or a higher limit"
    PER_SESSION "TG022" "a limit by session"
        "use `scope: grant`; a caller gets a new session by initialising again, and protocol 2026-07-28 has none"
    GLOBAL_NAME "TG023" "a tool named `_global`"
        "avoid `state._global…` paths: there `_global` stands for the rules of `\"*\"`"
    RESOURCE_ARGS "TG024" "a condition on the arguments of a resource"
        "reading a resource takes no arguments; match on its URI, or look at `identity.*`"
    OPEN_WHEN_LOST "TG025" "calls are forwarded uncounted while the store is lost"
        "write `on_store_error: deny`, unless no limit here guards anything"
    HEADERS_LEAVE_EARLY "TG026" "request headers leave before the body is judged"
        "write `hold_request_headers: true` where the host has `allow_on_headers_stop_iteration`"
    UNENFORCED "TG027" "a part of a pinned input schema that is not enforced"
        "leave it to the server, or say it in a `require` on the argument"
    UNUSED_SCHEMA "TG028" "a pinned input schema that nothing is held to"
        "write `validate_arguments: true`, or leave `input_schema` out"
    NO_PIN "TG029" "an entry for a tool that is not pinned"
        "pin the tool: `toolgate pin URL --config` prints how; or write `unknown: allow`"
    COUNTS_FOR_NOBODY "TG030" "a counter of results that nothing is compared with"
        "add a condition on `counters.<name>` to the tools it should gate, or remove `count`"
    PATH_OUTSIDE "TG031" "a path that leads out of the result"
        "begin inside the result: `structuredContent.ssn`, `content[*].text`, `_meta.key`"
    LONG_HOLD "TG032" "a `hold` that is longer than clients wait"
        "write `hold: 45s`; the agent is then told to come back, and the question stays open until `timeout`"
    APPROVERS_OF_NOTHING "TG033" "`approvers` where no rule asks a person"
        "add an `approval` to the entry, or remove `approvers`"
    SHARED_BY_ALL "TG034" "a limit by caller where callers are not told apart"
        "add `identity` and `grants`, or write `scope: policy`, which is what it is"
    EMPTY_SECTION "TG035" "a list of rules with nothing in it"
        "write the rules, or remove the key; an entry without rules is `{}`"
    CLAIM_AS_TEXT "TG036" "`contains` on a claim that may be text"
        "compare the whole claim with `op: eq` or `op: in`, or have the issuer send a list"
    OPEN_PREFIX "TG037" "a prefix that comes from a claim"
        "have the claim end in a separator, such as `/home/ana/`, and deny `..` on the same path"
    REFUND_UNKNOWN "TG038" "calls that may have run are given back"
        "remove `refund_on_unknown`, unless the tool does nothing that matters before it answers"
    ANY_SCHEME "TG039" "a `url` that may have any scheme"
        "add `scheme_in: [https]`; `javascript:`, `file:` and `gopher:` have hosts, too"
    URL_BLOCKLIST "TG040" "a list of forbidden hosts"
        "say in a `require` which hosts are permitted; a host has more names than anybody lists"
    SHARE_BY_NETWORK "TG048" "a share that depends on the network"
        "add `identity` and `grants`: then each caller has a share of its own, wherever it calls from"
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Found(pub(super) Vec<Lint>);

impl Found {
    /// One more.
    pub(super) fn add(&mut self, kind: &LintKind, at: &str, message: impl Into<String>) {
        self.0.push(Lint {
            code: kind.code,
            pointer: at.to_owned(),
            message: message.into(),
            help: kind.help,
        });
    }
}
