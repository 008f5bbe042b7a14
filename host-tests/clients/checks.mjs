// The checks of the client matrix, written once for both TypeScript clients; cases.json holds what they expect.
//
// A client hands over `connect(url, token)`, which sends the bearer token, if there is one, and resolves to {version,
// era, listTools, call, read, prompt, listen?, close} and answers sampling with cases.sample.answer, elicitation with
// cases.elicit.answer. One JSON line is printed for each check.
//
// With --drive the steps of a file are taken instead, and everything the application gets is printed: one JSON line for
// each reply, notification and question.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';

const { values: options } = parseArgs({
    options: {
        era: { type: 'string' },
        url: { type: 'string' },
        baseline: { type: 'string' },
        cases: { type: 'string' },
        gated: { type: 'boolean', default: false },
        token: { type: 'string' },
        drive: { type: 'string' },
    },
});

export const era = options.era;
export const cases = JSON.parse(readFileSync(options.cases, 'utf8'));

let failures = 0;

/** Runs every check against --url, then ends the process: 0 when all held, 1 otherwise. */
export async function run(client, connect) {
    if (options.drive !== undefined) return drive(connect);
    const check = (name, body) => report(client, name, body);

    let session;
    await check('connect', async () => {
        session = await connect(options.url, options.token);
        return session.version;
    });
    if (session !== undefined) {
        await allowedChecks(check, session);
        if (options.gated) {
            await refusedChecks(check, session);
            await unusualChecks(check, session);
        }
        if (options.token !== undefined) await strangerChecks(check, connect);
        await streamChecks(check, session, connect);
        await check('close', () => session.close());
    }
    process.exit(failures === 0 ? 0 : 1);
}

/** Prints what reached the application, if that is what is wanted; `at` is when, in milliseconds. */
export function observe(kind, value) {
    if (options.drive !== undefined) console.log(JSON.stringify({ [kind]: value, at: Date.now() }));
}

async function drive(connect) {
    const session = await connect(options.url, options.token);
    for (const [step, wanted] of JSON.parse(readFileSync(options.drive, 'utf8')).entries()) {
        try {
            observe('reply', { step, reply: await limited(() => take(session, wanted)) });
        } catch (error) {
            observe('error', { step, error: { code: error.code, message: error.message, data: error.data } });
        }
    }
    await session.close();
    process.exit(0);
}

function take(session, { call, read, prompt, task, progress, arguments: args = {} }) {
    const onprogress = progress ? ({ progress, message }) => observe('progress', { progress, message }) : undefined;
    if (call !== undefined) return session.call(call, args, onprogress);
    if (read !== undefined) return session.read(read);
    if (prompt !== undefined) return session.prompt(prompt);
    if (task !== undefined) return session.task(task, args);
    return session.listTools();
}

async function allowedChecks(check, session) {
    await check('list', async () => {
        const names = (await session.listTools()).map(tool => tool.name);
        const missing = cases.visible.filter(name => !names.includes(name));
        expect(missing.length === 0, `missing ${missing} in ${names}`);
        return names.join(' ');
    });
    await check('hidden-from-list', async () => {
        const names = (await session.listTools()).map(tool => tool.name);
        expect(names.includes(cases.hidden) !== options.gated, `listed: ${names}`);
        return options.gated ? `${cases.hidden} is not listed` : `${cases.hidden} is listed, as there is no gate`;
    });
    await check('allowed', () => allowedCall(session));
    await check('structured', async () => {
        const { tool, arguments: args, structured } = cases.structured;
        const result = await session.call(tool, args);
        expect(!result.isError && isDeepStrictEqual(result.structuredContent, structured), JSON.stringify(result));
        return JSON.stringify(result.structuredContent);
    });
    await check('sample', () => asked(session, cases.sample));
    await check('elicit', () => asked(session, cases.elicit));
}

async function refusedChecks(check, session) {
    for (const denied of cases.denied) {
        await check(denied.check, () => deniedCall(session, denied));
    }
    await check('five-denials', async () => {
        for (let n = 0; n < 5; n++) await deniedCall(session, cases.denied[0]);
        return allowedCall(session);
    });
    await check('rate-limit', async () => {
        const { tool, arguments: args, max, rule } = cases.limited;
        for (let n = 1; n <= max; n++) {
            const result = await session.call(tool, args);
            expect(!result.isError, `call ${n} of ${max}: ${JSON.stringify(result)}`);
        }
        const result = await session.call(tool, args);
        const { text, denial } = refusal(result, rule);
        expect(/retry|again/i.test(text), `no word on when to retry: ${text}`);
        expect(denial.retry_after > 0, `no retry_after: ${JSON.stringify(result)}`);
        return text;
    });
    await check('after-rate-limit', () => allowedCall(session));
}

/** Calls that go beyond a limit or a rule: an error each, and the session lives. */
async function unusualChecks(check, session) {
    for (const unusual of cases.unusual) {
        await check(unusual.check, async () => {
            let told;
            try {
                told = JSON.stringify(await unusualCall(session, unusual));
            } catch (error) {
                if (unusual.words === undefined) return allowedCall(session);
                // From 2026-07-28 on the status may be all that an SDK hands over.
                expect(session.era !== 'legacy' || error.message.includes(unusual.words), error.message);
                await allowedCall(session);
                return error.message.slice(0, 200);
            }
            expect(unusual.words === undefined, `a result: ${told}`);
            return allowedCall(session);
        });
    }
}

