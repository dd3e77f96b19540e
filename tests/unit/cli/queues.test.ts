import { StopError, WaitError } from '../../../lib/errors';
import { factsKey } from '../../../lib/jobs/keys';
import type { Options } from '../../../packages/cli/command';
import type { CommandName } from '../../../packages/cli/commands';
import { memoryDeployment } from '../../support/deployment';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { command } from '../../support/operator';
import { rejects, sampleContract } from '../../support/sample-contract';

/** An instance whose only queue calls Zendesk and SendGrid, and its commands. */
function aDeployment(effect?: Parameters<typeof sampleContract>[0]) {
  const engine = memoryEngine(() => ({ ...sampleContract(effect).contract, queue: 'feedback' }));
  const made = memoryDeployment(engine);
  const run = (...[name, options]: [CommandName, Options?]) => command({ deps: made.deployment }, name, options);
  return { engine, run, ...made };
}

/** Job 1 succeeded, 2 is dead, 3 throttled, 4 stopped, 5 and 6 wait in the queue. */
async function someJobs() {
  const made = aDeployment(({ id }) => {
    if (id === jobId(2)) rejects();
    if (id === jobId(3))
      throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 300_000 });
    if (id === jobId(4)) throw new StopError({ code: 'AgreementMissing', message: '403', vendor: 'zendesk' });
  });
  const { engine } = made;
  for (const n of [1, 2, 3, 4]) engine.send(envelope(n));
  await engine.deliver();
  for (const n of [5, 6]) engine.send(envelope(n));
  return made;
}

test('sls queues shows what waits, is held and is dead, circuits, the reconciler, and what fires in this instance', async () => {
  const { engine, metrics, alarms, on, run } = await someJobs();
  const at = engine.clock.now();
  metrics.set('JobsSucceeded', [{ at, value: 7 }]);
  metrics.set('ApproximateAgeOfOldestMessage', [{ at, value: 90 }]);
  on.set('feedback', false);
  alarms.push({ name: 'my-feedback-oldest-message', since: 1 }, { name: 'my-other-feedback-oldest-message', since: 3 });
  await engine.reconcile();
  const { version = 0 } = engine.table.item(factsKey) ?? {};
  const fact = { kind: 'jobs-dead', subject: 'feedback', code: 'Rejected', since: 2, sent: true };
  const facts = { one: fact, two: { ...fact, code: 'Quiet', quiet: true } };
  await engine.table.put({ key: factsKey, version: version + 1, writer: 'w', facts }, version);

  const { lines } = await run('queues');
  const { json } = await run('queues', { json: true });

  // The one that drew a 429 waits for the same vendor.
  const held = { 'zendesk stopped': { count: 2, more: false } };
  const figures = { queue: 'feedback', visible: 2, inFlight: 0, oldestSeconds: 90, dead: 1, receives: false, held };
  const zendesk = { vendor: 'zendesk', circuit: 'open', code: 'AgreementMissing', since: at };
  expect(json).toMatchObject({
    ...{ queues: [figures], vendors: [zendesk, { vendor: 'sendgrid', circuit: 'closed' }], reconciledAt: at },
    alarms: [
      { kind: 'jobs-dead', title: 'Jobs are dead', subject: 'feedback', since: 2 },
      { kind: 'oldest-message', title: 'A message has waited for a long time', subject: 'feedback', since: 1 },
    ],
  });
  expect(json).not.toHaveProperty('queues.0.pause');
  expect(lines.slice(0, 2)).toEqual([
    'QUEUE     VISIBLE  IN FLIGHT  OLDEST      HELD  DEAD  HOUR  FAILED  DAY  FAILED',
    'feedback  2        0          1 min 30 s  2     1     7     0       7    0',
  ]);
  expect(lines).toContain('feedback held: 2 zendesk stopped');
  expect(lines).toContainEqual(expect.stringMatching(/^zendesk +open +2026-01-02 03:04:05 +AgreementMissing +0/));
  expect(lines).toContainEqual(expect.stringContaining('feedback: its event source mapping is off, and no pause says'));
  expect(lines).toContainEqual(expect.stringMatching(/^ {2}my-feedback-oldest-message: .*, since 1970-01-01 00:00:00/));
});

