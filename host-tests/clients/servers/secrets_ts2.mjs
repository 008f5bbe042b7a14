// A server on the TypeScript SDK, version 2, that says what its script tells it to: sessions whose closed streams are
// resumed, and protocol 2026-07-28.
// Usage: node secrets_ts2.mjs PORT SCRIPT

import { randomUUID } from 'node:crypto';
import { NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } from '@modelcontextprotocol/node';
import {
    ProtocolError, Server, createMcpHandler, inputRequired, isInitializeRequest, isLegacyRequest,
} from '@modelcontextprotocol/server';
import { serve } from './journal.mjs';
import { EventStore, say, script, tools } from './say.mjs';

const refuse = ({ code, message, data }) => new ProtocolError(code, message, data);

function scripted() {
    const capabilities = { tools: {}, resources: {}, prompts: {}, logging: {} };
    const options = { capabilities, instructions: script.secrets };
    const server = new Server({ name: 'secrets-typescript-2', version: '1.0.0' }, options);
    server.setRequestHandler('tools/list', async () => ({ tools }));
    server.setRequestHandler('tools/call', ({ params }, { http, mcpReq }) => say(params.name, {
        progressToken: mcpReq._meta?.progressToken,
        close: http?.closeSSE,
        notify: (method, params) => mcpReq.notify({ method, params }),
        refuse,
        // The SDK turns the questions into requests of the server in a legacy session.
        ask: async ({ elicit, sample }) => {
            if (mcpReq.inputResponses !== undefined) return undefined;
            const messages = [{ role: 'user', content: { type: 'text', text: sample } }];
            const person = inputRequired.elicit(elicit);
            const model = inputRequired.createMessage({ messages, maxTokens: 10 });
            return inputRequired({ inputRequests: { person, model }, requestState: 'state' });
        },
    }));
    server.setRequestHandler('resources/read', async ({ params }) => {
        if (!(params.uri in script.resources)) throw refuse(script.resource_error);
        return { contents: script.resources[params.uri] };
    });
    server.setRequestHandler('prompts/get', async ({ params }) => ({ messages: script.prompts[params.name] }));
    return server;
}

const sessions = new Map();
const modern = toNodeHandler(createMcpHandler(scripted, { legacy: 'reject' }));

async function legacy(req, res, body) {
    let transport = sessions.get(req.headers['mcp-session-id']);
    if (transport === undefined && isInitializeRequest(body)) {
        transport = new NodeStreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            eventStore: new EventStore(),
            retryInterval: 100,
            onsessioninitialized: id => void sessions.set(id, transport),
        });
        await scripted().connect(transport);
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
