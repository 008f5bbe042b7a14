// A server on the TypeScript SDK, version 1, that says what its script tells it to; closed streams are resumed.
// Usage: node secrets_ts1.mjs PORT SCRIPT

import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
    CallToolRequestSchema, GetPromptRequestSchema, ListToolsRequestSchema, McpError, ReadResourceRequestSchema,
    isInitializeRequest,
} from '@modelcontextprotocol/sdk/types.js';
import { serve } from './journal.mjs';
import { EventStore, say, script, tools } from './say.mjs';

// McpError puts its code in front of its message.
const refuse = ({ code, message, data }) => Object.assign(new McpError(code, '', data), { message });

function scripted() {
    const capabilities = { tools: {}, resources: {}, prompts: {}, logging: {} };
    const options = { capabilities, instructions: script.secrets };
    const server = new Server({ name: 'secrets-typescript-1', version: '1.0.0' }, options);
    server.setRequestHandler(ListToolsRequestSchema, async () => ({ tools }));
    server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => say(params.name, {
        progressToken: params._meta?.progressToken,
        close: extra.closeSSEStream,
        notify: (method, params) => extra.sendNotification({ method, params }),
        refuse,
        ask: async ({ elicit, sample }) => {
            const related = { relatedRequestId: extra.requestId };
            await server.elicitInput(elicit, related);
            const messages = [{ role: 'user', content: { type: 'text', text: sample } }];
            await server.createMessage({ messages, maxTokens: 10 }, related);
        },
    }));
    server.setRequestHandler(ReadResourceRequestSchema, async ({ params }) => {
        if (!(params.uri in script.resources)) throw refuse(script.resource_error);
        return { contents: script.resources[params.uri] };
    });
    server.setRequestHandler(GetPromptRequestSchema, async ({ params }) => ({ messages: script.prompts[params.name] }));
    return server;
}

const sessions = new Map();

serve(Number(process.argv[2]), async (req, res, body) => {
    let transport = sessions.get(req.headers['mcp-session-id']);
    if (transport === undefined && isInitializeRequest(body)) {
        transport = new StreamableHTTPServerTransport({
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
});
