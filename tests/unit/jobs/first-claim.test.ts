import fc from 'fast-check';
import type { JobError } from '../../../lib/errors';
import { createLedger } from '../../../lib/jobs/ledger';
import type { Item } from '../../../lib/ports';
import { acceptedRow } from '../../support/accepted-row';
import { type Fault, withFaults } from '../../support/faults';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';
import { openAccepted } from '../../support/opening';

const clock = memoryClock();
const settings = () => ({ retention: 1_209_600 });

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
  const ledger = createLedger({ table, clock, random: memoryRandom(), settings });
  const opened = await openAccepted({ ledger, clock, receiveCount: unread ? 1 : 2 }).catch(({ code }: JobError) => ({
    kind: 'failed' as const,
    code,
  }));
  return { opened, calls, item: kept.items()[0] };
}

/** Without what differs between two runs. */
const comparable = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value ?? null), (name, part) =>
    ['writer', 'receiveCount'].includes(name) ? undefined : part,
  );

test('a job that no run has had is claimed by one call', async () => {
  const { opened, calls } = await claimed(await accepted(), { unread: true });

  expect(opened).toMatchObject({ kind: 'claimed', begun: 'effect', row: { state: 'processing' } });
  expect(calls).toEqual(['update']);
});

test('a claim whose answer was lost is recognised as ours', async () => {
  const { opened, item } = await claimed(await accepted(), { unread: true, lost: true });

  expect(opened).toMatchObject({ kind: 'claimed', begun: 'effect', row: { lease: { token: 'token' } } });
  expect(item?.version).toBe(2);
});

const time = clock.now() - 1_000;
/** Every attribute of a row that a claim reads or writes, or that newer code may store. */
const NAMES = [
  ...['state', 'reason', 'lease', 'payloadHash', 'steps', 'spentMessageIds', 'history', 'deliveries', 'generation'],
  ...['attempts', 'crashes', 'holds', 'version', 'schema', 'time', 'createdAt', 'group', 'type', 'source', 'sequence'],
  ...['correlationId', 'traceparent', 'firstStartedAt', 'endedAt', 'retryAt', 'dueSince', 'notBefore', 'recordedAt'],
  ...['parkedAt', 'parkedFrom', 'leftDlqAt', 'discarded', 'cancelledBy', 'heldSince', 'outcomeAt', 'vendor', 'error'],
  ...['evidence', 'result', 'failures', 'bodyKept', 'canary', 'expiresAt', 'bulk', 'replacedBy', 'ofNewerCode'],
];
/** What may be stored in any of them in place of the producer's value. `undefined`: nothing. */
const ANY = [undefined, 'odd', '', 'm', true, -1, 0, 1, 2, 1.5, time, [], {}, ['m'], [7]];
/** What else one of them may hold. */
const VALUES: Record<string, readonly unknown[]> = {
  state: ['processing', 'held', 'succeeded', 'dead', 'cancelled'],
  reason: ['operator', 'never-sent', 'retry', 'error'],
  lease: [9_000, 0].map((left) => ({ token: 'other', until: clock.now() + left, messageId: 'm', alone: true })),
  steps: ['effect', 'other'].map((name) => ({ [name]: { status: 'started', startedAt: time } })),
  history: [[{ at: time, event: 'reopened (operator)' }]],
  deliveries: [[{ messageId: 'm', sentAt: time }]],
  error: [{ class: 'permanent', code: 'X', message: 'x' }],
  evidence: [{ effect: { at: time, event: 'delivered' } }],
  bulk: [{ id: 'b', generation: 1, at: 1 }],
};

const change = fc
  .constantFrom(...NAMES)
  .chain((name) => fc.constantFrom(...ANY, ...(VALUES[name] ?? [])).map((value) => [name, value] as const));

/** A row that does not parse is not run. */
const seen = ({ opened, item }: Awaited<ReturnType<typeof claimed>>): unknown =>
  opened.kind === 'failed' ? opened : comparable([opened, item]);

test.each([
  ['updatedAt', 'odd'],
  ['sentAt', 'odd'],
])('a damaged %s is replaced', async (attribute, damage) => {
  const { opened, item } = await claimed({ ...(await accepted()), [attribute]: damage }, { unread: true });

  expect(opened).toMatchObject({ kind: 'claimed' });
  expect(item?.[attribute]).not.toEqual(damage);
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
