"""The checks of the client matrix, written once for both Python clients; cases.json holds what they expect.

A client hands over `connect(url, token)`, an async context manager that sends the bearer token, if there is one, and
yields a session with `version`, `era`, `list_tools`, `call`, `read`, `prompt` and, from 2026-07-28 on, `listen`; it
answers sampling with cases["sample"]["answer"] and elicitation with cases["elicit"]["answer"]. `call` returns the reply
as the plain JSON object the protocol describes. One JSON line is printed for each check.

With --drive the steps of a file are taken instead, and everything the application gets is printed: one JSON line for
each reply, notification and question.
"""

import argparse
import json
import sys
import time
import traceback
from contextlib import AsyncExitStack

import anyio

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--era", required=True)
parser.add_argument("--url", required=True)
parser.add_argument("--baseline")
parser.add_argument("--cases", required=True)
parser.add_argument("--gated", action="store_true")
parser.add_argument("--token")
parser.add_argument("--drive")
options = parser.parse_args()

with open(options.cases, encoding="utf-8") as file:
    cases = json.load(file)

failures = 0


class Unexpected(Exception):
    """A check did not hold."""


def expect(holds, message):
    if not holds:
        raise Unexpected(message)


def shown(reply):
    return json.dumps(reply, ensure_ascii=False)


def run(client, connect):
    """Runs every check against --url, then ends the process: 0 when all held, 1 otherwise."""
    anyio.run(*([drive, connect] if options.drive else [run_checks, client, connect]))
    sys.exit(1 if failures else 0)


def observe(kind, value):
    """Prints what reached the application, if that is what is wanted; `at` is when, in milliseconds."""
    if options.drive:
        print(json.dumps({kind: plain(value), "at": time.time() * 1000}, ensure_ascii=False), flush=True)


def plain(value):
    """A reply of an SDK as the JSON it was."""
    return value.model_dump(by_alias=True, mode="json", exclude_unset=True) if hasattr(value, "model_dump") else value


async def drive(connect):
    with open(options.drive, encoding="utf-8") as file:
        steps = json.load(file)
    async with connect(options.url, options.token) as session:
        for number, step in enumerate(steps):
            try:
                with anyio.fail_after(cases["timeout_seconds"]):
                    observe("reply", {"step": number, "reply": plain(await take(session, step))})
            except Exception as error:
                inner = getattr(error, "error", None)
                shown = plain(inner) if inner is not None else {"message": f"{type(error).__name__}: {error}"}
                observe("error", {"step": number, "error": shown})


async def take(session, step):
    async def progressed(progress, total, message):
        observe("progress", {"progress": progress, "message": message})

    (kind, name), arguments = next(iter(step.items())), step.get("arguments", {})
    if kind == "call":
        return await session.call(name, arguments, progressed if step.get("progress") else None)
    if kind == "read":
        return await session.read(name)
    if kind == "prompt":
        return await session.prompt(name)
    if kind == "task":
        return await session.task(name, arguments)
    return await session.list_tools()


async def run_checks(client, connect):
    async def check(name, body, *args):
        await report(client, name, body, *args)

    stack = AsyncExitStack()
    session = None

    async def opened():
        nonlocal session
        session = await stack.enter_async_context(connect(options.url, options.token))
        return session.version

    # No timeout around these two: they enter and leave task groups, which must happen outside any other scope.
    await check("connect", opened, False)
    if session is None:
        return
    await allowed_checks(check, session)
    if options.gated:
        await refused_checks(check, session)
        await unusual_checks(check, session)
    if options.token is not None:
        await stranger_checks(check, connect)
    await stream_checks(check, session, connect)
    await check("close", stack.aclose, False)


