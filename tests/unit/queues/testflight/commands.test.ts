import { jobKey } from '../../../../lib/engine/jobs/keys';
import { createLedger } from '../../../../lib/engine/jobs/ledger';
import { hashesWith } from '../../../../lib/engine/jobs/person-hash';
import type { JobRow } from '../../../../lib/engine/jobs/row';
import { createCommands, type Wanted } from '../../../../lib/queues/testflight/commands';
import { acceptedRow } from '../../../support/accepted-row';
import { jobId } from '../../../support/engine';
import { HASH_KEY } from '../../../support/hash-people';
import { memoryClock, memoryRandom } from '../../../support/memory-clock';
import { memoryTable } from '../../../support/memory-table';

const SETTLE_MS = 30_000;

/** `keys`: the hash keys of the instance. */
function start(keys: readonly [string, ...string[]] = [HASH_KEY], table = memoryTable()) {
  const clock = memoryClock();
  const ports = { table, clock, random: memoryRandom() };
  const ledger = createLedger({ ...ports, settings: () => ({ retention: 86_400 }) });
  const hashPeople = async () => hashesWith(keys);
  const commands = createCommands({ ...ports, hashPeople, settleAfterMs: SETTLE_MS });
  const row = (n: number, changes: Partial<JobRow> = {}) => ({
    ...acceptedRow(clock.now(), { id: jobId(n) }),
    queue: 'testflight',
    key: jobKey('testflight', jobId(n)),
    firstSequence: String(18_800_000_000_000_000_000n + BigInt(n)),
    ...changes,
  });
  /** A run of the n-th command that SQS accepted. */
  const run = (
    n: number,
    wanted: Wanted,
    { email = 'tester@example.com', ...changes }: Partial<JobRow> & { email?: string } = {},
  ) => commands.begin({ id: jobId(n), data: { app: '1', email }, row: row(n, changes) }, wanted);
  return { clock, table, ledger, row, run };
}

const invite: Wanted = { member: true, groups: ['a'] };
const leaveGroup: Wanted = { member: false, groups: ['a'] };
const leaveApp: Wanted = { member: false };
const supersededBy = (n: number) => ({ code: 'Superseded', by: jobId(n) });

test.each([
  ['an invitation', 'an invitation to its group', 'is superseded', invite, invite],
  ['an invitation', 'a removal from its group', 'is superseded', invite, leaveGroup],
  ['an invitation', 'a removal from the app', 'is superseded', invite, leaveApp],
  ['a removal from a group', 'an invitation to it', 'is superseded', leaveGroup, invite],
  ['a removal from a group', 'a removal from it', 'is superseded', leaveGroup, leaveGroup],
  ['a removal from a group', 'a removal from the app', 'is superseded', leaveGroup, leaveApp],
  ['a removal from the app', 'an invitation', 'is superseded', leaveApp, invite],
  ['a removal from the app', 'a removal from a group', 'goes on', leaveApp, leaveGroup],
  ['a removal from the app', 'a removal from the app', 'is superseded', leaveApp, leaveApp],
])('%s before %s %s in the middle of its run and in each later run, and the later one never is', async (...row) => {
  const [_earlier, _later, outcome, earlier, later] = row;
  const { run } = start();
  const first = await run(1, earlier);
  expect(await first.left()).toEqual(earlier.groups ?? []);
  const second = await run(2, later);

  for (const { left } of [first, await run(1, earlier, { generation: 2, holds: 3 })])
    if (outcome === 'goes on') expect(await left()).toEqual([]);
    else await expect(left()).rejects.toMatchObject(supersededBy(2));
  expect(await second.left()).toEqual(later.groups ?? []);
});

test('a command goes on for the groups that no later one about its tester names', async () => {
  const { run } = start();
  const first = await run(1, { member: true, groups: ['a', 'b', 'c'] });
  await run(2, { member: false, groups: ['b'] });
  await run(4, leaveApp, { email: 'other@example.com' });

  expect(await first.left()).toEqual(['a', 'c']);
  await run(3, { member: true, groups: ['c', 'a'] });
  await expect(first.left()).rejects.toMatchObject(supersededBy(3));
});

test('a removal from the app counts for an earlier invitation although a later one replaced it', async () => {
  const { run } = start();
  await run(2, leaveApp);
  await run(3, { member: true, groups: ['b'] });

  await expect((await run(1, invite)).left()).rejects.toMatchObject(supersededBy(2));
});

test('the item of a tester keeps commands that decide something, no address, and as long as jobs can be retried', async () => {
  const { clock, run, table } = start();
  for (let n = 1; n <= 50; n++) await run(n, { member: n % 2 === 0, groups: ['a', `g${n % 3}`] });

  const [item] = table.items().filter(({ key }) => key.startsWith('person#'));
  expect(item?.commands).toHaveLength(3);
  expect(JSON.stringify(item)).not.toContain('example.com');
  expect((item?.expiresAt ?? 0) * 1000 - clock.now()).toBeGreaterThanOrEqual(120 * 86_400_000);
});

const delivery = (sequence: string) => ({ messageId: `m${sequence}`, sequence, receiveCount: 1, sentAt: 1, at: 1 });

test.each<[string, string | undefined, string[], string]>([
  ['the numbers have more digits', '9', [], '10'],
  ['the first delivery has the number, and a later one another', undefined, ['5', '90'], '50'],
  ['the first claim is of a returned one', '5', ['90'], '50'],
])('the place is the number of the first message: %s', async (_what, firstSequence, delivered, later) => {
  const { run } = start();
  await run(2, leaveGroup, { firstSequence: later });

  const earlier = await run(1, invite, { firstSequence, deliveries: delivered.map(delivery) } as never);

  await expect(earlier.left()).rejects.toMatchObject(supersededBy(2));
});

test('a standard queue numbers no messages, so its commands have no order', async () => {
  const { run, table } = start();
  await run(2, leaveGroup, { firstSequence: undefined } as never);

  expect(await (await run(1, invite, { firstSequence: undefined } as never)).left()).toEqual(['a']);
  expect(table.items()).toEqual([]);
});

test('a later command waits until the unanswered calls of an earlier one have taken effect', async () => {
  const { run, row, ledger, clock } = start();
  const startedAt = clock.now();
  const groups = ['a', 'b'];
  await ledger.write({ ...row(1), steps: { membership: { status: 'started', startedAt } } }, 0);
  await run(1, { member: true, groups });

  const later = await run(2, leaveApp);
  await expect(later.left()).rejects.toMatchObject({ class: 'wait', waitMs: 2 * 10_000 + SETTLE_MS });
  clock.advance(2 * 10_000 + SETTLE_MS);
  expect(await later.left()).toEqual([]);

  // It waits for no call that has an answer.
  const answered = start();
  const membership = { status: 'done' as const, startedAt };
  await answered.ledger.write({ ...answered.row(1), steps: { membership } }, 0);
  await answered.run(1, invite);
  expect(await (await answered.run(2, leaveApp)).left()).toEqual([]);
});

test('a later command from before a change of the hash key still counts', async () => {
  const table = memoryTable();
  await start([HASH_KEY], table).run(2, leaveGroup);

  const { left } = await start(['b'.repeat(32), HASH_KEY], table).run(1, invite);

  await expect(left()).rejects.toMatchObject({ code: 'Superseded' });
});
