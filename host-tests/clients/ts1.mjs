// The TypeScript SDK, version 1, as a client. Legacy only.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { authorization, cases, run } from './checks.mjs';

async function connect(url, token) {
    const client = new Client(
        { name: 'client-matrix', version: '1.0.0' },
        { capabilities: { sampling: {}, elicitation: {} } },
    );
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({
        role: 'assistant', model: 'none', content: { type: 'text', text: cases.sample.answer },
    }));
    client.setRequestHandler(ElicitRequestSchema, async () => ({
        action: 'accept', content: { answer: cases.elicit.answer },
    }));
    const transport = new StreamableHTTPClientTransport(new URL(url), authorization(token));
    await client.connect(transport);
    await client.ping();

    return {
        version: transport.protocolVersion,
        era: 'legacy',
        listTools: async () => (await client.listTools()).tools,
        call: (name, args, onprogress) =>
            client.callTool({ name, arguments: args }, undefined, onprogress && { onprogress }),
        close: async () => {
            await transport.terminateSession();
            await client.close();
        },
    };
}

await run('ts1', connect);
