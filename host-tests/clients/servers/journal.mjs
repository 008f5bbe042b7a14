// What reached a server at /mcp, and the answer to /journal: GET reads it, DELETE empties it.

import { createServer } from 'node:http';

const journal = [];

/** Serves /journal itself and gives every other request, with its parsed body, to `handle`. */
export function serve(port, handle) {
    const http = createServer(async (req, res) => {
        try {
            if (req.url === '/journal') return answer(req, res);
            const body = await read(req);
            if (body !== undefined) record(body);
            await handle(req, res, body);
        } catch (error) {
            console.error(error);
            if (!res.headersSent) res.writeHead(500);
            res.end();
        }
    });
    http.listen(port, '127.0.0.1');
    process.on('SIGTERM', () => process.exit(0));
}

function answer(req, res) {
    const body = JSON.stringify(journal);
    if (req.method === 'DELETE') journal.length = 0;
    res.writeHead(200, { 'content-type': 'application/json' }).end(body);
}

function record(message) {
    const { method = null, params } = message;
    journal.push({ method, tool: params?.name ?? null, arguments: params?.arguments ?? null });
}

async function read(req) {
    if (req.method !== 'POST') return undefined;
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    return text === '' ? undefined : JSON.parse(text);
}
