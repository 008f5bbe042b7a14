"""The same secrets in forms that no SDK's server sends: as escapes, over many lines, in pieces, as a number."""

import http.client
import json
import time

from .. import carriers
from ..rig import SETTLE, Talk
from ..trace import Recorder
from . import secrets

FORMS = ["escaped", "lines", "carriage_returns", "letter_by_letter", "values", "number"]
TASKS = ["task status (notification)", "task (notification)", "task error (notification)", "task input (notification)"]
CARD = "4012888888881881"


def runs():
    return [("wire", "http", "2026")]


def perform(rig, run):
    upstream = rig.scripted(run.server)
    direct = [(form, talk_at(upstream, form)) for form in FORMS]
    for form, talk in direct:
        check(run, form, talk, found=True)
    listened = talk_at(upstream, None)
    found = secrets.check_found(run, listened, TASKS)
    if rig.direct:
        return
    with rig.kept_gate(upstream, "secrets-wire", secrets.POLICY) as (port, behind):
        for form, before in direct:
            after = talk_at(port, form)
            check(run, f"{form} through the gate", after, found=False)
        secrets.check_gone(run, listened, talk_at(port, None), found, behind)


def talk_at(port, form):
    """One POST: a call of the tool of this name, or for none a subscription."""
    method = "tools/call" if form else "subscriptions/listen"
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "forms", "version": "1.0.0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": form, "arguments": {}, "_meta": meta} if form else {"notifications": {}, "_meta": meta}
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        **({"mcp-name": form} if form else {}),
    }
    recorder = Recorder(port)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", recorder.port, timeout=10)
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        connection.request("POST", "/mcp", json.dumps(body), headers)
        said = connection.getresponse().read().decode()
        connection.close()
        time.sleep(SETTLE)
        return Talk([{"reply": {"step": 0, "reply": said}}], recorder.exchanges())
    finally:
        recorder.stop()


def check(run, name, talk, found):
    said = secrets.everything_in(talk)
    names, words = carriers.carried(said, "text")
    if found:
        ok = names == set(carriers.SECRETS) and (name != "number" or any(text == CARD for _, _, text in said))
        run.add(name, ok, f"not found: {set(carriers.SECRETS) - names}")
        return
    leaked = carriers.leaks(said) + [place for _, place, text in said if CARD in text]
    whole = words == set(carriers.SECRETS)
    run.add(name, not leaked and whole, "\n".join(leaked) or f"words of {len(words)} secrets")
