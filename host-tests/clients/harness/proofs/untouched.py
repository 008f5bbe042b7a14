"""A gate that looks at everything and finds nothing: the bytes are those of the server, and those of no gate at all."""

from ..compare import changed_on_the_way, difference, wire
from ..gate import matrix_policy

NEEDS_THE_GATE = True
STEPS = [
    {"list": "tools"},
    {"call": "echo", "arguments": {"text": 'hello – "é" \\ 9007199254740993 \u2028'}},
    {"call": "add", "arguments": {"a": 2, "b": 3}},
    {"call": "create_refund", "arguments": {"amount": 40, "currency": "GBP"}},
    {"call": "slow_progress", "arguments": {"steps": 3, "gap_ms": 100}, "progress": True},
    {"call": "sample", "arguments": {"topic": "gates"}},
    {"call": "elicit"},
    {"call": "nothing_of_this_name"},
]
# Nobody is hidden from this list, and it is filtered all the same.
POLICY = {**matrix_policy(results=True), "default": "allow", "hide": ["not_there"]}


def runs():
    talks = [(client, era) for client in ("ts2", "py2", "rmcp") for era in ("legacy", "2026")]
    return [(server, client, era) for server in ("python", "typescript2") for client, era in talks]


def perform(rig, run):
    upstream = rig.server_port(run.server)
    direct = rig.talk(run.client, run.era, upstream, STEPS, f"{run.name}-direct")
    # A relay on each side of the gate: what it was given is what it gave.
    with rig.relayed_gate(upstream, run.name, POLICY) as (port, behind):
        gated = rig.talk(run.client, run.era, port, STEPS, run.name)
    changed = changed_on_the_way(behind.exchanges(), gated.exchanges)
    count = len(gated.exchanges)
    run.add("through", not changed, changed or f"{count} exchanges byte for byte as the server sent them")
    changed = difference(wire(direct), wire(gated))
    run.add("without", not changed, changed or f"{count} exchanges the same as without the gate")
