// The test server on the TypeScript SDK, version 2: legacy sessions over SSE and protocol 2026-07-28 on one endpoint.
// Usage: node ts2.mjs PORT [--fixtures]: with what the official conformance suite calls by name

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } from '@modelcontextprotocol/node';
import {
    McpServer, acceptedContent, createMcpHandler, inputRequired, inputResponse, isInitializeRequest, isLegacyRequest,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { addFixtures } from './fixtures.mjs';
import { serve } from './journal.mjs';

const text = value => ({ content: [{ type: 'text', text: value }] });
// Opaque to everybody else: it must come back byte for byte.
const STATE = '{"a": "é\\u00e9 1/2+3=="}\t';
const Colour = z.object({ answer: z.string() });

function testServer() {
    const server = new McpServer(
        { name: 'client-matrix-typescript-2', version: '1.0.0' },
        { capabilities: { tools: { listChanged: true } } },
    );

    server.registerTool('echo', { description: 'Returns its text.', inputSchema: z.object({ text: z.string() }) },
        async args => text(args.text));

    server.registerTool('add', {
        description: 'Adds two numbers; has an output schema.',
        inputSchema: z.object({ a: z.number(), b: z.number() }),
        outputSchema: z.object({ sum: z.number() }),
    }, async ({ a, b }) => ({ ...text(String(a + b)), structuredContent: { sum: a + b } }));

    server.registerTool('create_refund', {
        description: 'Pays money back.',
        inputSchema: z.object({ amount: z.number(), currency: z.string() }),
    }, async ({ amount, currency }) => text(`refunded ${amount} ${currency}`));

    server.registerTool('delete_everything', {
        description: 'Must never run behind the gate.',
        inputSchema: z.object({}),
    }, async () => text('everything is gone'));

    server.registerTool('slow_progress', {
        description: 'Reports progress; each message is the time it was sent, in milliseconds since the epoch.',
        inputSchema: z.object({ steps: z.number(), gap_ms: z.number() }),
    }, async ({ steps, gap_ms }, { mcpReq }) => {
        for (let step = 1; step <= steps; step++) {
            const progressToken = mcpReq._meta?.progressToken;
            const params = { progressToken, progress: step, total: steps, message: String(Date.now()) };
            if (progressToken !== undefined) await mcpReq.notify({ method: 'notifications/progress', params });
            await sleep(gap_ms);
        }
        return text(`${steps} steps`);
    });

    // Written for 2026-07-28; the SDK turns the questions into requests of the server in a legacy session.
    server.registerTool('sample', {
        description: "Asks the client's model.",
        inputSchema: z.object({ topic: z.string() }),
    }, async ({ topic }, { mcpReq }) => {
        const reply = inputResponse(mcpReq.inputResponses, 'model');
        if (reply.kind === 'sampling') {
            if (mcpReq.requestState() !== STATE) throw new Error(`the state came back as ${mcpReq.requestState()}`);
            return text(`the model said: ${reply.result.content.text}`);
        }
        const question = { role: 'user', content: { type: 'text', text: `Say something about ${topic}.` } };
        const model = inputRequired.createMessage({ messages: [question], maxTokens: 100 });
        return inputRequired({ inputRequests: { model }, requestState: STATE });
    });

    server.registerTool('elicit', {
        description: "Asks the client's user.",
        inputSchema: z.object({}),
    }, async (_args, { mcpReq }) => {
        const reply = acceptedContent(mcpReq.inputResponses, 'colour', Colour);
        if (reply !== undefined) return text(`the user said: ${reply.answer}`);
        const colour = inputRequired.elicit({ message: 'Which colour?', requestedSchema: Colour });
        return inputRequired({ inputRequests: { colour } });
    });

    return process.argv.includes('--fixtures') ? addFixtures(server) : server;
}

const sessions = new Map();
const modern = toNodeHandler(createMcpHandler(testServer, { legacy: 'reject' }));

async function legacy(req, res, body) {
    let transport = sessions.get(req.headers['mcp-session-id']);
    if (transport === undefined && isInitializeRequest(body)) {
        transport = new NodeStreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            onsessioninitialized: id => void sessions.set(id, transport),
        });
        await testServer().connect(transport);
    }
    if (transport === undefined) {
        const error = { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Bad Request: no valid session ID' } };
        return void res.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(error));
    }
    await transport.handleRequest(req, res, body);
}

serve(Number(process.argv[2]), async (req, res, body) => {
    const old = await isLegacyRequest(await toWebRequest(req, body), body);
    await (old ? legacy : modern)(req, res, body);
});
