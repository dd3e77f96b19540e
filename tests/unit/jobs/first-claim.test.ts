import fc from 'fast-check';
import type { JobError } from '../../../lib/errors';
import { envelopeSchema, payloadHash } from '../../../lib/jobs/envelope';
import { createLedger } from '../../../lib/jobs/ledger';
import { tokenOf } from '../../../lib/jobs/messages';
import type { Item } from '../../../lib/ports';
import { claim, rowOfMessage } from '../../../lib/worker/open';
import { acceptedRow } from '../../support/accepted-row';
import { anEnvelope } from '../../support/engine';
import { type Fault, withFaults } from '../../support/faults';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';
import { SAMPLE_QUEUE } from '../../support/sample-contract';

const clock = memoryClock();
const envelope = envelopeSchema.parse(anEnvelope());
const settings = () => ({ retention: 1_209_600 });
const delivery = { messageId: 'm', receiveCount: 1, sentAt: clock.now(), at: clock.now(), group: 'g' };
const { token } = acceptedRow(0);
const blank = rowOfMessage(
  { id: envelope.id, body: '', envelope, payloadHash: payloadHash(envelope), ...(token ? { token } : {}) },
  { queue: SAMPLE_QUEUE, group: 'g', sentAt: clock.now(), now: clock.now() },
);

/** The item of a job as its producer stores it. */
async function accepted(): Promise<Item> {
  const table = memoryTable();
  await createLedger({ table, clock, random: memoryRandom(3), settings }).write(acceptedRow(clock.now() - 5_000), 0);
  return table.items()[0] as Item;
}

/** Claims the job of a stored item, with or without reading it first. */
async function claimed(stored: Item | undefined, { unread, lost = false }: { unread: boolean; lost?: boolean }) {
  const kept = memoryTable();
  if (stored) await kept.put({ ...stored, version: 1 }, 0);
  if (stored && stored.version !== 1) await kept.put(stored, 1);
  const calls: string[] = [];
  const faults: Fault[] = lost ? ['lost'] : [];
  const table = withFaults(kept, (method) => {
    calls.push(method);
    return method === 'update' ? (faults.shift() ?? 'none') : 'none';
  });
  const result = await claim(createLedger({ table, clock, random: memoryRandom(), settings }), {
    key: blank.key,
    ...(unread ? { blank } : {}),
    fresh: async () => blank,
    payloadHash: blank.payloadHash,
    delivery,
    attributes: tokenOf(blank),
    token: 'token',
    leaseUntil: clock.now() + 60_000,
    alone: true,
    first: () => ({ name: 'effect', hash: 'h' }),
    now: clock.now,
  }).catch(({ code }: JobError) => ({ kind: 'failed' as const, code }));
  return { result, calls, item: kept.items()[0] };
}

const withoutWriter = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value ?? null), (name, part) => (name === 'writer' ? undefined : part));

test('a job that no run has had is claimed by one call', async () => {
  const { result, calls } = await claimed(await accepted(), { unread: true });

  expect(result).toMatchObject({ kind: 'claimed', begun: 'effect', row: { state: 'processing' } });
  expect(calls).toEqual(['update']);
});

test('a claim whose answer was lost is recognised as ours', async () => {
  const { result, item } = await claimed(await accepted(), { unread: true, lost: true });

  expect(result).toMatchObject({ kind: 'claimed', begun: 'effect', row: { lease: { token: 'token' } } });
  expect(item?.version).toBe(2);
});

const time = clock.now() - 1_000;
/** What may be stored in an attribute in place of the producer's value. `undefined`: nothing. */
const VALUES: Record<string, readonly unknown[]> = {
  state: ['processing', 'held', 'succeeded', 'dead', 'cancelled', 'odd', undefined],
  reason: ['operator', 'never-sent', 'retry', 'error', 7],
  lease: [
    { token: 'other', until: clock.now() + 9_000, messageId: 'o', alone: true },
    { token: 'other', until: time, messageId: 'm', alone: true },
    'odd',
  ],
  payloadHash: ['other', '', undefined],
  steps: [
    { effect: { status: 'done', startedAt: time } },
    { other: { status: 'started', startedAt: time } },
    '',
    undefined,
  ],
  spentMessageIds: [['m'], ['x'], 'odd', undefined],
  history: [[], [{ at: time, event: 'reopened (operator)' }], 'odd', [7], undefined],
  deliveries: [[{ messageId: 'm', sentAt: time }], [], 'odd', undefined],
  generation: [2, -1, undefined],
  attempts: [2, 'odd', undefined],
  crashes: [1, 2, undefined],
  holds: [3, 'odd', undefined],
  version: [2, 7, 0, -1, 1.5, 'odd', undefined],
  schema: [2, 'odd', undefined],
  time: [time, 'odd', undefined],
  createdAt: [1, 'odd', undefined],
  updatedAt: [1],
  group: ['other', 7, undefined],
  type: ['other.v1', undefined],
  source: ['elsewhere', undefined],
  sequence: ['5'],
  correlationId: ['other'],
  traceparent: ['other'],
  sentAt: [time],
  firstStartedAt: [time, 'odd'],
  endedAt: [time],
  retryAt: [time],
  dueSince: [time],
  notBefore: [time],
  recordedAt: [time],
  parkedAt: [time],
  parkedFrom: ['m'],
  leftDlqAt: [time],
  discarded: [true],
  cancelledBy: ['other'],
  heldSince: [time],
  outcomeAt: [time],
  publishFrom: [time],
  vendor: ['zendesk'],
  error: [{ class: 'permanent', code: 'X', message: 'x' }],
  evidence: [{ effect: { at: time, event: 'delivered' } }],
  result: ['r'],
  failures: [1],
  bodyKept: [true],
  canary: [true],
  expiresAt: [1],
  bulk: [{ id: 'b', generation: 1, at: 1 }],
  replacedBy: ['other'],
  ticket: [4],
  ofNewerCode: ['kept'],
};

const change = fc
  .constantFrom(...Object.keys(VALUES))
  .chain((name) => fc.constantFrom(...(VALUES[name] ?? [])).map((value) => [name, value] as const));

/** A row that does not parse is not run. */
const seen = ({ result, item }: Awaited<ReturnType<typeof claimed>>): unknown =>
  result.kind === 'failed' ? result : withoutWriter([result, item]);

test.each(['updatedAt', 'sentAt'])('a damaged %s is replaced', async (attribute) => {
  const { result, item } = await claimed({ ...(await accepted()), [attribute]: 'odd' }, { unread: true });

  expect(result).toMatchObject({ kind: 'claimed' });
  expect(item?.[attribute]).toEqual(expect.any(Number));
});

test('whatever else is stored, a claim without a read ends as one with a read', async () => {
  let unread = 0;
  await fc.assert(
    fc.asyncProperty(fc.option(fc.array(change, { maxLength: 3 }), { freq: 50 }), async (changes) => {
      const stored = changes ? { ...(await accepted()), ...Object.fromEntries(changes) } : undefined;
      const [one, other] = [await claimed(stored, { unread: true }), await claimed(stored, { unread: false })];
      if (one.calls.length === 1) unread++;

      expect(seen(one)).toEqual(seen(other));
    }),
    { numRuns: 2_000 },
  );
  expect(unread).toBeGreaterThan(100);
});
