//! Which server a request is for, and who calls.

use super::context::Context;
use super::head::RequestHead;
use super::{Exchange, State, Step, head, record};
use crate::control;
use crate::counters::StoreLost;
use crate::headers::Headers;
use crate::identity::{Caller, Stranger, TurnedAway};
use crate::pep;
use crate::refusal::{Own, Rejection};
use crate::rpc::Id;

impl Exchange {
    /// Which server the request is for, and who calls.
    pub(super) fn identify(
        &mut self,
        cx: &mut Context<'_>,
        headers: &Headers,
        head: &RequestHead,
    ) -> Result<Caller, Step> {
        let gate = cx.gate;
        self.state = State::Done;
        if let Some(alias) = head::alias(headers, gate) {
            let detail = format!("some servers read `{alias}` with dashes");
            return Err(self.reject(cx, None, Rejection::Header, Id::NULL, &detail));
        }
        let Ok(server) = gate.servers.find(headers, &self.attributes) else {
            self.records = vec![record::turned_away(
                cx,
                head,
                &self.id,
                None,
                Own::NoServer.pointer(),
                pep::NO_SERVER,
            )];
            return Err(self.refuse(pep::no_server()));
        };
        let found = gate.identity.resolve(
            gate.policy_names(),
            headers,
            &self.attributes,
            server.clone(),
            cx.now,
        );
        let turned_away = match found {
            Ok(mut caller) => match self.is_revoked(cx, head, &caller)? {
                false => {
                    if !gate.http.trust_envoy_headers {
                        let router = head.router.iter().map(|name| (*name).into());
                        caller.removals.extend(router);
                    }
                    return Ok(caller);
                }
                true => TurnedAway {
                    stranger: Stranger::Revoked,
                    principal: Some(Box::new(caller.principal)),
                },
            },
            Err(turned_away) => turned_away,
        };
        Err(self.turn_away(cx, head, server, turned_away))
    }

    /// The caller, if it still is one when its request is complete: a body may come long after its headers.
    pub(super) fn still_welcome(
        &mut self,
        cx: &mut Context<'_>,
        head: &RequestHead,
        caller: Caller,
    ) -> Result<Caller, Step> {
        let stranger = if caller.expires.is_some_and(|expires| cx.now >= expires) {
            Stranger::Expired
        } else if self.is_revoked(cx, head, &caller)? {
            Stranger::Revoked
        } else {
            return Ok(caller);
        };
        let principal = Some(Box::new(caller.principal));
        let turned_away = TurnedAway {
            stranger,
            principal,
        };
        Err(self.turn_away(cx, head, caller.server, turned_away))
    }

    fn turn_away(
        &mut self,
        cx: &Context<'_>,
        head: &RequestHead,
        server: Option<Box<str>>,
        turned_away: TurnedAway,
    ) -> Step {
        let TurnedAway {
            stranger,
            principal,
        } = turned_away;
        let caller = principal.map(|principal| Caller {
            principal: *principal,
            server: None,
            removals: vec![],
            expires: None,
        });
        let rule = format!("/identity/{}", stranger.word());
        let mut record = record::turned_away(
            cx,
            head,
            &self.id,
            caller.as_ref(),
            &rule,
            stranger.message(),
        );
        record.server = server.map(Into::into);
        self.records = vec![record];
        let metadata = cx.gate.identity.resource_metadata.as_deref();
        self.refuse(pep::turned_away(stranger, metadata))
    }

    /// Whether an operator took the caller's grant back.
    fn is_revoked(
        &mut self,
        cx: &mut Context<'_>,
        head: &RequestHead,
        caller: &Caller,
    ) -> Result<bool, Step> {
        if caller.principal.source != "grant" {
            return Ok(false);
        }
        match control::is_revoked(cx.store, &caller.principal.id) {
            Ok(revoked) => Ok(revoked),
            Err(StoreLost) if cx.gate.counters.allow_on_store_error => Ok(false),
            Err(StoreLost) => {
                let known = Some((head, caller));
                Err(self.reject(cx, known, Rejection::Host, Id::NULL, ""))
            }
        }
    }
}
