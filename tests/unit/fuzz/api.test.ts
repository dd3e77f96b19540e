import http from 'node:http';
import fc from 'fast-check';
import { createApp } from '../../../examples/express-api/src/app';
import { StoreError } from '../../../lib/errors';
import { IdempotencyConflictError, InvalidJobError } from '../../../lib/submit/errors';
import { close, listen } from '../../../packages/local/loopback';
import { createProducer } from '../../../packages/producer/client';
import { jobsOf } from '../../../packages/producer/jobs';
import { createTracker } from '../../../packages/producer/tracker';
import { memoryQueues } from '../../support/memory-queues';
import { memoryProducerDeps } from '../../support/producer';
import { damaged, MARK, named, printSeed, share, text } from './random';

beforeAll(printSeed);

const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e';
const GOOD = {
  feedback: {
    user: { id: 'u-1', email: 'user@example.com', name: 'A name' },
    ...{ subject: 'Hello', message: 'It works', locale: 'de', tags: ['a'], confirmation: true, attachments: [] },
  },
  email: {
    ...{ from: { email: 'team@example.com' }, to: { email: 'user@example.com' }, subject: 'Hello', text: 'Hello' },
    ...{ html: '<p>Hello</p>', replyTo: { email: 'team@example.com' }, data: {} },
  },
  invite: { app: '1', email: 'user@example.com', groups: [UUID], firstName: 'A', lastName: 'Name' },
  removeTester: { app: '1', email: 'user@example.com', from: 'app' },
  notifyBuild: { app: '1', build: UUID },
};
const MAIL = { from: { email: 'team@example.com' }, subject: 'Hello', text: 'Hello' };
const CAMPAIGN = { ...MAIL, name: 'Spring', unsubscribe: { group: 1 } };
const EVENT = { id: 'e-1', name: 'opened', time: '2026-01-02T03:04:00Z', user: 'u-1', properties: {} };
/** A caller's own ids are stored as given, so they hold no mark here. */
const OPTIONS = damaged({ key: 'a-key', principal: 'a-client', notBefore: '2026-01-02T04:00:00Z' });

function memory() {
  const made = memoryProducerDeps();
  const { deps, model, table, lines } = made;
  model.createQueue({ QueueName: 'my-analytics.fifo', Attributes: { FifoQueue: 'true' } });
  const tracker = createTracker({ ...deps, queues: memoryQueues(model) });
  const jobs = jobsOf(async () => deps);
  return {
    ...made,
    producer: { ...createProducer(deps), track: tracker.track, jobs },
    stored: () => [lines, table.items()],
  };
}

/** The caller learns the rule, never the value. */
function expectRefusal(error: unknown): void {
  expect([InvalidJobError, IdempotencyConflictError, StoreError]).toContain((error as Error).constructor);
  const { message, problems = [] } = error as InvalidJobError;
  expect(JSON.stringify([message, problems])).not.toContain(MARK);
}

const anyOf = (good: object) => fc.oneof(damaged(good), named(Object.keys(good)));
const recipient = fc.oneof(damaged({ email: 'user@example.com', name: 'A name', data: {} }), text);
/** The arguments of each call, and its part of all inputs. */
const CALLS: [keyof typeof GOOD | 'campaign' | 'track', fc.Arbitrary<unknown[]>, number][] = [
  ...(Object.entries(GOOD) as [keyof typeof GOOD, object][]).map(([kind, good]): (typeof CALLS)[number] => [
    kind,
    fc.tuple(anyOf(good), OPTIONS),
    0.04,
  ]),
  ['campaign', fc.tuple(damaged(CAMPAIGN), fc.array(recipient, { maxLength: 4 }), OPTIONS), 0.02],
  ['track', fc.tuple(anyOf(EVENT)), 0.04],
];

test.each(CALLS)('the producer takes any %s, or refuses it by rules that quote nothing', async (kind, given, part) => {
  const { producer, stored } = memory();
  const submit = producer[kind] as unknown as (...all: unknown[]) => Promise<unknown>;
  await fc.assert(
    fc.asyncProperty(given, (all) => submit(...all).then(() => {}, expectRefusal)),
    share(part),
  );
  expect(JSON.stringify(stored())).not.toContain(MARK);
});

test('the example API answers any request without an error of its own, and repeats nothing of it', async () => {
  const header = text.map((value) => value.replace(/[^\x20-\x7e\xa0-\xff]/g, '').trim());
  const path = fc.oneof(
    fc.constantFrom('/feedback', '/campaigns', '/testflight', '/analytics', '/openapi.json', `/jobs/${UUID}`),
    text.map((value) => `/jobs/${encodeURIComponent(value.toWellFormed())}`),
    text.map((value) => `/${encodeURIComponent(value.toWellFormed())}?notBefore=${MARK}`),
    fc.constantFrom('/%', '/jobs/%ff', '/feedback/%00', '/feedback?notBefore[a]=1'),
  );
  const body = fc.oneof(
    ...[GOOD.feedback, { ...CAMPAIGN, recipients: [] }, { ...GOOD.invite, action: 'invite' }, { events: [EVENT] }].map(
      damaged,
    ),
    named(['events', 'action', 'recipients']),
  );
  const sent = fc.record({
    path,
    method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'DELETE', 'PUT'),
    body: fc.oneof(
      body.map((value) => JSON.stringify(value) ?? ''),
      text,
    ),
    headers: fc.dictionary(
      fc.constantFrom('idempotency-key', 'x-client-id', 'traceparent', 'content-encoding'),
      header,
    ),
    type: fc.constantFrom('application/json', 'application/json', 'text/plain', 'application/json; charset=utf-7'),
  });

  const { producer, stored } = memory();
  const lines: unknown[] = [];
  const log = (...line: unknown[]) => lines.push(line);
  const app = createApp({ producer, principalOf: (request) => request.get('x-client-id') ?? '', log });
  const server = http.createServer(app);
  const url = await listen(server, 0);
  await fc.assert(
    fc.asyncProperty(sent, async ({ method, headers, type, ...request }) => {
      const answer = await fetch(url + request.path, {
        method,
        headers: { ...headers, 'content-type': type },
        ...(method === 'GET' ? {} : { body: request.body.toWellFormed() }),
      });
      const said = JSON.stringify([await answer.text(), ...answer.headers]);

      // Node itself answers 431 to headers of more than 16 KB.
      expect([200, 202, 400, 404, 405, 409, 413, 415, 431]).toContain(answer.status);
      expect(said).not.toContain(MARK);
      expect(said).not.toMatch(/node_modules|\.ts:/);
    }),
    share(0.03),
  );
  await close(server);
  expect(JSON.stringify([lines, stored()])).not.toContain(MARK);
});
