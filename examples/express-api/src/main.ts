import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Completion, createProducer, UnsentEventsError } from 'background-jobs-producer';
import { createApp } from './app';
import { jobEvents } from './job-events';
import { jsonLog as log } from './log';

/** Where the API listens, `HOST=0.0.0.0` in a container, and the key of `events.webhook`. */
const { PORT = '8080', HOST = '127.0.0.1', WEBHOOK_KEY } = process.env;
/** How long running requests, then tracked events, get at a stop. ECS and Kubernetes kill after 30 seconds. */
const STOP_MS = 10_000;

/** Replace this by what your users need, such as a mail or a push message. */
const onEnd = ({ job, queue, state }: Completion): void => log('job ended', { job, queue, state });

/** npm passes a signal to its shell, which passes none on and ends. Then this process gets another parent. */
async function orphaned(): Promise<string> {
  for (const parent = process.ppid; process.ppid === parent; ) await sleep(500, undefined, { ref: false });
  return 'the end of npm';
}

async function main(): Promise<void> {
  const producer = createProducer({ log: { info: log, warn: log, error: log } });
  await producer.ready();
  const app = createApp({
    producer,
    log,
    routers: WEBHOOK_KEY ? [jobEvents({ key: WEBHOOK_KEY, onEnd })] : [],
    // Replace this by the client that your authentication found. Keys of different clients never collide.
    principalOf: (request) => request.get('x-client-id'),
    // Replace this by the user whom your authentication found, with the address that you have verified.
    userOf: () => undefined,
  });
  const server = http.createServer(app).listen(Number(PORT), HOST);
  await once(server, 'listening');
  log('listening', { address: server.address() });

  const signals = ['SIGTERM', 'SIGINT'].map(async (name) => once(process, name).then(() => name));
  const signal = await Promise.race([...signals, ...(process.env.npm_lifecycle_event ? [orphaned()] : [])]);
  log('stopping', { signal });
  // Idle connections close at once. Requests that are running are answered first.
  const closed = once(server, 'close');
  server.close();
  const late = setTimeout(() => server.closeAllConnections(), STOP_MS);
  await closed;
  clearTimeout(late);
  await producer.close({ timeoutMs: STOP_MS });
  log('stopped');
}

main().catch((error: unknown) => {
  const lost = error instanceof UnsentEventsError ? { messages: error.messages.length } : {};
  // A ConfigError or a StoreError names variables and rules, never values.
  log('failed', { error: error instanceof Error ? `${error.name}: ${error.message}` : typeof error, ...lost });
  process.exitCode = 1;
});
