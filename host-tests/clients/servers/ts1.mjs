// The test server on the TypeScript SDK, version 1: legacy sessions, every reply over SSE.
// Usage: node ts1.mjs PORT

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { serve } from './journal.mjs';

const text = value => ({ content: [{ type: 'text', text: value }] });

function testServer() {
    const server = new McpServer({ name: 'client-matrix-typescript-1', version: '1.0.0' });

    server.registerTool('echo', { description: 'Returns its text.', inputSchema: { text: z.string() } },
        async args => text(args.text));

    server.registerTool('add', {
        description: 'Adds two numbers; has an output schema.',
        inputSchema: { a: z.number(), b: z.number() },
        outputSchema: { sum: z.number() },
    }, async ({ a, b }) => ({ ...text(String(a + b)), structuredContent: { sum: a + b } }));

    server.registerTool('create_refund', {
        description: 'Pays money back.',
        inputSchema: { amount: z.number(), currency: z.string() },
    }, async ({ amount, currency }) => text(`refunded ${amount} ${currency}`));

    server.registerTool('delete_everything', { description: 'Must never run behind the gate.', inputSchema: {} },
        async () => text('everything is gone'));

    server.registerTool('slow_progress', {
        description: 'Reports progress; each message is the time it was sent, in milliseconds since the epoch.',
        inputSchema: { steps: z.number(), gap_ms: z.number() },
    }, async ({ steps, gap_ms }, extra) => {
        for (let step = 1; step <= steps; step++) {
            const progressToken = extra._meta?.progressToken;
            const params = { progressToken, progress: step, total: steps, message: String(Date.now()) };
            if (progressToken !== undefined) await extra.sendNotification({ method: 'notifications/progress', params });
            await sleep(gap_ms);
        }
        return text(`${steps} steps`);
    });

    server.registerTool('sample', { description: "Asks the client's model.", inputSchema: { topic: z.string() } },
        async ({ topic }, extra) => {
            const question = { role: 'user', content: { type: 'text', text: `Say something about ${topic}.` } };
            const options = { relatedRequestId: extra.requestId };
            const reply = await server.server.createMessage({ messages: [question], maxTokens: 100 }, options);
            return text(`the model said: ${reply.content.text}`);
        });

    server.registerTool('elicit', { description: "Asks the client's user.", inputSchema: {} }, async (_args, extra) => {
        const requestedSchema = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] };
        const options = { relatedRequestId: extra.requestId };
        const reply = await server.server.elicitInput({ message: 'Which colour?', requestedSchema }, options);
        return text(`the user said: ${reply.content?.answer}`);
    });

    return server;
}

const sessions = new Map();

serve(Number(process.argv[2]), async (req, res, body) => {
    let transport = sessions.get(req.headers['mcp-session-id']);
    if (transport === undefined && isInitializeRequest(body)) {
        transport = new StreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            onsessioninitialized: id => void sessions.set(id, transport),
        });
        transport.onclose = () => sessions.delete(transport.sessionId);
        await testServer().connect(transport);
    }
    if (transport === undefined) {
        const error = { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Bad Request: no valid session ID' } };
        return void res.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(error));
    }
    await transport.handleRequest(req, res, body);
});
