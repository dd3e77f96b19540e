import fc from 'fast-check';
import { FACT_KINDS } from '../../../lib/alarms/kinds';
import { notify } from '../../../lib/alarms/notify';
import { eventVerifier, type WebhookRequest } from '../../../lib/emails/events/verify';
import { eventWebhook } from '../../../lib/emails/events/webhook';
import { visible } from '../../../lib/text';
import { eventKeys, type SendgridEvent } from '../../../packages/local/fakes/sendgrid';
import { chat } from '../../support/alarms';
import { anEnvelope } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';
import { webhookRequest } from '../../support/webhook-request';
import { MARK, named, printSeed, share, text } from './random';

beforeAll(printSeed);

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

test('a queue takes any body under any job attribute, ends its job, and passes on nothing of it', async () => {
  const data = named(['name', 'user', 'email', 'subject', 'message', 'attachments', 'to', 'from', 'app', 'groups']);
  const names = fc.constantFrom('type', 'id', 'time', 'dataref', 'datasha256', 'sequence');
  // Type, id and sequence are the caller's own and are stored as they are.
  const changes = fc
    .dictionary(names, data, { maxKeys: 2 })
    .map((drawn) => JSON.parse(JSON.stringify(drawn).replaceAll(MARK, 'mark')) as object);
  const envelope = fc.tuple(data, changes).map(([value, changed]) => anEnvelope({ data: value, ...changed }));
  const json = fc.oneof(envelope, data).map((value) => JSON.stringify(value) ?? '');
  const body = fc.oneof(json, text).filter(isSendable);
  await fc.assert(
    fc.asyncProperty(body, fc.option(text.filter(isSendable)), fc.boolean(), async (sent, job, kept) => {
      const { engine } = sampleEngine();
      engine.send(sent, { attributes: { ...(job === null ? {} : { job }), ...(kept ? { body: 'kept' } : {}) } });
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
  const message = fc.oneof(
    json.map((value) => JSON.stringify(value) ?? ''),
    text,
  );
  await fc.assert(
    fc.asyncProperty(message, text, async (Message, Subject) => {
      sent.length = 0;
      await notify(deps, { Message, Subject, MessageId: 'id' }, { remainingMs: () => 10_000 });

      expect(sent.length).toBeLessThanOrEqual(1);
      const shown = sent
        .flatMap(({ embeds }) => embeds.map(({ title, description = '' }) => title + description))
        .join();
      expect(visible(shown)).toBe(shown);
    }),
    share(0.05),
  );
  expect(JSON.stringify(lines)).not.toContain(MARK);
});
