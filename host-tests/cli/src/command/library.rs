//! `toolgate init --from NAME`: a policy that is ready for a well-known server.

use std::path::Path;

use super::output::Files;
use super::{Outcome, failure};
use crate::init::{LIBRARY, ready};
use crate::text::one_line;

/// Writes the policy of this name, its tests, its pins and its page; `list` prints the names.
pub(super) fn copy(name: &str, out: &Path, force: bool) -> Outcome {
    if name == "list" {
        let names = LIBRARY.iter().map(|ready| format!("{}\n", ready.name));
        return Outcome {
            output: names.collect(),
            ..Outcome::default()
        };
    }
    let ready = match ready(name) {
        Ok(ready) => ready,
        Err(near) => {
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let names: Vec<_> = LIBRARY.iter().map(|ready| ready.name).collect();
            return failure(format!(
                "error: there is no policy for `{}`{near}\nthere are: {}\n`toolgate scan` makes one for any other server\n",
                one_line(name, 60),
                names.join(", ")
            ));
        }
    };
    let policy = match ready.pinned_policy() {
        Ok(policy) => policy,
        Err(error) => return failure(format!("error: {error:#}\n")),
    };
    let mut files = Files::default();
    for (file, text) in [
        ("README.md", ready.readme),
        ("policy.yaml", &policy),
        ("tests.yaml", ready.tests),
        ("pins.json", ready.pins),
    ] {
        files.add(out.join(file), text);
    }
    if let Some(message) = files.in_the_way(force) {
        return failure(message);
    }
    if let Err(message) = files.write() {
        return failure(message);
    }
    let path = |file: &str| out.join(file).display().to_string();
    Outcome {
        output: format!(
            "written, a policy for `{name}`:\n{}\nnext:\n  \
             1. Put your own names, paths and amounts in place of the example's: {readme} says which.\n  \
             2. toolgate check {policy} && toolgate test {directory}    change the tests with the policy\n  \
             3. {readme} has the command that holds your server against the tools this was written for. The policy pins\n     \
                them: a tool that differs is hidden and denied, and so are calls that do not fit its schema\n  \
             4. toolgate console token --id ana    what waits for a person waits until one has a token\n  \
             5. toolgate render envoy --policy {policy} --upstream 127.0.0.1:3000 --approver HASH    the hash that 4 printed\n",
            files.list(),
            name = ready.name,
            readme = path("README.md"),
            policy = path("policy.yaml"),
            directory = out.display(),
        ),
        ..Outcome::default()
    }
}
