import http from 'node:http';
import fc from 'fast-check';
import { createApp } from '../../../examples/express-api/src/app';
import { bodyKey, jobKey, recordKey } from '../../../lib/engine/jobs/keys';
import { IdempotencyConflictError, InvalidJobError } from '../../../lib/engine/submit/errors';
import { FACT_KINDS } from '../../../lib/operate/alarms/kinds';
import { notify } from '../../../lib/operate/alarms/notify';
import { OperatorError } from '../../../lib/operate/ops/operator';
import { StoreError, WaitError } from '../../../lib/platform/errors';
import type { Item } from '../../../lib/platform/ports';
import { visible } from '../../../lib/platform/text';
import { RepeatedCampaignError } from '../../../lib/queues/emails/errors';
import { eventVerifier, type WebhookRequest } from '../../../lib/queues/emails/events/verify';
import { eventWebhook } from '../../../lib/queues/emails/events/webhook';
import { messageSchema } from '../../../packages/local/fakes/discord';
import { eventKeys, type SendgridEvent } from '../../../packages/local/fakes/sendgrid';
import { close, listen } from '../../../packages/local/loopback';
import { createProducer } from '../../../packages/producer/client';
import { jobsOf } from '../../../packages/producer/jobs';
import { createTracker } from '../../../packages/producer/tracker';
import { chat } from '../../support/alarms';
import { spendReceives } from '../../support/dead-letters';
import { anEnvelope, envelope, jobId } from '../../support/engine';
import { memoryQueues } from '../../support/memory-queues';
import { command } from '../../support/operator';
import { memoryProducerDeps } from '../../support/producer';
import { SAMPLE_QUEUE, sampleEngine } from '../../support/sample-contract';
import { webhookRequest } from '../../support/webhook-request';
import { bodyOf, damaged, MARK, named, printSeed, share, text } from './random';

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
  const jobs = jobsOf(deps);
  const producer = { ...createProducer(deps), track: tracker.track, jobs };
  return { ...made, producer, stored: () => [lines, table.items()] };
}

/** The caller learns the rule, never the value. */
function expectRefusal(error: unknown): void {
  expect([InvalidJobError, IdempotencyConflictError, RepeatedCampaignError, StoreError]).toContain(
    (error as Error).constructor,
  );
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
  const isSilent = (answer: unknown) => expect(JSON.stringify(answer) ?? '').not.toContain(MARK);
  const refusals = fc.asyncProperty(given, (all) => submit(...all).then(isSilent, expectRefusal));
  await fc.assert(refusals, share(part));
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
  const [campaign, invite] = [
    { ...CAMPAIGN, recipients: [] },
    { ...GOOD.invite, action: 'invite' },
  ];
  const bodies = [GOOD.feedback, campaign, invite, { events: [EVENT] }].map(damaged);
  const body = fc.oneof(...bodies, named(['events', 'action', 'recipients']));
  const names = ['idempotency-key', 'x-client-id', 'traceparent', 'content-encoding'];
  const sent = fc.record({
    path,
    method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'DELETE', 'PUT'),
    body: bodyOf(body),
    headers: fc.dictionary(fc.constantFrom(...names), header),
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

const keys = eventKeys();
const field = named(['event', 'timestamp', 'sg_message_id', 'queue', 'step', 'job', 'time', 'recipient', 'campaign']);
const event = fc.record({ event: fc.constant('delivered'), queue: fc.constant('emails'), step: fc.constant('send') });
const mixed = fc.tuple(event, field).map(([own, other]) => (typeof other === 'object' ? { ...own, ...other } : other));
const request = fc.record(
  {
    body: fc.oneof(text, fc.json()),
    isBase64Encoded: fc.boolean(),
    headers: fc.dictionary(
      fc.constantFrom('x-twilio-email-event-webhook-signature', 'x-twilio-email-event-webhook-timestamp', 'a'),
      fc.oneof(text, fc.constantFrom('1767323045', 'MEUCIQ'.repeat(16), 'A'.repeat(96))),
    ),
    requestContext: fc.record({ http: fc.constantFrom({ method: 'POST', path: '/' }, { method: 'GET' }, {}) }),
  },
  { requiredKeys: [] },
);

test('the webhook answers any request with a status alone, and passes on nothing of it', async () => {
  const { deps, clock, lines, metrics, objects } = sampleEngine().engine;
  const webhook = eventWebhook({ ...deps, clock, verify: eventVerifier([keys.publicKey], clock.now) });
  const signed = fc
    .array(mixed, { maxLength: 3 })
    .map((events): WebhookRequest => webhookRequest(events as unknown as SendgridEvent[], keys, clock.now()));
  await fc.assert(
    fc.asyncProperty(fc.oneof(request as fc.Arbitrary<WebhookRequest>, signed), async (sent) => {
      const answer = await webhook(sent);

      expect(Object.keys(answer)).toEqual(['statusCode']);
      expect([204, 400, 403, 404, 405, 413]).toContain(answer.statusCode);
    }),
    share(0.02),
  );
  expect(JSON.stringify([lines, metrics, objects.keys().map((key) => [key, objects.text(key)])])).not.toContain(MARK);
});

/** SQS itself refuses the other bodies. */
const isSendable = (body: string): boolean => /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]+$/u.test(body);

test('a queue takes any body under any name and token, ends its job, and passes on nothing of it', async () => {
  const data = named(['name', 'user', 'email', 'subject', 'message', 'attachments', 'to', 'from', 'app', 'groups']);
  const names = fc.constantFrom('type', 'id', 'time', 'dataref', 'datasha256', 'sequence');
  // Type, id and sequence are the caller's own and are stored as they are.
  const changes = fc
    .dictionary(names, data, { maxKeys: 2 })
    .map((drawn) => JSON.parse(JSON.stringify(drawn).replaceAll(MARK, 'mark')) as object);
  const envelope = fc.tuple(data, changes).map(([value, changed]) => anEnvelope({ data: value, ...changed }));
  const body = bodyOf(fc.oneof(envelope, data)).filter(isSendable);
  const own = text.filter(isSendable);
  const job = fc.oneof(
    own,
    own.map((name) => `invalid/${name}`),
  );
  const attributes = fc.record({ job, token: own }, { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(body, attributes, fc.boolean(), async (sent, given, untried) => {
      const { engine } = sampleEngine();
      engine.send(sent, { attributes: given });
      if (untried) spendReceives(engine);
      await engine.drain({ batch: 1, hours: 2 });

      expect(engine.rows().map(({ state }) => state)).toEqual([expect.stringMatching(/^(dead|succeeded)$/)]);
      const entries = engine.deadLetters().map(({ attributes }) => attributes);
      const written = [engine.lines, engine.metrics, engine.rows(), engine.records(), entries];
      expect(JSON.stringify(written)).not.toContain(MARK);
    }),
    share(0.015),
  );
});

test('any notification becomes a message that Discord takes, and no part of it is logged', async () => {
  const lines: unknown[] = [];
  const log = (...line: unknown[]) => lines.push(line);
  const { deps, taken: sent } = chat();
  Object.assign(deps.log, { info: log, warn: log, error: log });
  const name = fc.oneof(fc.constantFrom('acme-feedback-dlq-depth', 'acme-access-denied'), text);
  const alarm = { AlarmName: name, NewStateValue: fc.constantFrom('OK', 'ALARM'), StateChangeTime: text };
  const fact = { fact: fc.constantFrom(...FACT_KINDS), subject: text, code: text, on: fc.boolean(), at: fc.nat() };
  const json = fc.oneof(
    fc.record({ ...alarm, NewStateReason: text, Trigger: named(['Threshold', 'ComparisonOperator']) }),
    fc.record({ ...fact, since: fc.nat() }),
    named(['AlarmName', 'NewStateValue']),
  );
  await fc.assert(
    fc.asyncProperty(bodyOf(json), text, async (Message, Subject) => {
      sent.length = 0;
      await notify(deps, { Message, Subject, MessageId: 'id' }, { remainingMs: () => 10_000 });

      expect(sent.length).toBeLessThanOrEqual(1);
      for (const message of sent) expect(messageSchema.safeParse(message).error).toBeUndefined();
      const shown = sent
        .flatMap(({ embeds }) => embeds.map(({ title, description = '' }) => title + description))
        .join();
      expect(visible(shown)).toBe(shown);
    }),
    share(0.05),
  );
  expect(JSON.stringify(lines)).not.toContain(MARK);
});

const ENVELOPE = envelope();
const KEY = jobKey(SAMPLE_QUEUE, jobId(1));

/** A queue with one job that a vendor holds, or that is done. */
async function engineWith(held: boolean) {
  const { engine } = sampleEngine(() => {
    if (held) throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 300_000 });
  });
  await engine.sendAndDeliver(ENVELOPE);
  return engine;
}