function unusualCall(session, unusual) {
    if (unusual.read !== undefined) return session.read(unusual.read);
    if (unusual.null) return session.call(cases.allowed.tool, null);
    let value = unusual.fill === undefined ? null : 'a'.repeat(unusual.fill);
    for (let n = 0; n < (unusual.nest ?? 0); n++) value = [value];
    return session.call(cases.allowed.tool, Object.fromEntries([[unusual.key ?? 'text', value]]));
}

/** A wrong token, and none: the SDK says that it is about authentication, and not as a tool's result. */
async function strangerChecks(check, connect) {
    for (const [name, token] of [['wrong-token', `${options.token}x`], ['no-token', undefined]]) {
        await check(name, async () => {
            const { tool, arguments: args } = cases.allowed;
            const asked = connect(options.url, token).then(session => session.call(tool, args));
            const error = await asked.then(() => undefined, reason => reason);
            expect(error !== undefined, 'there was a result');
            const shown = `${error.name} ${error.code ?? error.status ?? ''} ${error.message}`;
            expect(/401|unauthorized|credential/i.test(shown), shown);
            return shown.split('\n')[0];
        });
    }
}

/** What the transport needs to send a bearer token. */
export function authorization(token) {
    return token === undefined ? {} : { requestInit: { headers: { authorization: `Bearer ${token}` } } };
}

async function streamChecks(check, session, connect) {
    await check('progress', async () => {
        const baseline = options.baseline === undefined ? undefined : await connect(options.baseline);
        try {
            return await progress(session, baseline);
        } finally {
            await baseline?.close();
        }
    });
    if (session.era !== 'legacy' && session.listen !== undefined) {
        await check('listen', async () => {
            const started = Date.now();
            const subscription = await session.listen();
            const acknowledged = Date.now() - started;
            expect(acknowledged <= cases.listen.max_ms, `acknowledged after ${acknowledged} ms`);
            const ended = await Promise.race([subscription.closed, sleep(cases.listen.stays_up_ms, 'open')]);
            expect(ended === 'open', `the stream ended: ${ended}`);
            await subscription.close();
            return `acknowledged after ${acknowledged} ms`;
        });
    }
    await check('allowed-at-end', () => allowedCall(session));
}

async function allowedCall(session) {
    const { tool, arguments: args } = cases.allowed;
    const result = await session.call(tool, args);
    expect(!result.isError && result.content?.[0]?.text === args.text, JSON.stringify(result));
    return result.content[0].text;
}

async function deniedCall(session, { tool, arguments: args, reason, rule }) {
    const { text } = refusal(await session.call(tool, args), rule);
    expect(text.includes(reason), `no reason in: ${text}`);
    return text;
}

/** The one shape of a refusal, quotas included. */
function refusal(result, rule) {
    const shown = JSON.stringify(result);
    const text = result.content?.[0]?.text ?? '';
    const denial = result._meta?.['toolgate/denial'];
    expect(result.isError === true, `not a tool error: ${shown}`);
    expect(result.content.length === 1 && result.content[0].type === 'text', `not one text: ${shown}`);
    expect(text.startsWith(cases.prefix) && text.length > cases.prefix.length, `no reason: ${shown}`);
    expect(result.structuredContent === undefined, `structured content: ${shown}`);
    expect(denial?.rule === rule, `rule ${denial?.rule}, expected ${rule}: ${shown}`);
    return { text, denial };
}

async function asked(session, { tool, arguments: args, answer }) {
    const result = await session.call(tool, args);
    const text = result.content?.[0]?.text ?? '';
    expect(!result.isError && text.endsWith(`said: ${answer}`), JSON.stringify(result));
    return text;
}

/** How late each notification is, against the time in it; with a baseline, against how late it is there. */
async function progress(session, baseline) {
    for (let attempt = 1; ; attempt++) {
        const direct = baseline === undefined ? undefined : await lateness(baseline);
        const late = await lateness(session);
        const allowed = (direct === undefined ? 0 : Math.max(...direct)) + cases.progress.max_extra_ms;
        const detail = `late by ${late.join(' ')} ms` + (direct === undefined ? '' : `, direct ${direct.join(' ')} ms`);
        if (Math.max(...late) <= allowed) return detail;
        expect(attempt < cases.progress.attempts, detail);
    }
}

async function lateness(session) {
    const { tool, arguments: args } = cases.progress;
    const late = [];
    const onprogress = ({ message }) => late.push(Math.round(Date.now() - Number(message)));
    const result = await session.call(tool, args, onprogress);
    expect(!result.isError, JSON.stringify(result));
    expect(late.length === args.steps, `${late.length} of ${args.steps} notifications`);
    return late;
}

async function report(client, name, body) {
    let ok = true;
    let detail;
    try {
        detail = await limited(body);
    } catch (error) {
        ok = false;
        failures += 1;
        detail = error instanceof Unexpected ? error.message : `exception: ${error?.stack ?? error}`;
    }
    console.log(JSON.stringify({ client, era: options.era, check: name, ok, detail: detail ?? '' }));
}

async function limited(body) {
    const limit = AbortSignal.timeout(cases.timeout_seconds * 1000);
    const timeout = new Promise((_, reject) => {
        limit.addEventListener('abort', () => reject(new Error(`no answer in ${cases.timeout_seconds} s`)));
    });
    return Promise.race([body(), timeout]);
}

class Unexpected extends Error {}

export function expect(holds, message) {
    if (!holds) throw new Unexpected(message);
}