async def allowed_checks(check, session):
    async def listed():
        names = await session.list_tools()
        missing = [name for name in cases["visible"] if name not in names]
        expect(not missing, f"missing {missing} in {names}")
        return " ".join(names)

    async def hidden_from_list():
        names = await session.list_tools()
        expect((cases["hidden"] in names) != options.gated, f"listed: {names}")
        return f"{cases['hidden']} is " + ("not listed" if options.gated else "listed, as there is no gate")

    async def structured():
        case = cases["structured"]
        reply = await session.call(case["tool"], case["arguments"])
        expect(not reply.get("isError") and reply.get("structuredContent") == case["structured"], shown(reply))
        return shown(reply["structuredContent"])

    await check("list", listed)
    await check("hidden-from-list", hidden_from_list)
    await check("allowed", lambda: allowed_call(session))
    await check("structured", structured)
    await check("sample", lambda: asked(session, cases["sample"]))
    await check("elicit", lambda: asked(session, cases["elicit"]))


async def refused_checks(check, session):
    async def five_denials():
        for _ in range(5):
            await denied_call(session, cases["denied"][0])
        return await allowed_call(session)

    async def rate_limit():
        case = cases["limited"]
        for n in range(1, case["max"] + 1):
            reply = await session.call(case["tool"], case["arguments"])
            expect(not reply.get("isError"), f"call {n} of {case['max']}: {shown(reply)}")
        reply = await session.call(case["tool"], case["arguments"])
        text, denial = refusal(reply, case["rule"])
        expect("retry" in text.lower() or "again" in text.lower(), f"no word on when to retry: {text}")
        expect(denial.get("retry_after", 0) > 0, f"no retry_after: {shown(reply)}")
        return text

    for denied in cases["denied"]:
        await check(denied["check"], lambda: denied_call(session, denied))
    await check("five-denials", five_denials)
    await check("rate-limit", rate_limit)
    await check("after-rate-limit", lambda: allowed_call(session))


async def unusual_checks(check, session):
    """Calls that go beyond a limit or a rule: an error each, and the session lives."""

    async def survived(case):
        try:
            reply = await unusual_call(session, case)
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            # From 2026-07-28 on the status may be all that an SDK hands over.
            expect(session.era != "legacy" or case.get("words", "") in told, told)
        else:
            expect("words" not in case, f"a result: {shown(plain(reply))}")
            told = shown(reply)
        await allowed_call(session)
        return told[:200]

    for case in cases["unusual"]:
        await check(case["check"], lambda: survived(case))


async def unusual_call(session, case):
    if "read" in case:
        return await session.read(case["read"])
    tool, value = cases["allowed"]["tool"], None
    if "null" in case:
        return await session.call(tool, None)
    if "fill" in case:
        value = "a" * case["fill"]
    for _ in range(case.get("nest", 0)):
        value = [value]
    return await session.call(tool, {case.get("key", "text"): value})


async def stranger_checks(check, connect):
    """A wrong token, and none: the SDK says that it is about authentication, and not as a tool's result."""

    async def refused(token):
        try:
            async with connect(options.url, token) as session:  # pinned to 2026-07-28, it asks nothing yet
                reply = await session.call(cases["allowed"]["tool"], cases["allowed"]["arguments"])
                raise Unexpected(f"a result: {shown(reply)}")
        except BaseException as error:  # an exception group, with the reason somewhere in it
            reasons = innermost(error)
        text = "; ".join(f"{type(reason).__name__}: {reason}" for reason in reasons)
        words = ("401", "unauthorized", "credential")
        expect(any(word in text.lower() for word in words), text)
        expect(not any(isinstance(reason, Unexpected) for reason in reasons), text)
        return text.splitlines()[0]

    await check("wrong-token", lambda: refused(f"{options.token}x"), False)
    await check("no-token", lambda: refused(None), False)


def innermost(error):
    if isinstance(error, BaseExceptionGroup):
        return [reason for part in error.exceptions for reason in innermost(part)]
    return [error]


def authorization(token):
    """The headers that carry a bearer token."""
    return {} if token is None else {"authorization": f"Bearer {token}"}


