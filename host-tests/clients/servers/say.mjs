// What the scripted servers have in common: the script, and how a tool says what it is told to.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export const script = JSON.parse(readFileSync(process.argv[3], 'utf8'));

/** What `tools/list` shows of it. */
export const tools = Object.entries(script.tools).map(([name, { schema, description = `Says ${name}.` }]) => ({
    name, description, inputSchema: { type: 'object' }, ...(schema && { outputSchema: schema }),
}));

/**
 * Runs a tool. `progressToken` is the caller's; `close` ends the stream, `notify` and `ask` send something to the
 * caller, `refuse` makes an error of it. What `ask` resolves to, if anything, takes the place of the result.
 */
export async function say(name, { progressToken, close, notify, ask, refuse }) {
    const said = script.tools[name];
    if (said.close) close?.();
    for (const kind of said.notify ?? []) {
        await sleep(said.gap_ms);
        const data = { msg: script.secrets, extra: { more: script.secrets } };
        if (kind === 'log') await notify('notifications/message', { level: 'warning', data });
        else if (progressToken !== undefined) {
            await notify('notifications/progress', { progressToken, progress: Date.now(), message: script.secrets });
        }
    }
    if (said.error) throw refuse(said.error);
    return (said.elicit && await ask(said)) ?? said.result;
}

/** Keeps every event of every stream; the SDKs' event stores are examples, and one of them orders by time. */
export class EventStore {
    events = [];

    async storeEvent(streamId, message) {
        return `event-${this.events.push({ streamId, message })}`;
    }

    async getStreamIdForEventId(id) {
        return this.events[Number(id.slice(6)) - 1]?.streamId;
    }

    async replayEventsAfter(lastEventId, { send }) {
        const after = Number(lastEventId.slice(6));
        const { streamId } = this.events[after - 1];
        for (const [index, event] of this.events.entries()) {
            if (index >= after && event.streamId === streamId && event.message !== undefined) {
                await send(`event-${index + 1}`, event.message);
            }
        }
        return streamId;
    }
}
