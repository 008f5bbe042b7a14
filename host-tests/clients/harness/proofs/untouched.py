"""A gate that looks at everything and finds nothing: the bytes are those of the server, and those of no gate at all."""

from ..compare import difference, wire
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
    clients = (("ts2", "legacy"), ("ts2", "2026"), ("py2", "legacy"), ("py2", "2026"), ("rmcp", "legacy"), ("rmcp", "2026"))
    return [(server, client, era) for server in ("python", "typescript2") for client, era in clients]


def perform(rig, run):
    upstream = rig.server_port(run.server)
    direct = rig.talk(run.client, run.era, upstream, STEPS, f"{run.name}-direct")
    # A relay on each side of the gate: what it was given is what it gave.
    with rig.relayed_gate(upstream, run.name, POLICY) as (port, behind):
        gated = rig.talk(run.client, run.era, port, STEPS, run.name)
    before, after = bodies(behind.exchanges()), bodies(gated.exchanges)
    changed = difference(before, after)
    run.add("through", not changed, changed or f"{len(after)} exchanges byte for byte as the server sent them")
    changed = difference(wire(direct, str), wire(gated, str))
    run.add("without", not changed, changed or f"{len(after)} exchanges the same as without the gate")


def bodies(exchanges):
    """What was asked and what was answered, with nothing masked."""
    rows = []
    for request, response in exchanges:
        if request is not None and response is not None and not is_closed_early(request):
            method, status = request.start.split()[0], response.start.split()[1]
            rows.append(f"{method} {request.body!r}\n{status} {response.body!r}")
    return sorted(rows)


def is_closed_early(request):
    """A stream of the server's own that ends with the client, at a moment of its own on each side."""
    return request.start.startswith("GET")
