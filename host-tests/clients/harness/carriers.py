"""The secrets, the script by which the servers of `servers/secrets*` say them, and where they must then be found.

A server is given the script as a file: `tools` with the result, the notifications, the error and the questions of each,
`resources`, `prompts`. What it says is in the script word by word, so that every server says the same.
"""

import json
import re

from . import setup

# In pieces in the file, so that no scanner of repositories takes them for real ones.
SECRETS = {name: "".join(pieces) for name, pieces in json.loads((setup.CLIENTS / "secrets.json").read_text()).items()}
DETECTORS = [name for name in SECRETS if name not in ("url", "own")]
# server-everything has the address of its own sources in a schema.
HOSTS = ["docs.acme.test", "raw.githubusercontent.com"]
REDACT = [*DETECTORS, {"url": {"allow_hosts": HOSTS}}, {"regex": "zq_[0-9a-f]{12}", "with": "[own key]"}]

# Every secret with words around it, which must still be there when the secret is gone.
EACH = [f"begin {name}: {secret} :end {name}" for name, secret in SECRETS.items()]
ALL = "\n".join(EACH)
# URIs take no space and no line end; these secrets need neither.
IN_URI = ["jwt", "aws_key", "github_token", "stripe_key", "google_api_key", "own", "slack_token"]
URI = "memo://vault/" + "/".join(f"begin-{name}/{SECRETS[name]}/end-{name}" for name in IN_URI)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def text(value):
    return {"type": "text", "text": value}


def result(*content, **more):
    """A tool that just returns this."""
    return {"result": {"content": list(content), **more}}


def script():
    """What the servers say."""
    said = text("said")
    person = {"name": "Jane", "ssn": SECRETS["ssn"], "salary": 54321.5, "age": 41, "member": True, "note": ALL}
    question = {"type": "object", "properties": {"answer": {"type": "string", "description": ALL}}}
    embedded = {"uri": URI, "text": ALL, "mimeType": "text/plain"}
    link = {"type": "resource_link", "uri": URI, "name": ALL, "title": ALL, "description": ALL}
    image = {"type": "image", "data": PIXEL, "mimeType": "image/png", "_meta": {"acme/exif": ALL}}
    audio = {"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav", "_meta": {"acme/id3": {"artist": ALL}}}
    structured = {"note": ALL, "list": EACH, "deep": {"er": [{"s": ALL}]}}
    keys = {"map": {one: number for number, one in enumerate(EACH)}}
    meta = {"acme/note": {"list": EACH}}
    return {
        "secrets": ALL,
        "lines": [one for one in EACH if "\n" not in one],
        "tools": {
            "text": {"description": ALL, **result(text(ALL))},
            "blocks": result(*(text(one) for one in EACH)),
            "structured": result(said, structuredContent=structured),
            "keys": result(said, structuredContent=keys),
            "resource": result({"type": "resource", "resource": embedded}),
            "link": result(link),
            "meta": result({**said, "_meta": {"acme/note": ALL}}, _meta=meta),
            "media": result(image, audio),
            "tool_error": result(text(ALL), isError=True),
            "rpc_error": {"error": {"code": 1500, "message": ALL, "data": {"trace": EACH, "map": {ALL: ALL}}}},
            "progress": {"notify": ["progress"] * 3, "gap_ms": 150, **result(said)},
            "log": {"notify": ["log"] * 2, "gap_ms": 10, **result(said)},
            "ask": {"elicit": {"message": ALL, "requestedSchema": question}, "sample": ALL, **result(said)},
            "redeliver": {"close": True, "notify": ["progress"], "gap_ms": 200, **result(text(ALL))},
            "broken": {"schema": PERSON, **result(said, structuredContent={"name": 5})},
            "person": {"schema": PERSON, **result(text(json.dumps(person)), structuredContent=person)},
        },
        "resources": {"memo://plain": [{**embedded, "uri": "memo://plain", "_meta": {"acme/note": ALL}}]},
        "resource_error": {"code": 1501, "message": ALL, "data": ALL},
        "prompts": {"brief": [{"role": "user", "content": text(ALL)}, {"role": "assistant", "content": text("said")}]},
    }


