//! Every method a client may send, in all five protocol versions, and how it is judged.
//!
//! Methods only servers send (`sampling/createMessage`, `elicitation/create`, `roots/list`, most notifications)
//! are not listed: a client sending one is refused like any unknown method.

/// What a permitted request of this method asks for, and so what is decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// `params.name` is a tool to run.
    Tool,
    /// `params.name` is a prompt.
    Prompt,
    /// `params.uri` is a resource.
    Resource,
    /// `params.uri` is a directory of resources, which are listed.
    Directory,
    /// `params.ref` is a prompt or a resource template to complete for.
    Completion,
    /// A list, filtered on its way back.
    List(List),
    /// Housekeeping that names nothing a policy speaks of.
    Protocol,
}

/// Which list a request asks for, and so which key of the result holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `tools/list`
    Tools,
    /// `prompts/list`
    Prompts,
    /// `resources/list`
    Resources,
    /// `resources/templates/list`
    Templates,
    /// `skills/list`
    Skills,
}

impl List {
    /// All of them.
    pub const ALL: [List; 5] = [
        List::Tools,
        List::Prompts,
        List::Resources,
        List::Templates,
        List::Skills,
    ];

    /// The key of the result under which the entries stand.
    pub fn key(self) -> &'static str {
        match self {
            List::Tools => "tools",
            List::Prompts => "prompts",
            List::Resources => "resources",
            List::Templates => "resourceTemplates",
            List::Skills => "skills",
        }
    }

    /// The key of an entry that a policy matches on.
    pub fn entry_key(self) -> &'static str {
        match self {
            List::Tools | List::Prompts => "name",
            List::Resources | List::Skills => "uri",
            List::Templates => "uriTemplate",
        }
    }
}

/// One method.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    /// As on the wire, compared by exact bytes.
    pub name: &'static str,
    /// How it is judged.
    pub asks: Asks,
    /// Whether it is sent without an id.
    pub notification: bool,
    /// The member of `params` that `Mcp-Name` mirrors.
    pub mirrored: Option<&'static str>,
    /// Whether clients may leave `Mcp-Name` out all the same.
    pub may_be_unmirrored: bool,
    /// Whether it is gone since 2026-07-28, and names what could then not be judged.
    pub is_gone: bool,
}

impl Method {
    const fn unmirrored(self) -> Self {
        Method {
            may_be_unmirrored: true,
            ..self
        }
    }

    const fn gone(self) -> Self {
        Method {
            is_gone: true,
            ..self
        }
    }

    /// The method with exactly this name.
    pub fn find(name: &str) -> Option<&'static Method> {
        METHODS.iter().find(|method| method.name == name)
    }
}

const fn request(name: &'static str, asks: Asks, mirrored: Option<&'static str>) -> Method {
    Method {
        name,
        asks,
        notification: false,
        mirrored,
        may_be_unmirrored: false,
        is_gone: false,
    }
}

const fn notification(name: &'static str) -> Method {
    Method {
        name,
        asks: Asks::Protocol,
        notification: true,
        mirrored: None,
        may_be_unmirrored: false,
        is_gone: false,
    }
}

/// The table. `mirrored` follows 2026-07-28 and its extensions for tasks (SEP-2663) and skills (SEP-2640); the latter leaves the
/// header open, and SDKs do not send it.
pub const METHODS: &[Method] = &[
    request("tools/call", Asks::Tool, Some("name")),
    request("tools/list", Asks::List(List::Tools), None),
    request("prompts/get", Asks::Prompt, Some("name")),
    request("prompts/list", Asks::List(List::Prompts), None),
    request("resources/read", Asks::Resource, Some("uri")),
    request("resources/subscribe", Asks::Resource, None).gone(),
    request("resources/unsubscribe", Asks::Resource, None).gone(),
    request("resources/list", Asks::List(List::Resources), None),
    request(
        "resources/templates/list",
        Asks::List(List::Templates),
        None,
    ),
    request("resources/directory/read", Asks::Directory, Some("uri")).unmirrored(),
    request("skills/list", Asks::List(List::Skills), None),
    request("skills/get", Asks::Resource, Some("uri")).unmirrored(),
    request("completion/complete", Asks::Completion, None),
    request("initialize", Asks::Protocol, None),
    request("ping", Asks::Protocol, None),
    request("logging/setLevel", Asks::Protocol, None),
    request("server/discover", Asks::Protocol, None),
    request("subscriptions/listen", Asks::Protocol, None),
    request("tasks/get", Asks::Protocol, Some("taskId")),
    request("tasks/update", Asks::Protocol, Some("taskId")),
    request("tasks/cancel", Asks::Protocol, Some("taskId")),
    request("tasks/result", Asks::Protocol, None),
    request("tasks/list", Asks::Protocol, None),
    notification("notifications/initialized"),
    notification("notifications/cancelled"),
    notification("notifications/progress"),
    notification("notifications/roots/list_changed"),
    notification("notifications/tasks/status"),
];
