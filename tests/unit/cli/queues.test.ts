import fc from 'fast-check';
import { readPause } from '../../../lib/engine/jobs/items';
import { factsKey, pauseKey } from '../../../lib/engine/jobs/keys';
import { type Deployment, OperatorError } from '../../../lib/operate/ops/operator';
import { pauseQueue, resumeQueue } from '../../../lib/operate/ops/pause';
import { StopError } from '../../../lib/platform/errors';
import type { Options } from '../../../packages/cli/command';
import type { CommandName } from '../../../packages/cli/commands';
import { memoryDeployment } from '../../support/deployment';
import { envelope, jobId, memoryEngine, watch } from '../../support/engine';
import { command } from '../../support/operator';
import { oneOfEachEnd, sampleContract } from '../../support/sample-contract';

const DAY = 86_400;
const paused = { queue: 'feedback', reason: 'Zendesk moves' };

/** An instance whose only queue calls Zendesk and SendGrid, and its commands. */
function aDeployment(effect?: Parameters<typeof sampleContract>[0]) {
  const engine = memoryEngine(() => ({ ...sampleContract(effect).contract, queue: 'feedback' }));
  const made = memoryDeployment(engine);
  const run = (...[name, options]: [CommandName, Options?]) => command({ deps: made.deployment }, name, options);
  return { engine, run, ...made };
}

/** Job 1 succeeded, 2 is dead, 3 throttled, 4 stopped, 5 and 6 wait in the queue. */
async function someJobs() {
  const made = aDeployment(oneOfEachEnd);
  const { engine } = made;
  for (const n of [1, 2, 3, 4]) engine.send(envelope(n));
  await engine.deliver();
  for (const n of [5, 6]) engine.send(envelope(n));
  return made;
}

test('sls queues shows what waits, is held and is dead, circuits, the reconciler, and what fires in this instance', async () => {
  const { engine, metrics, alarms, on, run } = await someJobs();
  const at = engine.clock.now();
  const isoAt = new Date(at).toISOString();
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
  const held = { zendesk: { what: 'zendesk stopped', count: 2, more: false } };
  const figures = { queue: 'feedback', visible: 2, inFlight: 0, oldestSeconds: 90, dead: 1, receives: false, held };
  const zendesk = { vendor: 'zendesk', circuit: 'open', code: 'AgreementMissing', since: isoAt };
  expect(json).toMatchObject({
    ...{ queues: [figures], vendors: [zendesk, { vendor: 'sendgrid', circuit: 'closed' }], reconciledAt: isoAt },
    alarms: [
      { kind: 'jobs-dead', title: 'Jobs are dead', subject: 'feedback', since: '1970-01-01T00:00:00.002Z' },
      {
        kind: 'oldest-message',
        title: 'A message has waited for a long time',
        subject: 'feedback',
        since: '1970-01-01T00:00:00.001Z',
      },
    ],
  });
  for (const absent of ['pause', 'levels']) expect(json).not.toHaveProperty(`queues.0.${absent}`);
  expect(json).toHaveProperty('queues.0.lastHour', { succeeded: [{ at: isoAt, value: 7 }], dead: [] });
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

  expect(lines).toContainEqual(expect.stringContaining('feedback held: 1000+ until their time'));
  expect(lines).toContain('Reconciler: no run is known');
});

test('a pause is stored and shown with who, why and until when, and Lambda receives nothing until the resume', async () => {
  const { engine, on, run } = aDeployment();

  const { lines } = await run('queues pause', paused);
  const table = await run('queues');
  const during = on.get('feedback');
  const resumed = await run('queues resume', { queue: 'feedback' });
  const again = await run('queues resume', { queue: 'feedback' });

  const says =
    'feedback is paused since 2026-01-02 03:04:05 (UTC) by user/jane: Zendesk moves. Resume it before 2026-01-09 03:04:05 (UTC).';
  expect(lines[0]).toBe(says);
  expect(table.lines).toContain(says);
  expect([resumed.lines, again.lines]).toEqual([
    ['feedback is resumed. user/jane had paused it at 2026-01-02 03:04:05 (UTC): Zendesk moves'],
    ['feedback was not paused. Lambda receives its messages.'],
  ]);
  expect([during, on.get('feedback')]).toEqual([false, true]);
  expect(engine.table.item(pauseKey('feedback'))).toBeUndefined();
});

const reason = 'they move';
const NONE = 'No operator has paused zendesk or set its rate.';

