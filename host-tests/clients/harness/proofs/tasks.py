"""Results that come later, in a reply that names no tool: tasks of 2025-11-25 and of 2026-07-28."""

from .. import carriers
from . import secrets

# server-everything says its topic in the result, in a status and in a question.
RESEARCH = [{"task": "simulate-research-query", "arguments": {"topic": carriers.ALL, "ambiguous": True}}]
TASKS = [{"task": name} for name in ("task", "task_that_fails", "task_that_asks")]

EXPECTED = {
    "everything": ["text", "task status (get)", "elicitation"],
    "rmcp": [
        "task status (get)", "task result (get)", "task error (get)", "task input (get)", "task input schema (get)",
    ],
}  # fmt: skip


def runs():
    return [("everything", "ts1", "legacy"), ("everything", "py1", "legacy"), ("rmcp", "rmcp", "2026")]


def perform(rig, run):
    upstream = rig.scripted(run.server)
    steps = TASKS if run.server == "rmcp" else RESEARCH
    direct = rig.talk(run.client, run.era, upstream, steps, f"{run.name}-direct")
    found = secrets.check_found(run, direct, EXPECTED[run.server])
    if rig.direct:
        return
    with rig.kept_gate(upstream, f"secrets-{run.server}", secrets.POLICY) as (port, behind):
        gated = rig.talk(run.client, run.era, port, steps, run.name)
        secrets.check_gone(run, direct, gated, found, behind)
