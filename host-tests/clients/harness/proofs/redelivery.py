"""A stream that ends after its first event, and the result that comes on a GET with Last-Event-ID."""

from ..wire import texts
from . import secrets

STEPS = [{"call": "redeliver", "progress": True}, {"call": "text"}]
CARRIERS = ["text", "progress"]


def runs():
    clients = ("ts1", "ts2", "py1", "py2", "rmcp")
    return [(server, client, "legacy") for server in ("fastmcp", "ts1", "ts2") for client in clients]


def perform(rig, run):
    upstream = rig.scripted(run.server)
    direct = rig.talk(run.client, run.era, upstream, STEPS, f"{run.name}-direct")
    check_resumed(run, "resumed", direct)
    found = secrets.check_found(run, direct, CARRIERS)
    if rig.direct:
        return
    with rig.kept_gate(upstream, f"secrets-{run.server}", secrets.POLICY) as (port, behind):
        gated = rig.talk(run.client, run.era, port, STEPS, run.name)
        check_resumed(run, "resumed through the gate", gated)
        secrets.check_gone(run, direct, gated, found, behind)


def check_resumed(run, name, talk):
    """The result of the call came on a GET that named the last event."""
    resumed = [
        place
        for request, response in talk.exchanges
        if request and request.start.startswith("GET") and request.header("last-event-id") and response
        for _, place, _ in texts(response)
    ]
    on_post = [
        request
        for request, response in talk.exchanges
        if request and b'"redeliver"' in request.body and response and b'"result"' in response.body
    ]
    holds = "result.content.*.text" in resumed and not on_post
    run.add(name, holds, "on a GET with Last-Event-ID" if holds else f"on GETs with Last-Event-ID: {resumed}")