test('sls vendors shows who has set what, since when, until when and why, until an operator ends it', async () => {
  const { run } = aDeployment();
  const ofZendesk =
    'zendesk is paused since 2026-01-02 03:04:05 (UTC) by user/jane, until 2026-01-02 05:04:05 (UTC): they move';
  const rate =
    'sendgrid gets at most 50 recipients a second since 2026-01-02 03:04:05 (UTC) by user/jane, until an operator ends it: they move';

  const pausing = await run('vendors pause', { vendor: 'zendesk', reason, for: '2h' });
  await run('vendors rate', { vendor: 'sendgrid', to: '50', reason, until: 'never' });
  const { lines } = await run('vendors');
  const { lines: queues } = await run('queues');
  const resumed = await run('vendors resume', { vendor: 'zendesk' });
  const again = await run('vendors resume', { vendor: 'zendesk' });

  expect(pausing.lines).toEqual([ofZendesk]);
  expect(lines).toEqual(['VENDOR    CIRCUIT', 'zendesk   closed', 'sendgrid  closed', ofZendesk, rate]);
  expect(queues).toEqual(expect.arrayContaining([ofZendesk, rate]));
  expect([resumed.lines, again.lines]).toEqual([[`Ended: ${ofZendesk}`], [NONE]]);
  const { json } = await run('vendors', { json: true });
  const set = { rate: { perSecond: 50, at: '2026-01-02T03:04:05.000Z' } };
  expect(json).toMatchObject({ vendors: [{}, { set }] });
});

/** A circuit that has just opened, with the jobs that wait for its vendor. The next trial is a minute away. */
async function anOutage({ jobs = 2 } = {}) {
  let down = true;
  const made = aDeployment(() => {
    if (down) throw new StopError({ code: 'ZendeskUnauthorized', message: '401', vendor: 'zendesk' });
  });
  const { engine, run } = made;
  for (let n = 1; n <= jobs; n++) await engine.sendAndDeliver(envelope(n), { group: `g${n}` });
  if (jobs === 0) await engine.deps.circuits.open('zendesk', 'ZendeskUnauthorized');
  return {
    ...made,
    tried: async () => (await run('vendors try', { vendor: 'zendesk' })).lines.join(''),
    states: () => engine.rows().map(({ state }) => state),
    recover() {
      down = false;
    },
  };
}
const NEXT = 'The next trial call is at 2026-01-02 03:05:05 (UTC).';

test('sls queues, vendors, health and jobs show say when the next trial call is, and what ends nothing says so', async () => {
  const { run } = await anOutage();

  const { lines } = await run('vendors');
  const { lines: queues } = await run('queues');
  const { json } = await run('vendors', { json: true });
  const shown = await run('jobs show', { id: jobId(1) });
  const { lines: ended, notes } = await run('vendors resume', { vendor: 'zendesk' });

  expect(lines).toContain(`zendesk: ${NEXT}`);
  expect(queues).toContain(`zendesk: ${NEXT}`);
  expect(json).toMatchObject({ vendors: [{ nextTrialAt: '2026-01-02T03:05:05.000Z', trial: NEXT }, { trial: '' }] });
  expect(shown.lines).toContain(`  next        ${NEXT}`);
  expect(ended).toEqual([NONE]);
  expect(notes).toEqual([
    `Its circuit is open. ${NEXT} To make it now: npx sls vendors try zendesk --stage prod --param instance=acme --region eu-central-1`,
  ]);
});

test('a trial call by hand runs one job at once, and if the vendor works its other jobs follow', async () => {
  const { tried, states, recover, engine } = await anOutage();
  recover();

  expect(await tried()).toMatch(/^[\w-]+ of feedback makes the trial call to zendesk within seconds\./);
  expect(states().toSorted()).toEqual(['held', 'queued']);
  await engine.work();
  expect(await tried()).toBe('The circuit of zendesk is closed: its jobs run.');
  await engine.reconcile();
  await engine.work();
  expect(states()).toEqual(['succeeded', 'succeeded']);
});

test.each<[string, (made: Awaited<ReturnType<typeof anOutage>>) => unknown, string]>([
  ['fails: the next is later', ({ engine }) => engine.work(), 'The next trial call is at 2026-01-02 03:06:05 (UTC).'],
  ['has not begun', () => {}, 'The next job makes a trial call.'],
])('after a trial call by hand that %s', async (_how, make, says) => {
  const made = await anOutage();
  await made.tried();
  await make(made);

  expect((await made.run('vendors')).lines).toContain(`zendesk: ${says}`);
});

test('a trial call by hand waits for the next job if none waits, and changes nothing while one is under way or the vendor is paused', async () => {
  const { tried, run, engine } = await anOutage({ jobs: 0 });
  const { circuits, clock } = engine.deps;

  expect(await tried()).toBe('No job waits for zendesk: the next job makes the trial call.');
  await circuits.enter('zendesk', clock.now() + 45_000);
  const before = await circuits.read('zendesk');
  expect(await tried()).toBe('zendesk: A trial call is under way.');
  expect(await circuits.read('zendesk')).toEqual(before);
  await run('vendors pause', { vendor: 'zendesk', reason });
  await expect(tried()).rejects.toThrow('zendesk is paused. A trial call needs its resume: sls vendors resume zendesk');
  expect((await run('vendors')).lines).toContain('zendesk: While it is paused, no trial call is made.');
});

