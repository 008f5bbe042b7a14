"""Questions of the server that are withheld: the client answers what takes their place, and the call goes on."""

NEEDS_THE_GATE = True
STEPS = [
    {"call": "elicit"},
    {"call": "sample", "arguments": {"topic": "gates"}},
    {"call": "echo", "arguments": {"text": "still here"}},
]
POLICY = {
    "version": "1",
    "default": "allow",
    "results": {"deny_if": [{"regex": "Which colour"}, {"regex": "Say something about"}]},
}


def runs():
    clients = ("ts1", "ts2", "py1", "py2", "rmcp")
    return [(server, client, "legacy") for server in ("python", "typescript2") for client in clients]


def perform(rig, run):
    upstream = rig.start(run.server)
    with rig.kept_gate(upstream, f"withheld-{run.server}", POLICY) as (port, _):
        talk = rig.talk(run.client, run.era, port, STEPS, run.name)
    asked = talk.of("elicitation", "sampling")
    run.add("unasked", not asked, str(asked))
    for step, name in ((0, "elicit"), (1, "sample")):
        reply = talk.reply(step)
        # Without an answer the client would give up on its own.
        waits = reply is None or any(word in str(reply).lower() for word in ("timeout", "timed out", "no answer"))
        said = any(answer in str(reply) for answer in ("green", "a sampled answer"))
        run.add(name, not waits and not said, str(reply))
    run.add("goes-on", "still here" in str(talk.reply(2)), str(talk.reply(2)))
