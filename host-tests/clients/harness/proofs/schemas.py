"""Structured content with values gone, in every form that results have: every client holds it against the tool's output
schema, and accepts it."""

from .. import carriers
from ..compare import without_secrets
from . import secrets

NEEDS_THE_GATE = True
STEPS = [{"list": "tools"}, {"call": "person"}, {"call": "broken"}]
POLICY = {
    **secrets.POLICY,
    "tools": {"person": {"result": {"redact": [{"path": path} for path in carriers.PATHS]}}},
}
# By their keys, with the last digits of a card, and texts that say which server they are from.
FORMS = {
    **secrets.POLICY,
    "server": "crm",
    "results": {
        "redact": [{"keys": ["ssn", "salary", "age", "member"]}, *carriers.REDACT, {"credit_card": {"keep_last": 4}}],
        "label": True,
    },
}
# Structured content is not cut: what takes its place is no content of the schema, and the client must not look for one.
CUT = {**secrets.POLICY, "results": {"redact": carriers.REDACT, "max_bytes": 300, "over": "truncate"}}
# What is left of a number and of a truth value.
GONE = {"salary": 0, "age": 0, "member": False}


def runs():
    legacy = [("ts2", client, "legacy") for client in ("ts1", "ts2", "py1", "py2")]
    return legacy + [("ts2", client, "2026") for client in ("ts2", "py2")]


def perform(rig, run):
    upstream = rig.scripted(run.server)
    direct = rig.talk(run.client, run.era, upstream, STEPS, f"{run.name}-direct")
    person = direct.reply(1).get("reply", {}).get("structuredContent")
    run.add("direct", person == carriers.script_of("person")["structuredContent"], str(direct.reply(1)))
    check_validates(run, direct)
    with rig.kept_gate(upstream, "schemas", POLICY) as (port, _):
        gated = rig.talk(run.client, run.era, port, STEPS, run.name)
        check_accepted(run, gated)
        check_validates(run, gated)
        leaked = carriers.leaks(secrets.everything_in(gated))
        run.add("gone", not leaked, "\n".join(leaked))
    with rig.kept_gate(upstream, "schemas-forms", FORMS) as (port, _):
        gated = rig.talk(run.client, run.era, port, STEPS, f"{run.name}-forms")
        check_accepted(run, gated, "accepted in other forms")
        content = gated.reply(1).get("reply", {}).get("content") or [{}]
        run.add("labelled", str(content[0].get("text")).startswith("[server: crm]\n"), str(gated.reply(1)))
    with rig.kept_gate(upstream, "schemas-cut", CUT) as (port, _):
        gated = rig.talk(run.client, run.era, port, STEPS, f"{run.name}-cut")
        reply = gated.reply(1).get("reply", {})
        told = reply.get("isError") and "/results/max_bytes" in str(reply.get("content"))
        run.add("withheld and told", bool(told), str(gated.reply(1)))


def check_validates(run, talk):
    """The client does look: content that breaks the schema is an error to it."""
    broken = talk.reply(2)
    run.add("validates", "error" in broken and "500" not in str(broken), str(broken))


def check_accepted(run, talk, name="accepted"):
    reply = talk.reply(1).get("reply", {})
    person = reply.get("structuredContent") or {}
    typed = {key: person.get(key) for key in GONE}
    same = all(typed[key] == value and type(typed[key]) is type(value) for key, value in GONE.items())
    note = without_secrets(person.get("note", "")) == without_secrets(carriers.ALL)
    ssn = isinstance(person.get("ssn"), str) and person["ssn"] != carriers.SECRETS["ssn"]
    holds = not reply.get("isError") and same and note and ssn and person.get("name") == "Jane"
    run.add(name, holds, str(talk.reply(1)))
