"""Secrets in every carrier: found without the gate, gone with it, and everything around them still there."""

from .. import carriers, compare
from ..wire import texts, walk

CALLS = ["text", "blocks", "structured", "keys", "resource", "link", "meta", "media", "tool_error", "rpc_error", "ask"]
STEPS = [
    {"list": "tools"},
    *({"call": name} for name in CALLS),
    *({"call": name, "progress": True} for name in ("progress", "log")),
    {"read": "memo://plain"},
    {"read": "memo://broken"},
    {"prompt": "brief"},
]
POLICY = {"version": "1", "default": "allow", "hide": ["delete_everything"], "results": {"redact": carriers.REDACT}}

IN_RESULTS = [
    "tool description",
    "text", "structured", "structured list", "structured deep", "keys", "resource text", "resource uri", "link uri",
    "link name", "link title", "link description", "item _meta", "result _meta", "image _meta", "audio _meta",
    "error message", "error data", "error data keys", "progress", "log", "log extra", "resource contents",
    "resource contents _meta", "prompt",
]  # fmt: skip
ASKED = ["elicitation", "elicitation schema", "sampling"]
REQUIRED = ["input request", "input request schema", "input request sampling"]
BESIDE_JSON = ["sse comment", "sse unknown field"]

# A notification may be this much later than without the gate, in milliseconds; machines are noisy.
MAX_EXTRA = 50
ATTEMPTS = 3


def runs():
    return [
        *(("fastmcp", client, "legacy") for client in ("ts1", "ts2", "py1", "py2", "rmcp")),
        *(("fastmcp", client, "2026") for client in ("ts2", "py2", "rmcp")),
        ("ts1", "ts1", "legacy"),
        ("ts1", "py1", "legacy"),
        ("ts2", "ts2", "legacy"),
        *(("ts2", client, "2026") for client in ("ts2", "py2", "rmcp")),
    ]


def expected(run):
    names = IN_RESULTS + (["instructions", *ASKED] if run.era == "legacy" else REQUIRED)
    if run.server != "fastmcp":
        return names
    if run.era != "legacy":  # FastMCP logs to those who ask for it, and from 2026-07-28 on none of these clients does.
        names = [name for name in names if not name.startswith("log")]
    return names + BESIDE_JSON[: 1 if run.client == "rmcp" else 2]


def perform(rig, run):
    upstream = rig.scripted(run.server)
    direct = rig.talk(run.client, run.era, upstream, STEPS, f"{run.name}-direct")
    found = check_found(run, direct, expected(run))
    if rig.direct:
        return
    with rig.kept_gate(upstream, f"secrets-{run.server}", POLICY) as (port, behind):
        gated = rig.talk(run.client, run.era, port, STEPS, run.name)
        check_gone(run, direct, gated, found, behind)
        check_timing(rig, run, upstream, port, direct, gated)


def everything_in(talk):
    return [text for _, response in talk.exchanges if response is not None for text in texts(response)]


def wanted(carrier):
    """The secrets a carrier can take."""
    if carrier.endswith("uri"):
        return set(carriers.IN_URI)
    return set(carriers.SECRETS) - ({"private_key"} if carrier.startswith("sse") else set())


def check_found(run, talk, names):
    """Each secret in each carrier. Returns what was found, with the words around secrets."""
    said, found, missing = everything_in(talk), {}, []
    for carrier in names:
        found[carrier] = carriers.carried(said, carrier)
        if lost := wanted(carrier) - found[carrier][0]:
            missing.append(f"{carrier}: {', '.join(sorted(lost))}")
    count = sum(len(secrets) for secrets, _ in found.values())
    run.add(
        "found", not missing, "not found in " + "; ".join(missing) if missing else f"{count} in {len(names)} carriers"
    )
    return found


def check_gone(run, direct, gated, found, behind):
    said = everything_in(gated)
    leaked = carriers.leaks(said)
    run.add("gone", not leaked, "\n".join(leaked) or f"none of them in {len(said)} texts")
    kept = [carrier for carrier, (_, words) in found.items() if carriers.carried(said, carrier)[1] != words]
    run.add("words", not kept, f"the words around secrets changed in: {', '.join(kept)}" if kept else "all still there")
    application = carriers.leaks(
        ("the application got", kind, text) for line in gated.said for kind, text in walk(line, "")
    )
    run.add("application", not application, "\n".join(application) or f"{len(gated.said)} replies and notifications")
    changed = compare.difference(compare.told(direct), compare.told(gated))
    run.add("replies", not changed, changed or "the same but for the secrets")
    check_bytes(run, gated, behind, compare.without_secrets)


def check_bytes(run, gated, behind, edit=str):
    """What the server sent is what the client got."""
    changed = compare.changed_on_the_way(behind.exchanges(), gated.exchanges, edit)
    run.add("bytes", not changed, changed or f"{len(gated.exchanges)} exchanges, the same but for the secrets")


def check_timing(rig, run, upstream, port, direct, gated):
    """How late progress is, against the time it carries, with the gate and without."""
    for attempt in range(ATTEMPTS):
        if attempt:
            step = [{"call": "progress", "progress": True}]
            direct = rig.talk(run.client, run.era, upstream, step, f"{run.name}-direct")
            gated = rig.talk(run.client, run.era, port, step, run.name)
        before, after = late(direct), late(gated)
        detail = f"late by {shown(after)} ms, without the gate {shown(before)} ms"
        if len(after) == len(before) >= 3 and max(after) <= max(before) + MAX_EXTRA:
            return run.add("timing", True, detail)
    run.add("timing", False, detail)


def late(talk):
    return [line["at"] - line["progress"]["progress"] for line in talk.said if "progress" in line]


def shown(numbers):
    return " ".join(f"{number:.0f}" for number in numbers)
