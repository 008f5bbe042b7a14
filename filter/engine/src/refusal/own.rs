//! Refusals of the gate's own, that no rule of a policy wrote: where it cannot or will not do what a call or a reply needs.

macro_rules! own {
    ($($(#[doc = $about:literal])+ $name:ident $pointer:literal;)+) => {
        /// A refusal that no rule wrote. Its [`pointer`](Own::pointer) stands where that of a rule would: a closed list that
        /// dashboards may rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Own {
            $($(#[doc = $about])+ $name,)+
        }

        impl Own {
            /// All of them, for documentation and metrics.
            pub const ALL: &[Own] = &[$(Own::$name),+];

            /// What stands in place of the pointer of a rule.
            pub fn pointer(self) -> &'static str {
                match self {
                    $(Own::$name => $pointer,)+
                }
            }

            /// When it is given, and what to do about it.
            pub fn about(self) -> &'static str {
                match self {
                    $(Own::$name => concat!($($about),+).trim_ascii(),)+
                }
            }
        }
    };
}

own! {
    /// No server of `servers` matches the request. Add it, or route the request elsewhere.
    NoServer "/no-server";
    /// The caller has no policy: its grant names none and there is none for everybody.
    NoPolicy "/no-policy";
    /// An operator has stopped calls; the reason is the operator's. `resume` on the console lets them pass again.
    Stopped "/stopped";
    /// A tool that is hidden. Below `/prompts` and `/resources` for those.
    Hide "/hide";
    /// What no entry names, where `default` is `deny`. Below `/prompts` and `/resources` for those.
    Default "/default";
    /// Judging a call, or inspecting a reply, takes more work than its size pays for: long patterns, many rules or strange texts.
    Work "/work";
    /// The counters cannot be read: `counters.on_store_error` decides whether calls pass then.
    Counters "/counters";
    /// A tool without a pin, where `pins.unknown` is `hide`.
    PinsUnknown "/pins/unknown";
    /// A call brings state of a question that the gate did not issue, or that belongs to another call.
    ApprovalsState "/approvals/state";
    /// The store of approvals cannot be reached.
    ApprovalsUnavailable "/approvals/unavailable";
    /// Too many questions wait for a person.
    ApprovalsFull "/approvals/full";
    /// A call that a person has to approve is too long to be shown whole. Make it shorter.
    ApprovalsSize "/approvals/size";
    /// A reply is encoded, which nothing asked for, so it cannot be read.
    ResultsEncoding "/results/encoding";
    /// A reply is longer than `results.max_json_bytes`.
    ResultsSize "/results/size";
    /// A reply cannot be read safely: not JSON, ambiguous, or not what it says it is.
    ResultsUnreadable "/results/unreadable";
    /// What takes the place of a reply is longer than the proxy may hold.
    ResultsRoom "/results/room";
    /// A worker keeps as much text as `http.max_kept_bytes` permits, and most of it of this server.
    ResultsCrowded "/results/crowded";
    /// Something would have to be redacted in the file or the entry of a skill, whose digest would then no longer hold. Leave it to
    /// `except` or to the server.
    ResultsSkill "/results/skill";
    /// The reply opens the HTTP+SSE transport of 2024-11-05, whose calls would pass beside the gate.
    SseTransport "/protocol/sse-transport";
}
