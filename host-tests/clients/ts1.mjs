// The TypeScript SDK, version 1, as a client. Legacy only.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
    CreateMessageRequestSchema, ElicitRequestSchema, LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { authorization, cases, observe, run } from './checks.mjs';

async function connect(url, token) {
    const client = new Client(
        { name: 'client-matrix', version: '1.0.0' },
        { capabilities: { sampling: {}, elicitation: {} } },
    );
    client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) => {
        observe('sampling', params);
        return { role: 'assistant', model: 'none', content: { type: 'text', text: cases.sample.answer } };
    });
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
        observe('elicitation', params);
        return { action: 'accept', content: { answer: cases.elicit.answer } };
    });
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => observe('log', params));
    const transport = new StreamableHTTPClientTransport(new URL(url), authorization(token));
    await client.connect(transport);
    await client.ping();

    return {
        version: transport.protocolVersion,
        era: 'legacy',
        listTools: async () => (await client.listTools()).tools,
        call: (name, args, onprogress) =>
            client.callTool({ name, arguments: args }, undefined, onprogress && { onprogress }),
        read: uri => client.readResource({ uri }),
        prompt: name => client.getPrompt({ name }),
        task: async (name, args) => {
            const stream = client.experimental.tasks.callToolStream({ name, arguments: args }, undefined, { task: {} });
            for await (const message of stream) {
                if (message.type === 'result') return message.result;
                if (message.type === 'error') throw message.error;
                observe('task', message.task);
            }
        },
        close: async () => {
            await transport.terminateSession();
            await client.close();
        },
    };
}

await run('ts1', connect);