test.each([
  ['queues pause', { queue: 'feedback', reason: 'x'.repeat(201) }, 'must be one line of at most 200 characters'],
  ['vendors try', { vendor: 'apple' }, '--vendor must be one of zendesk, sendgrid, is apple'],
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

test('a repeat completes a pause or a resume that was cut off. The pause keeps its first reason', async () => {
  const { engine, deployment, on, metrics } = aDeployment();
  const set = () => Promise.reject(new Error('the process ended'));
  const cut = { ...deployment, mappings: { ...deployment.mappings, set } };

  await expect(pauseQueue(cut, paused)).rejects.toThrow('the process ended');
  engine.clock.advance(60_000);
  // A pause that is stored cannot be refused any more.
  metrics.set('ApproximateAgeOfOldestMessage', [{ at: engine.clock.now() - 60_000, value: 7 * DAY + 1 }]);
  const repeat = await pauseQueue(deployment, { queue: 'feedback', reason: 'another' });
  const during = on.get('feedback');
  await expect(resumeQueue(cut, 'feedback')).rejects.toThrow('the process ended');
  await resumeQueue(deployment, 'feedback');

  expect(repeat).toMatchObject({ pause: { reason: paused.reason, by: 'user/jane' } });
  expect([during, on.get('feedback')]).toEqual([false, true]);
  expect(await readPause(engine.deps, 'feedback')).toBeUndefined();
});

test('a pause is refused for a queue without a mapping, or while a message has waited for half of the retention', async () => {
  const { engine, deployment, on, metrics } = aDeployment();
  metrics.set('ApproximateAgeOfOldestMessage', [{ at: engine.clock.now() - 60_000, value: 7 * DAY + 1 }]);

  await expect(pauseQueue(deployment, paused)).rejects.toThrow("more than half of the queue's retention");
  expect(on.get('feedback')).toBe(true);
  on.delete('feedback');
  await expect(pauseQueue(deployment, paused)).rejects.toThrow('has no event source mapping');
  await expect(resumeQueue(deployment, 'feedback')).rejects.toThrow('has no event source mapping');
  expect(await readPause(engine.deps, 'feedback')).toBeUndefined();
});

/** A deployment in which another operator acts while the mapping is set for the first time. */
function interrupted(act: (deployment: Deployment) => Promise<unknown>) {
  const { deployment, ...rest } = aDeployment();
  let other: typeof act | undefined = act;
  const set: Deployment['mappings']['set'] = async (...given) => {
    const now = other;
    other = undefined;
    await now?.(deployment);
    return deployment.mappings.set(...given);
  };
  return { ...rest, deployment, between: { ...deployment, mappings: { ...deployment.mappings, set } } };
}

test('a pause that another operator resumes while it begins is made again', async () => {
  const { engine, between, on } = interrupted((deployment) => resumeQueue(deployment, 'feedback'));

  await pauseQueue(between, paused);

  expect([(await readPause(engine.deps, 'feedback'))?.reason, on.get('feedback')]).toEqual([paused.reason, false]);
});

test('a resume says that another operator has paused the queue again meanwhile, and so does a pause', async () => {
  const { deployment, between } = interrupted((deployment) => pauseQueue(deployment, paused));

  await expect(resumeQueue(between, 'feedback')).rejects.toThrow('has just paused feedback again');
  jest.spyOn(deployment.table, 'get').mockResolvedValueOnce(undefined);
  await expect(pauseQueue(deployment, paused)).rejects.toThrow('has just paused feedback. Look at it again');
});

const ACTS = {
  pause: (deps: Deployment) => pauseQueue(deps, paused),
  resume: (deps: Deployment) => resumeQueue(deps, 'feedback'),
};
type Act = keyof typeof ACTS;

test.each<[Act, Act, string]>([
  ['pause', 'resume', 'paused'],
  ['pause', 'resume', 'running'],
  ['pause', 'pause', 'running'],
  ['resume', 'resume', 'paused'],
])('a %s and a %s of a %s queue at once leave mapping and pause alike, in any order', async (one, other, begin) => {
  const inOrder = async (scheduler: fc.Scheduler) => {
    const { engine, deployment, on } = aDeployment();
    if (begin === 'paused') await pauseQueue(deployment, paused);
    // Each call of the table or of Lambda waits for its turn.
    const before = () => scheduler.schedule(Promise.resolve());
    const table = watch(deployment.table, 'table', { before });
    const mappings = watch(deployment.mappings, 'mappings', { before });
    const succeeded: Act[] = [];
    const acting = [one, other].map((act) =>
      ACTS[act]({ ...deployment, table, mappings }).then(
        () => succeeded.push(act),
        (error: unknown) => expect(error).toBeInstanceOf(OperatorError),
      ),
    );

    await scheduler.waitFor(Promise.all(acting));

    const state = (await readPause(engine.deps, 'feedback')) ? 'pause' : 'resume';
    expect(on.get('feedback')).toBe(state === 'resume');
    expect(succeeded).toContain(state);
  };
  await fc.assert(fc.asyncProperty(fc.scheduler(), inOrder), { numRuns: 500, seed: 1 });
});
