//! What a server offers, asked over whatever carries the messages.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use rmcp::model::{ClientConfig, PaginatedRequestParams};
use rmcp::service::{RoleClient, RunningService};
use toolgate_engine::json::{Document, Limits};

use super::{Scan, ToolDefinition};
use crate::text::one_line;

/// Most pages of one list. A server that goes on handing out cursors is not waited for.
const MAX_PAGES: usize = 1000;
/// Most messages that are kept while one page is asked for.
const MAX_MESSAGES: usize = 64;

pub(super) type Client = RunningService<RoleClient, ClientConfig>;

/// Messages of the server as they came over the wire, kept while a list of tools is asked for.
///
/// rmcp hands over what it understood of a tool: unknown annotations are gone, and numbers have been through doubles. A
/// digest must be taken over what the server wrote.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages(Arc<Mutex<Vec<String>>>);

impl Messages {
    /// Keeps one, of the last few: a server may send any number of others beside a list.
    pub(super) fn keep(&self, text: &str) {
        let mut kept = self.kept();
        if kept.len() >= MAX_MESSAGES {
            kept.remove(0);
        }
        kept.push(text.to_owned());
    }

    /// Those since the last time.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.kept())
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a connected server for everything. `address` is how it is named in what is written.
pub(super) async fn inventory(
    client: &Client,
    messages: &Messages,
    address: String,
    progress: &dyn Fn(String),
) -> Result<Scan> {
    let info = client
        .peer_info()
        .context("the server said nothing about itself")?
        .clone();

    let about = info.server_info.as_ref();
    let mut scan = Scan {
        url: address,
        server: about
            .map_or("an MCP server", |about| &about.name)
            .to_owned(),
        version: about.map_or("", |about| &about.version).to_owned(),
        protocol: info.protocol_version.to_string(),
        tools: Vec::new(),
        prompts: 0,
        resources: 0,
        templates: 0,
        unlisted: Vec::new(),
    };
    let capabilities = &info.capabilities;
    if capabilities.tools.is_some() {
        scan.tools = tools(client, messages, progress).await?;
    }
    if capabilities.prompts.is_some() {
        progress("listing prompts".to_owned());
        let prompts = count(async |page| {
            let page = client.list_prompts(page).await?;
            Ok((page.prompts.len(), page.next_cursor))
        });
        scan.prompts = told(prompts.await, "prompts", &mut scan.unlisted);
    }
    if capabilities.resources.is_some() {
        progress("listing resources".to_owned());
        let resources = count(async |page| {
            let page = client.list_resources(page).await?;
            Ok((page.resources.len(), page.next_cursor))
        });
        scan.resources = told(resources.await, "resources", &mut scan.unlisted);
        // Many servers have resources and no templates, and say so with an error.
        let templates = count(async |page| {
            let page = client.list_resource_templates(page).await?;
            Ok((page.resource_templates.len(), page.next_cursor))
        });
        scan.templates = templates.await.unwrap_or_default();
    }
    Ok(scan)
}

async fn tools(
    client: &Client,
    messages: &Messages,
    progress: &dyn Fn(String),
) -> Result<Vec<ToolDefinition>> {
    let mut tools: Vec<ToolDefinition> = Vec::new();
    let mut pages = Pages::default();
    let mut cursor = None;
    loop {
        progress(match tools.len() {
            0 => "listing tools".to_owned(),
            count => format!("listing tools ({count} so far)"),
        });
        messages.take();
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        let page = client
            .list_tools(Some(params))
            .await
            .context("listing the tools")?;
        let written = written(&messages.take(), page.tools.len())?;
        for tool in written {
            if tools.iter().any(|other| other.name == tool.name) {
                bail!(
                    "the server lists two tools named `{}`: which one a call means is not defined",
                    one_line(&tool.name, 80)
                );
            }
            tools.push(tool);
        }
        cursor = pages.next(page.next_cursor)?;
        if cursor.is_none() {
            return Ok(tools);
        }
    }
}

/// The tools of one page, from the messages that came with it.
fn written(messages: &[String], count: usize) -> Result<Vec<ToolDefinition>> {
    let mut why = "it came with other messages than it should".to_owned();
    for message in messages {
        let document = match Document::parse(message.as_bytes(), &Limits::CONFIG) {
            Ok(document) => document,
            Err(error) => {
                why = error.to_string();
                continue;
            }
        };
        let Some(list) = document
            .root()
            .get("result")
            .and_then(|result| result.get("tools"))
        else {
            continue;
        };
        let tools: Option<Vec<_>> = list.items().map(ToolDefinition::from_value).collect();
        if let Some(tools) = tools.filter(|tools| tools.len() == count) {
            return Ok(tools);
        }
    }
    bail!("the server's list of tools cannot be read without doubt: {why}")
}

/// A count that the policy can do without: a database's server has tools while its database is away, and no resources.
fn told(counted: Result<usize>, what: &str, unlisted: &mut Vec<String>) -> usize {
    counted.unwrap_or_else(|error| {
        unlisted.push(format!("{what}: {}", one_line(&format!("{error:#}"), 200)));
        0
    })
}

/// How many entries a list has, over all its pages.
async fn count(
    mut page: impl AsyncFnMut(Option<PaginatedRequestParams>) -> Result<(usize, Option<String>)>,
) -> Result<usize> {
    let mut pages = Pages::default();
    let (mut total, mut cursor) = (0, None);
    loop {
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        let (entries, next) = page(Some(params)).await?;
        total += entries;
        cursor = pages.next(next)?;
        if cursor.is_none() {
            return Ok(total);
        }
    }
}

/// Sees that a list ends.
#[derive(Default)]
struct Pages(HashSet<String>);

impl Pages {
    fn next(&mut self, cursor: Option<String>) -> Result<Option<String>> {
        if let Some(cursor) = &cursor {
            ensure!(
                self.0.insert(cursor.clone()),
                "the server hands out the same cursor twice: its list has no end"
            );
            ensure!(
                self.0.len() < MAX_PAGES,
                "the server's list has more than {MAX_PAGES} pages"
            );
        }
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_end() {
        let mut pages = Pages::default();
        assert_eq!(pages.next(Some("a".into())).unwrap().as_deref(), Some("a"));
        assert!(pages.next(Some("a".into())).is_err());
        assert_eq!(pages.next(None).unwrap(), None);
    }
}
