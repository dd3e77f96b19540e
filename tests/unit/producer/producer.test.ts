import fc from 'fast-check';
import { parseEnvelope, payloadHash } from '../../../lib/engine/jobs/envelope';
import { hashesWith, personOf } from '../../../lib/engine/jobs/person-hash';
import { IdempotencyConflictError, type InvalidJobError } from '../../../lib/engine/submit/errors';
import type { SubmitOptions } from '../../../lib/engine/submit/options';
import type { Item } from '../../../lib/platform/ports';
import { feedbackSchema } from '../../../lib/queues/feedback/message';
import { createProducer } from '../../../packages/producer/client';
import { type Fault, withFaults } from '../../support/faults';
import { HASH_KEY } from '../../support/hash-people';
import { memoryProducerDeps } from '../../support/producer';

const feedback = { user: { id: 'user-1', email: 'user@example.com' }, subject: 'It works', message: 'Well done.' };

test('feedback from the producer becomes a row and a matching message', async () => {
  const { producer, clock, rows, messages, events } = memoryProducerDeps();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  const accepted = await producer.feedback(feedback, { correlationId: 'request-1', traceparent });

  const time = new Date(clock.now()).toISOString();
  expect(events()).toEqual([
    {
      ...{ specversion: '1.0', id: accepted.id, type: 'feedback.submitted.v1', source: '/my-instance/api', time },
      ...{ datacontenttype: 'application/json', correlationid: 'request-1', traceparent },
      person: hashesWith([HASH_KEY])(personOf(feedback.user.email))[0],
      salt: expect.stringMatching(/^[0-9a-f]{32}$/),
      data: { ...feedback, confirmation: true },
    },
  ]);
  const [message] = messages();
  const envelope = parseEnvelope(message?.body ?? '');
  const token = String(rows()[0]?.token);
  expect(message).toMatchObject({ deduplicationId: `${token}:1`, groupId: expect.stringMatching(/^[0-9a-f]{32}$/) });
  expect(message?.attributes).toMatchObject({ token: { StringValue: token } });
  expect(rows()).toMatchObject([
    {
      ...{ key: `feedback#${accepted.id}`, version: 2, state: 'queued', time: clock.now(), group: message?.groupId },
      ...{ payloadHash: payloadHash(envelope), correlationId: 'request-1', traceparent, sentAt: clock.now() },
      ...{ accepted: 'feedback', todo: expect.stringMatching(/^feedback#active#[0-7]$/) },
      history: [{ event: 'accepted' }, { event: 'sent', messageId: message?.messageId }],
    },
  ]);
  expect(feedbackSchema.parse(envelope.data)).toEqual({ ...feedback, confirmation: true });
});

test('a repeat with its fields in another order and an address in another case is the same job', async () => {
  const { producer, messages } = memoryProducerDeps();
  const options = { key: 'k', system: true } as const;
  const first = { ...feedback, context: { app: '2.4.1', device: 'iPhone' } };
  const { message, subject, user } = first;
  const again = {
    message,
    context: { device: 'iPhone', app: '2.4.1' },
    subject,
    user: { ...user, email: 'User@Example.com ' },
  };

  const { id } = await producer.feedback(first, options);

  await expect(producer.feedback(again, options)).resolves.toMatchObject({ id, duplicate: true });
  await expect(producer.feedback({ ...again, subject: 'x' }, options)).rejects.toThrow(IdempotencyConflictError);
  expect(messages()).toHaveLength(1);
  const [one, two] = [first, again].map((data) =>
    payloadHash(parseEnvelope(JSON.stringify({ ...JSON.parse(messages()[0]?.body ?? ''), data: { ...data, user } }))),
  );
  expect(one).toBe(two);
});

test('the payload hash in a row tells nothing about the data without the salt, which no row has', async () => {
  const { producer, rows, events } = memoryProducerDeps();

  await producer.feedback(feedback);

  const { salt, ...known } = events()[0] ?? {};
  expect(rows()[0]?.payloadHash).not.toBe(payloadHash(known as never));
  expect(JSON.stringify(rows())).not.toContain(salt);
});

test('feedback from the producer that is not valid is refused with all fields and rules and leaves nothing behind', async () => {
  const { producer, table, messages } = memoryProducerDeps();
  const bad = { user: { email: 'planted' }, subject: ' ', message: '', 'planted@example.com': 1, sbject: 1 };

  const refused = producer.feedback(bad as never, { key: 'planted', principal: 'client-1' });

  const { problems } = (await refused.catch((error: unknown) => error)) as InvalidJobError;
  expect(problems.map(({ field }) => field)).toEqual(['user.email', 'subject', 'message', '*', 'sbject']);
  expect(JSON.stringify(problems)).not.toContain('planted');
  expect([table.writes(), messages().length]).toEqual([0, 0]);
});

test.each<[string, object, string]>([
  ['a key without its owner', { key: 'k' }, 'principal'],
  ['a key with an empty owner', { key: 'k', principal: '' }, 'principal'],
  ['a key that is not of the system', { key: 'k', system: false }, 'system'],
  ['a key of two owners', { key: 'k', principal: 'client-1', system: true }, 'system'],
  ['the principal of operators', { principal: 'operator' }, 'principal'],
  ['an empty key', { key: '', principal: 'client-1' }, 'key'],
  ['a key of 256 characters', { key: 'x'.repeat(256), principal: 'client-1' }, 'key'],
  ['a key with two lines', { key: 'a\nb', principal: 'client-1' }, 'key'],
  ['a time without an offset', { notBefore: '2026-01-02T03:04:05' }, 'notBefore'],
  ['an unknown option', { kye: 1 }, 'kye'],
])('feedback from the producer with %s is refused, and leaves nothing behind', async (_, options, field) => {
  const { producer, table, messages } = memoryProducerDeps();

  const refused = producer.feedback(feedback, options as SubmitOptions);

  await expect(refused).rejects.toMatchObject({ name: 'InvalidJobError', problems: [{ field: `options.${field}` }] });
  expect([table.writes(), messages().length]).toEqual([0, 0]);
});

test('feedback from the producer is accepted without a malformed trace', async () => {
  const { producer, events } = memoryProducerDeps();

  await producer.feedback(feedback, { traceparent: 'not-a-trace' });

  expect(events()[0]).not.toHaveProperty('traceparent');
});

test('feedback from the producer is logged without any of its data', async () => {
  const { producer, lines } = memoryProducerDeps();

  const { id } = await producer.feedback(feedback, { key: 'planted', principal: 'planted' });

  expect(lines).toMatchObject([{ message: 'accepted', facts: { queue: 'feedback', jobId: id } }]);
  expect(JSON.stringify(lines)).not.toMatch(/user|example|works|done|planted/);
});

test('a repeated key sends a job that an operator reopened under the id of that opening, since SQS knows the first', async () => {
  const { producer, table, messages } = memoryProducerDeps();
  await producer.feedback(feedback, { key: 'k', principal: 'p' });
  const { sentAt: _sentAt, ...unsent } = table.items()[0] as Item;
  await table.put({ ...unsent, generation: 2, version: unsent.version + 1 }, unsent.version);

  await producer.feedback(feedback, { key: 'k', principal: 'p' });

  const { token } = unsent;
  expect(messages().map(({ deduplicationId }) => deduplicationId)).toEqual([`${token}:1`, `${token}:3`]);
});

const options = { key: 'request-1', principal: 'client-1' };

test('a repeated key finds the first job at any later time. With other data it is a conflict that changes nothing', async () => {
  const { producer, clock, rows, messages } = memoryProducerDeps();
  const { id, time } = await producer.feedback(feedback, options);
  const before = rows();
  clock.advance(3_600_000);

  // Fields in any order, and defaults that are written out, are the same data.
  const { user, subject, message } = feedback;
  const again = await producer.feedback({ confirmation: true, message, subject, user }, options);
  const conflict = producer.feedback({ ...feedback, message: 'Something else' }, options);

  expect(again).toEqual({ id, time, duplicate: true });
  await expect(conflict).rejects.toMatchObject({ constructor: IdempotencyConflictError, id });
  expect(rows()).toEqual(before);
  expect(messages()).toHaveLength(1);
});

test('a repeated key finds its job while the hash key changes, and its message is the one that the row expects', async () => {
  const sends: Fault[] = ['refused'];
  const { deps, producer, rows, messages } = memoryProducerDeps({
    queues: (queues) => withFaults(queues, () => sends.shift() ?? 'none'),
  });
  await expect(producer.feedback(feedback, options)).rejects.toMatchObject({ name: 'StoreError' });
  const hashPeople = async () => hashesWith(['b'.repeat(32), HASH_KEY]);

  const again = await createProducer({ ...deps, hashPeople }).feedback(feedback, options);

  expect(again.duplicate).toBe(true);
  expect(payloadHash(parseEnvelope(messages()[0]?.body ?? ''))).toBe(rows()[0]?.payloadHash);
});

test('a producer does not overwrite a claim that came before its mark', async () => {
  const { producer, table, rows } = memoryProducerDeps({
    queues: (queues) => ({
      ...queues,
      send: async (url, message) => {
        const answer = await queues.send(url, message);
        const [row] = table.items();
        if (row) await table.put({ ...row, version: 2, writer: 'worker', state: 'processing' }, 1);
        return answer;
      },
    }),
  });

  await producer.feedback(feedback, options);

  expect(rows()).toMatchObject([{ version: 2, writer: 'worker', state: 'processing' }]);
  expect(rows()[0]).not.toHaveProperty('sentAt');
});

test('a key has one id, one time and a message after any failures of the stores if the caller retries', async () => {
  const fault = fc.constantFrom('none' as const, 'refused' as const, 'lost' as const);
  const plan = fc.record({
    faults: fc.array(fault, { maxLength: 40 }),
    waits: fc.array(fc.integer({ min: 0, max: 1_200_000 }), { minLength: 1, maxLength: 6 }),
  });

  await fc.assert(
    fc.asyncProperty(plan, async ({ faults, waits }) => {
      const pending = [...faults];
      const next = () => pending.shift() ?? 'none';
      const { producer, clock, rows, events } = memoryProducerDeps({
        table: (table) => withFaults(table, next),
        queues: (queues) => withFaults(queues, next),
      });
      const accepted: { id: string; time: string }[] = [];

      for (const wait of waits) {
        await producer.feedback(feedback, options).then(
          (answer) => accepted.push(answer),
          (error: unknown) => expect(error).toMatchObject({ name: 'StoreError' }),
        );
        clock.advance(wait);
      }
      pending.length = 0;
      accepted.push(await producer.feedback(feedback, options));

      const [row, ...others] = rows();
      expect(others).toEqual([]);
      const first = { id: row?.id, time: new Date(row?.time ?? 0).toISOString() };
      expect(accepted).toMatchObject(accepted.map(() => first));
      expect(events().length).toBeGreaterThan(0);
      expect(events()).toMatchObject(events().map(() => first));
    }),
    { numRuns: 300 },
  );
});

test('simultaneous calls with one key make one job', async () => {
  const { producer, rows, messages } = memoryProducerDeps();

  const accepted = await Promise.all([1, 2, 3].map(() => producer.feedback(feedback, options)));

  expect(new Set(accepted.map(({ id, time }) => `${id} ${time}`)).size).toBe(1);
  expect(accepted.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
  expect([rows().length, messages().length]).toEqual([1, 1]);
});