def script_of(tool):
    """The result of one tool."""
    return script()["tools"][tool]["result"]


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "ssn": {"type": "string"},
        "salary": {"type": "number"},
        "age": {"type": "integer"},
        "member": {"type": "boolean"},
        "note": {"type": "string"},
    },
    "required": ["name", "ssn", "salary", "age", "member", "note"],
    "additionalProperties": False,
}
# What redaction by path leaves of it: the types hold, the values are gone.
PATHS = ["structuredContent.ssn", "structuredContent.salary", "structuredContent.age", "structuredContent.member"]

DESCRIPTION = "params.requestedSchema.properties.answer.description"

# Carrier -> (the message's method, the place in it). Without a method it is a response.
PLACES = {
    "instructions": (None, "result.instructions"),
    "tool description": (None, "result.tools.*.description"),
    "text": (None, "result.content.*.text"),
    "structured": (None, "result.structuredContent.note"),
    "structured list": (None, "result.structuredContent.list.*"),
    "structured deep": (None, "result.structuredContent.deep.er.*.s"),
    "keys": (None, "result.structuredContent.map.{}"),
    "resource text": (None, "result.content.*.resource.text"),
    "resource uri": (None, "result.content.*.resource.uri"),
    "link uri": (None, "result.content.*.uri"),
    "link name": (None, "result.content.*.name"),
    "link title": (None, "result.content.*.title"),
    "link description": (None, "result.content.*.description"),
    "item _meta": (None, "result.content.*._meta.acme/note"),
    "result _meta": (None, "result._meta.acme/note.list.*"),
    "image _meta": (None, "result.content.*._meta.acme/exif"),
    "audio _meta": (None, "result.content.*._meta.acme/id3.artist"),
    "error message": (None, "error.message"),
    "error data": (None, "error.data.trace.*"),
    "error data keys": (None, "error.data.map.{}"),
    "progress": ("notifications/progress", "params.message"),
    "log": ("notifications/message", "params.data.msg"),
    "log extra": ("notifications/message", "params.data.extra.more"),
    "elicitation": ("elicitation/create", "params.message"),
    "elicitation schema": ("elicitation/create", DESCRIPTION),
    "sampling": ("sampling/createMessage", "params.messages.*.content.text"),
    "input request": (None, "result.inputRequests.person.params.message"),
    "input request schema": (None, f"result.inputRequests.person.{DESCRIPTION}"),
    "input request sampling": (None, "result.inputRequests.model.params.messages.*.content.text"),
    "resource contents": (None, "result.contents.*.text"),
    "resource contents _meta": (None, "result.contents.*._meta.acme/note"),
    "prompt": (None, "result.messages.*.content.text"),
    "task status": (None, "result.task.statusMessage"),
    "task status (get)": (None, "result.statusMessage"),
    "task status (notification)": ("notifications/tasks", "params.statusMessage"),
    "task error (notification)": ("notifications/tasks", "params.error.message"),
    "task input (notification)": ("notifications/tasks", "params.inputRequests.person.params.message"),
    "task result (get)": (None, "result.result.content.*.text"),
    "task error (get)": (None, "result.error.message"),
    "task input (get)": (None, "result.inputRequests.person.params.message"),
    "task input schema (get)": (None, f"result.inputRequests.person.{DESCRIPTION}"),
    "task (notification)": ("notifications/tasks", "params.result.content.*.text"),
    "sse comment": (None, "sse.comment"),
    "sse unknown field": (None, "sse.note"),
}


def carried(texts, carrier):
    """The secrets found in a carrier, and the words around secrets."""
    method, place = PLACES[carrier]
    here = "\n".join(inner for found, where, inner in texts if found == method and where == place)
    return {name for name, secret in SECRETS.items() if secret in here}, {
        name for name in SECRETS if re.search(rf"begin[ -]{name}[:/]", here) and re.search(rf"[:/]end[ -]{name}", here)
    }


def leaks(texts):
    """Every secret in any text, with the place: nothing of this may reach a client."""
    found = []
    for method, place, inner in texts:
        names = [name for name, secret in SECRETS.items() if secret in inner]
        if names:
            found.append(f"{', '.join(names)} in {method or 'response'} {place}")
    return sorted(set(found))
