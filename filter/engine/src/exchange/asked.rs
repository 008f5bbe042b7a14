//! What a call asks for, by its parameters.

use super::assessment::Sender;
use super::besides::besides;
use crate::approvals::{Binding, Bound};
use crate::json::{Kind, Value, canonical};
use crate::mcp::{Asks, Method, is_normal};
use crate::pdp::Target;
use crate::policy::Policy;
use crate::rpc::{self, Call};

/// What a call asks for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'d> {
    pub(super) target: Target,
    /// Its name or URI, a string.
    pub(super) name: Value<'d>,
    pub(super) arguments: Option<Value<'d>>,
    /// All parameters.
    pub(super) params: Option<Value<'d>>,
    /// It only asks how an argument may go on: nothing runs, and there are no arguments of its own to judge.
    pub(super) is_completion: bool,
    /// A directory is asked for: it is judged by what is in it, and what comes is a list.
    pub(super) is_directory: bool,
    /// A tool result is expected. Where the client asked for a task (2025-11-25) it expects one, and chokes on a tool
    /// result.
    pub(super) tool_result: bool,
}

impl<'d> Asked<'d> {
    /// Reads the parameters of a call; `None` where its method names nothing a policy speaks of.
    ///
    /// # Errors
    /// What is wrong with them, where there is more to say than that something is.
    pub(super) fn read(
        call: &Call<'d>,
        method: &Method,
        modern: bool,
        policy: Option<&Policy>,
    ) -> Result<Option<Self>, &'static str> {
        let (target, name) = match method.asks {
            Asks::Protocol | Asks::List(_) => return Ok(None),
            Asks::Tool => (Target::Tool, text_param(call, "name")),
            Asks::Prompt => (Target::Prompt, text_param(call, "name")),
            Asks::Resource | Asks::Directory => (Target::Resource, text_param(call, "uri")),
            Asks::Completion => completion_target(call).ok_or("")?,
        };
        let name = name.ok_or("")?;
        let matters = policy.is_none_or(|policy| policy.resources.tells_apart());
        let is_clear = || name.as_str().is_some_and(|uri| is_normal(&uri));
        if target == Target::Resource && matters && !is_clear() {
            return Err("the URI is not in normal form, and may not mean what it says");
        }
        let is_completion = method.asks == Asks::Completion;
        let given = |key| call.param(key).filter(|value| !rpc::is_absent(*value));
        let arguments = given("arguments").filter(|_| !is_completion);
        if arguments.is_some_and(|arguments| arguments.kind() != Kind::Object) {
            return Err("");
        }
        let is_task = given("task").is_some() && !modern;
        Ok(Some(Asked {
            target,
            name,
            arguments,
            params: call.params,
            is_completion,
            is_directory: method.asks == Asks::Directory,
            tool_result: method.asks == Asks::Tool && !is_task,
        }))
    }

    /// What tells this call from others.
    pub(super) fn binding(&self, sender: &Sender<'_>) -> Binding {
        Binding::of_call(&Bound {
            principal: &sender.caller.principal,
            server: sender.caller.server.as_deref().unwrap_or_default(),
            kind: self.target.key(),
            target: &self.name.as_str().unwrap_or_default(),
            // No arguments are the same as an empty object.
            arguments: &self.arguments.map_or_else(|| "{}".to_owned(), canonical),
            besides: &self.besides(canonical).unwrap_or_default(),
        })
    }

    /// What the call carries besides its name and its arguments.
    pub(super) fn besides(&self, write: fn(Value<'_>) -> String) -> Option<String> {
        let named_by = match self.target {
            Target::Resource => "uri",
            _ => "name",
        };
        besides(self.params?, named_by, write)
    }
}

fn text_param<'d>(call: &Call<'d>, key: &str) -> Option<Value<'d>> {
    call.param(key).filter(|value| value.as_text().is_some())
}

/// `params.ref` of `completion/complete`: `{type: "ref/prompt", name}` or `{type: "ref/resource", uri}`.
fn completion_target<'d>(call: &Call<'d>) -> Option<(Target, Option<Value<'d>>)> {
    let reference = call.param("ref")?;
    let kind = reference.get("type")?.as_str()?;
    let (target, key) = match &*kind {
        "ref/prompt" => (Target::Prompt, "name"),
        "ref/resource" => (Target::Resource, "uri"),
        _ => return None,
    };
    let name = reference.get(key).filter(|value| value.as_text().is_some());
    Some((target, name))
}
