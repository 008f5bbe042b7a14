// What the official conformance suite expects of a server, on the TypeScript SDK, version 2: the tools, resources and prompts that
// its scenarios call by name.

import { setTimeout as sleep } from 'node:timers/promises';
import { ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';

// One pixel, and the header of a sound without any.
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';

const text = value => ({ type: 'text', text: value });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const embedded = (uri, value) => ({ type: 'resource', resource: { uri, mimeType: 'text/plain', text: value } });
const said = (role, content) => ({ role, content });

export function addFixtures(server) {
    const tool = (name, handler, inputSchema = z.object({})) =>
        server.registerTool(name, { description: `The suite's ${name}.`, inputSchema }, handler);

    tool('test_simple_text', async () => ({ content: [text('This is a simple text response for testing.')] }));
    tool('test_image_content', async () => ({ content: [image] }));
    tool('test_audio_content', async () => ({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] }));
    tool('test_embedded_resource', async () => ({
        content: [embedded('test://embedded-resource', 'This is an embedded resource content.')],
    }));
    tool('test_multiple_content_types', async () => ({
        content: [
            text('Multiple content types test:'), image,
            { type: 'resource', resource: { uri: 'test://mixed', mimeType: 'application/json', text: '{"test":"data"}' } },
        ],
    }));
    tool('test_error_handling', async () => ({
        content: [text('This tool intentionally returns an error for testing')], isError: true,
    }));
    tool('test_tool_with_progress', async (_args, { mcpReq }) => {
        const progressToken = mcpReq._meta?.progressToken;
        for (const progress of [0, 50, 100]) {
            const params = { progressToken, progress, total: 100 };
            if (progressToken !== undefined) await mcpReq.notify({ method: 'notifications/progress', params });
            await sleep(50);
        }
        return { content: [text('done')] };
    });
    tool('test_tool_with_logging', async (_args, { mcpReq }) => {
        for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
            await mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } });
            await sleep(50);
        }
        return { content: [text('done')] };
    });

    const resource = (name, uri, content) =>
        server.registerResource(name, uri, { mimeType: content.mimeType }, async () => ({ contents: [{ uri, ...content }] }));
    resource('static-text', 'test://static-text', {
        mimeType: 'text/plain', text: 'This is the content of the static text resource.',
    });
    resource('static-binary', 'test://static-binary', { mimeType: 'image/png', blob: PNG });
    server.registerResource(
        'template', new ResourceTemplate('test://template/{id}/data', { list: undefined }), { mimeType: 'application/json' },
        async (uri, { id }) => ({
            contents: [{
                uri: uri.href, mimeType: 'application/json',
                text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
            }],
        }),
    );

    server.registerPrompt('test_simple_prompt', { description: 'Without arguments.' }, async () => ({
        messages: [said('user', text('This is a simple prompt for testing.'))],
    }));
    server.registerPrompt('test_prompt_with_arguments', {
        description: 'With two.', argsSchema: z.object({ arg1: z.string(), arg2: z.string() }),
    }, async ({ arg1, arg2 }) => ({
        messages: [said('user', text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
    }));
    server.registerPrompt('test_prompt_with_embedded_resource', {
        description: 'With a resource.', argsSchema: z.object({ resourceUri: z.string() }),
    }, async ({ resourceUri }) => ({
        messages: [
            said('user', embedded(resourceUri, 'Embedded resource content for testing.')),
            said('user', text('Please process the embedded resource above.')),
        ],
    }));
    server.registerPrompt('test_prompt_with_image', { description: 'With an image.' }, async () => ({
        messages: [said('user', image), said('user', text('Please analyze the image above.'))],
    }));
    return server;
}
