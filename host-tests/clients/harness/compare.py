"""Comparing two recordings of the same talk: what differs by nature is masked, and secrets are where they were."""

import json
import re

from . import carriers

# Ids, times and states that are made anew on every run.
MASKS = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r'("progress": ?)1\d{12}(\.\d+)?(?=\D)'), r"\1<time>"),
    (re.compile(r"\b1\d{12}(\.\d+)?\b"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "<time>"),
    (re.compile(r"\b\d{1,2}:\d\d:\d\d [AP]M\b"), "<time>"),
    (re.compile(r'("requestState": ?)"[^"]*"'), r'\1"<state>"'),
    (re.compile(r"\bsession_[0-9a-z]+|(?<=id: )\d{3,}(?=\r?\n)"), "<id>"),
]
WORDS = re.compile(r"(begin[ -](%s)[:/]).*?([:/]end[ -]\2)" % "|".join(carriers.SECRETS), re.DOTALL)
# What comes with the connection, not with the message.
HOP = {"date", "server", "transfer-encoding", "content-length", "connection", "keep-alive"}
HOP |= {"x-envoy-upstream-service-time"}


def without_secrets(text):
    """The words around secrets, with nothing between them."""
    return WORDS.sub(r"\1*\3", text)


def masked(text):
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return text


def shape(value):
    """What an application got, as text to compare: no secrets, no ids, no times."""
    return masked(without_secrets(json.dumps(value, ensure_ascii=False, sort_keys=True)))


def told(talk):
    """All an application got, in order; notifications and replies travel on streams of their own.

    Not the states of tasks: how many of them are seen is a matter of time.
    """
    rows = [f"{kind} {shape(value)}" for kind, value in talk.of("reply", "error")]
    others = talk.of("progress", "log", "sampling", "elicitation")
    return rows + sorted(f"{kind} {shape(value)}" for kind, value in others)


def exchanged(exchanges):
    """Every exchange as text: method and request body, then status, headers and response body."""
    for request, response in exchanges:
        if request is None:
            continue
        method, start, head, body = request.start.split()[0], "none", "", ""
        if response is not None:
            names = sorted(f"{name}: {value}" for name, value in response.headers if name not in HOP)
            start, head, body = response.start, "\n".join(names), response.body.decode("utf-8", "replace")
        yield f"{method}\n{request.body.decode()}", f"{start}\n{head}\n{body}"


def wire(talk):
    """Every exchange of a talk as text to compare with another talk."""
    return sorted(masked(f"{asked}\n{answered}") for asked, answered in exchanged(talk.exchanges))


def changed_on_the_way(before, after, edit=str):
    """The first exchange in front of the gate (`after`) that is not as it was behind it, but for what `edit` takes out.

    A stream of the server's own, on a GET, ends with the client, at a moment of its own on each side.
    """
    known = {}
    for asked, answered in exchanged(before):
        known.setdefault(asked, []).append(edit(answered))
    for asked, answered in exchanged(after):
        got, sent = edit(answered), known.get(asked, [])
        same = got in sent or (asked.startswith("GET") and any(text.startswith(whole_events(got)) for text in sent))
        if not same:
            return difference(sorted(sent)[:1] or ["nothing was sent"], [got])
    return ""


def whole_events(text):
    """A stream as far as its events are whole."""
    return re.match(r"(?s)(.*\r?\n\r?\n)?", text).group()


def difference(expected, found):
    """The first difference between two lists of texts; nothing if there is none."""
    for want, got in zip(expected + [None] * len(found), found + [None] * len(expected)):
        if want == got:
            continue
        if want is None or got is None:
            return f"only {'with' if want is None else 'without'} the gate: {(got or want)[:1500]!r}"
        at = next((n for n, (a, b) in enumerate(zip(want, got)) if a != b), min(len(want), len(got)))
        start = max(0, at - 120)
        return f"without the gate …{want[start : at + 200]!r}\nwith the gate    …{got[start : at + 200]!r}"
    return ""