test('a count stops at a thousand and says that there are more', async () => {
  const { deployment } = aDeployment();
  const count = async (_todo: string, { most = 0 }: { since: number; most?: number }) => most;

  const { lines } = await command({ deps: { ...deployment, table: { ...deployment.table, count } } }, 'queues');

  expect(lines).toContainEqual(expect.stringContaining('feedback held: 1000+ until a time'));
  expect(lines).toContain('Reconciler: no run is known');
});

test('sls queues pause says until when to resume, and sls queues shows who paused and why', async () => {
  const { run } = aDeployment();

  const { lines } = await run('queues pause', { queue: 'feedback', reason: 'Zendesk moves' });
  const table = await run('queues');
  const resumed = await run('queues resume', { queue: 'feedback' });

  const says =
    'feedback is paused since 2026-01-02 03:04:05 (UTC) by user/jane: Zendesk moves. Resume it before 2026-01-09 03:04:05 (UTC).';
  expect(lines[0]).toBe(says);
  expect(table.lines).toContain(says);
  expect(resumed.lines).toEqual([
    'feedback is resumed. user/jane had paused it at 2026-01-02 03:04:05 (UTC): Zendesk moves',
  ]);
});

const reason = 'they move';

test('sls vendors shows who has set what, since when, until when and why, until an operator ends it', async () => {
  const { run } = aDeployment();
  const paused =
    'zendesk is paused since 2026-01-02 03:04:05 (UTC) by user/jane, until 2026-01-02 05:04:05 (UTC): they move';
  const rate =
    'sendgrid gets at most 50 recipients a second since 2026-01-02 03:04:05 (UTC) by user/jane, until an operator ends it: they move';

  const pausing = await run('vendors pause', { vendor: 'zendesk', reason, for: '2h' });
  await run('vendors rate', { vendor: 'sendgrid', to: '50', reason, until: 'never' });
  const { lines } = await run('vendors');
  const { lines: queues } = await run('queues');
  const resumed = await run('vendors resume', { vendor: 'zendesk' });
  const again = await run('vendors resume', { vendor: 'zendesk' });

  expect(pausing.lines).toEqual([paused]);
  expect(lines).toEqual(['VENDOR    CIRCUIT', 'zendesk   closed', 'sendgrid  closed', paused, rate]);
  expect(queues).toEqual(expect.arrayContaining([paused, rate]));
  expect([resumed.lines, again.lines]).toEqual([[`Ended: ${paused}`], ['Nothing was set for zendesk.']]);
  expect((await run('vendors', { json: true })).json).toMatchObject({
    vendors: [{}, { set: { rate: { perSecond: 50 } } }],
  });
});

test.each([
  ['vendors pause', { vendor: 'apple', reason }, '--vendor must be one of zendesk, sendgrid, is apple'],
  ['vendors pause', { vendor: 'zendesk' }, '--reason is required'],
  ['vendors pause', { vendor: 'zendesk', reason: 'two\nlines' }, 'The reason must be one line'],
  ['vendors pause', { vendor: 'zendesk', reason, until: '2026-01-02T03:04' }, 'The end must be in the future'],
  ['vendors rate', { vendor: 'zendesk', to: '5', reason }, 'We pace only sendgrid, not zendesk'],
  ['vendors rate', { vendor: 'sendgrid', to: '0', reason }, '--to must be a number above 0 and at most 10000'],
  ['vendors rate', { vendor: 'sendgrid', to: '10001', reason }, '--to must be a number above 0 and at most 10000'],
  ['vendors rate', { vendor: 'sendgrid', to: 'fast', reason }, '--to must be a number above 0 and at most 10000'],
] as const)('sls %s with %o is refused: %s', async (name, options, says) => {
  const { run, engine } = aDeployment();

  await expect(run(name, options)).rejects.toThrow(says);
  expect(engine.table.items()).toEqual([]);
});
