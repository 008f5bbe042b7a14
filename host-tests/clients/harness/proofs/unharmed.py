"""The reference server through every detector: long-running calls, sampling, elicitation, resources, prompts."""

from .. import compare
from . import secrets

STEPS = [
    {"list": "tools"},
    {"call": "echo", "arguments": {"message": 'hello – "é" \\ 9007199254740993'}},
    {"call": "get-sum", "arguments": {"a": 2, "b": 3}},
    {"call": "get-structured-content", "arguments": {"location": "Chicago"}},
    {"call": "get-tiny-image"},
    {"call": "get-annotated-message", "arguments": {"messageType": "error", "includeImage": True}},
    {"call": "get-resource-links", "arguments": {"count": 3}},
    {"call": "get-resource-reference", "arguments": {"resourceType": "Text", "resourceId": 1}},
    {"call": "trigger-long-running-operation", "arguments": {"duration": 1, "steps": 4}, "progress": True},
    {"call": "trigger-sampling-request", "arguments": {"prompt": "Say something.", "maxTokens": 50}},
    {"call": "trigger-elicitation-request"},
    {"read": "demo://resource/dynamic/text/1"},
    {"prompt": "simple-prompt"},
]
PROGRESS = 4


def runs():
    return [("everything", client, "legacy") for client in ("ts1", "ts2", "py1", "py2", "rmcp")]


def perform(rig, run):
    upstream = rig.scripted(run.server)
    direct = rig.talk(run.client, run.era, upstream, STEPS, f"{run.name}-direct")
    errors = direct.of("error")
    asked = [kind for kind, _ in direct.of("sampling", "elicitation")]
    holds = not errors and asked == ["sampling", "elicitation"] and len(direct.of("progress")) >= PROGRESS
    run.add("works", holds, f"{errors}; asked {asked}, {len(direct.of('progress'))} progress notifications")
    if rig.direct:
        return
    with rig.kept_gate(upstream, f"secrets-{run.server}", secrets.POLICY) as (port, behind):
        gated = rig.talk(run.client, run.era, port, STEPS, run.name)
        changed = compare.difference(compare.told(direct), compare.told(gated))
        run.add("replies", not changed, changed or "the same")
        secrets.check_bytes(run, gated, behind)
