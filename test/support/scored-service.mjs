// A service for tests of TestModelImage, run in a container: behaves as well or as badly as it is told, by its environment and by requests.
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import { setImmediate } from 'node:timers';

const { BIND = '0.0.0.0', PORT = '8000', SAY, EXIT, MODEL_VERSION = '7' } = process.env;
if (SAY !== undefined) console.log(SAY);
if (EXIT !== undefined) process.exit(Number(EXIT));

/** What POST /score does with `{"do": …}`; others get the sum of their input. */
const MISDEEDS = {
  fail: (response) => response.writeHead(500).end('the model is not loaded'),
  hang: () => undefined,
  nan: (response) => json(response, '{"result": NaN}'),
  page: (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'),
  gigabyte: (response) => flood(response, 1e9),
  other: (response) => json(response, '{"label": "cat"}'),
  exit: () => process.exit(3),
  grow: () => grow([]),
};

function json(response, text) {
  response.writeHead(200, { 'content-type': 'application/json' }).end(text);
}

function flood(response, left) {
  if (left <= 0 || response.destroyed) return void response.end();
  response.write(Buffer.alloc(1e6), () => flood(response, left - 1e6));
}

function grow(kept) {
  kept.push(Buffer.alloc(1e7, 1));
  setImmediate(() => grow(kept));
}

createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  if (request.url === '/') return json(response, '{"status": "healthy"}');
  if (request.url === '/version')
    return json(response, JSON.stringify({ model: MODEL_VERSION, secret: process.env.TOKEN }));
  if (request.url !== '/score') return response.writeHead(404).end();
  const { input = [], do: misdeed } = JSON.parse(body);
  if (misdeed !== undefined) return MISDEEDS[misdeed](response);
  json(response, JSON.stringify({ result: input.reduce((sum, x) => sum + x, 0), labels: ['cat', 'dog', 'cow'] }));
}).listen(Number(PORT), BIND);
process.on('SIGTERM', () => process.exit(0));
