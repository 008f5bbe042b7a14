// The TypeScript SDK, version 2, as a client: legacy, pinned to 2026-07-28, or probing for it.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { authorization, cases, era, expect, observe, run } from './checks.mjs';

const modes = { legacy: 'legacy', 2026: { pin: '2026-07-28' }, auto: 'auto' };

async function connect(url, token) {
    const client = new Client(
        { name: 'client-matrix', version: '1.0.0' },
        { capabilities: { sampling: {}, elicitation: { form: {} } }, versionNegotiation: { mode: modes[era] } },
    );
    client.setRequestHandler('sampling/createMessage', async ({ params }) => {
        observe('sampling', params);
        return { role: 'assistant', model: 'none', content: { type: 'text', text: cases.sample.answer } };
    });
    client.setRequestHandler('elicitation/create', async ({ params }) => {
        observe('elicitation', params);
        return { action: 'accept', content: { answer: cases.elicit.answer } };
    });
    client.setNotificationHandler('notifications/message', ({ params }) => observe('log', params));
    const transport = new StreamableHTTPClientTransport(new URL(url), authorization(token));
    await client.connect(transport);
    const version = client.getNegotiatedProtocolVersion();
    const negotiated = client.getProtocolEra();
    expect(era === 'auto' || (era === 'legacy') === (negotiated === 'legacy'), `negotiated ${version}`);
    if (negotiated === 'legacy') await client.ping();

    return {
        version,
        era: negotiated,
        listTools: async () => (await client.listTools()).tools,
        call: (name, args, onprogress) => client.callTool({ name, arguments: args }, onprogress && { onprogress }),
        read: uri => client.readResource({ uri }),
        prompt: name => client.getPrompt({ name }),
        listen: () => client.listen({ toolsListChanged: true }),
        close: async () => {
            if (negotiated === 'legacy') await transport.terminateSession();
            await client.close();
        },
    };
}

await run('ts2', connect);