/** Six runs of the reconciler. */
const STEPS = 0.1;

/** What a person or a program sees of a run. */
const outputs = ({ lines, metrics, deadLetters }: Awaited<ReturnType<typeof engineWith>>): string =>
  JSON.stringify([lines, metrics, deadLetters().map(({ attributes }) => attributes)]);

/** The caller's own ids and the vendor are logged as stored. DynamoDB itself checks the keys of its indexes. */
const LOGGED = 'key version id queue group correlationId type source vendor schema todo todoAt accepted'.split(' ');

test('a row with any attributes ends its job or waits for a person, and its values are in no output', async () => {
  const { table } = await engineWith(true);
  const names = Object.keys(table.item(KEY) ?? {}).filter((name) => !LOGGED.includes(name));
  const changes = fc.dictionary(fc.constantFrom(...names), named(names), { minKeys: 1, maxKeys: 3 });
  await fc.assert(
    fc.asyncProperty(changes, fc.boolean(), async (changed, held) => {
      const engine = await engineWith(held);
      const stored = engine.table.item(KEY) as Item;
      await engine.table.put({ ...stored, ...changed, version: stored.version + 1 }, stored.version);
      engine.send(ENVELOPE);
      await engine.drain({ hours: STEPS });
      await command(engine, 'jobs show', { id: jobId(1) }).catch((error: unknown) => {
        expect((error as Error).message).not.toContain(MARK);
        expect(error).toBeInstanceOf(OperatorError);
      });
      await command(engine, 'jobs list', {});

      expect(outputs(engine).includes(MARK)).toBe(false);
    }),
    share(0.02),
  );
});

test('a record or a kept body with any content ends its job, and its words are in no output', async () => {
  const content = bodyOf(named(['id', 'state', 'steps', 'history', 'version', 'record']));
  await fc.assert(
    fc.asyncProperty(content, content, async (record, body) => {
      const engine = await engineWith(true);
      const row = engine.row(jobId(1));
      await engine.objects.put(recordKey('jobs', row), record, 'application/json');
      await engine.objects.put(bodyKey('jobs', SAMPLE_QUEUE, jobId(1)), body, 'application/json');
      engine.clock.advance(3_600_000);
      await engine.drain({ hours: STEPS });

      expect(outputs(engine).includes(MARK)).toBe(false);
    }),
    share(0.02),
  );
});