async def stream_checks(check, session, connect):
    async def progress():
        if options.baseline is None:
            return await measure_progress(session, None)
        async with connect(options.baseline) as baseline:
            return await measure_progress(session, baseline)

    async def listen():
        started = time.monotonic()
        async with session.listen() as events:
            acknowledged = round((time.monotonic() - started) * 1000)
            expect(acknowledged <= cases["listen"]["max_ms"], f"acknowledged after {acknowledged} ms")
            with anyio.move_on_after(cases["listen"]["stays_up_ms"] / 1000) as waiting:
                async for event in events:
                    raise Unexpected(f"an event nobody sent: {event}")
            expect(waiting.cancelled_caught, "the stream ended")
        return f"acknowledged after {acknowledged} ms"

    await check("progress", progress)
    if session.era != "legacy":
        await check("listen", listen)
    await check("allowed-at-end", lambda: allowed_call(session))


async def allowed_call(session):
    case = cases["allowed"]
    reply = await session.call(case["tool"], case["arguments"])
    texts = [item.get("text") for item in reply.get("content", [])]
    expect(not reply.get("isError") and texts == [case["arguments"]["text"]], shown(reply))
    return texts[0]


async def denied_call(session, case):
    text, _ = refusal(await session.call(case["tool"], case["arguments"]), case["rule"])
    expect(case["reason"] in text, f"no reason in: {text}")
    return text


def refusal(reply, rule):
    """The one shape of a refusal, quotas included."""
    content = reply.get("content") or [{}]
    text = content[0].get("text", "")
    denial = (reply.get("_meta") or {}).get("toolgate/denial") or {}
    expect(reply.get("isError") is True, f"not a tool error: {shown(reply)}")
    expect(len(content) == 1 and content[0].get("type") == "text", f"not one text: {shown(reply)}")
    expect(text.startswith(cases["prefix"]) and text != cases["prefix"], f"no reason: {shown(reply)}")
    expect(reply.get("structuredContent") is None, f"structured content: {shown(reply)}")
    expect(denial.get("rule") == rule, f"rule {denial.get('rule')}, expected {rule}: {shown(reply)}")
    return text, denial


async def asked(session, case):
    reply = await session.call(case["tool"], case["arguments"])
    text = (reply.get("content") or [{}])[0].get("text", "")
    expect(not reply.get("isError") and text.endswith(f"said: {case['answer']}"), shown(reply))
    return text


async def measure_progress(session, baseline):
    """How late each notification is, against the time in it; with a baseline, against how late it is there."""
    attempts = cases["progress"]["attempts"]
    for attempt in range(1, attempts + 1):
        direct = await lateness(baseline) if baseline else None
        late = await lateness(session)
        detail = f"late by {spaced(late)} ms" + (f", direct {spaced(direct)} ms" if direct else "")
        if max(late) <= (max(direct) if direct else 0) + cases["progress"]["max_extra_ms"]:
            return detail
        expect(attempt < attempts, detail)


async def lateness(session):
    late = []

    async def arrived(progress, total, message):
        late.append(round(time.time() * 1000 - float(message)))

    case = cases["progress"]
    reply = await session.call(case["tool"], case["arguments"], arrived)
    expect(not reply.get("isError"), shown(reply))
    expect(len(late) == case["arguments"]["steps"], f"{len(late)} of {case['arguments']['steps']} notifications")
    return late


def spaced(numbers):
    return " ".join(map(str, numbers))


async def report(client, name, body, limited=True):
    global failures
    try:
        if limited:
            with anyio.fail_after(cases["timeout_seconds"]):
                detail = await body()
        else:
            detail = await body()
        ok = True
    except Unexpected as error:
        ok, detail = False, str(error)
    except BaseException:  # a dead connection arrives as a cancellation or an exception group
        ok, detail = False, "exception: " + traceback.format_exc(limit=-6)
    failures += not ok
    line = {"client": client, "era": options.era, "check": name, "ok": ok, "detail": detail or ""}
    print(json.dumps(line, ensure_ascii=False), flush=True)
