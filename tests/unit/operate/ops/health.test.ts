import { factsKey, todoKey } from '../../../../lib/engine/jobs/keys';
import type { JobRow } from '../../../../lib/engine/jobs/row';
import { stateOf } from '../../../../lib/operate/ops/operator';
import { overview } from '../../../../lib/operate/ops/overview';
import { pauseQueue } from '../../../../lib/operate/ops/pause';
import { StopError, StoreError } from '../../../../lib/platform/errors';
import { layDead } from '../../../support/dead-letters';
import { memoryDeployment } from '../../../support/deployment';
import { envelope, jobId, memoryEngine } from '../../../support/engine';
import { aTarget, command } from '../../../support/operator';
import { rejects, sampleContract } from '../../../support/sample-contract';

const OPTIONS = ` --stage prod --param instance=${aTarget.instance} --region eu-central-1`;
const HEALTHY = 'healthy, as of 2026-01-02 03:04:05 (UTC)';
const ONE = '1 problem, as of 2026-01-02 03:04:05 (UTC)';
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const MINUTE_MS = 60_000;

/** A deployment whose reconciler has just run. `effect`: what each job does. */
async function aDeployment(effect: () => void = () => {}) {
  // The queue of the feedback jobs, whose worker calls Zendesk.
  const engine = memoryEngine(() => ({ ...sampleContract(effect).contract, queue: 'feedback' }));
  await engine.reconcile();
  return { engine, ...memoryDeployment(engine) };
}
type Made = Awaited<ReturnType<typeof aDeployment>>;

async function verdictOf({ deployment }: Pick<Made, 'deployment'>) {
  const { lines, exitCode } = await command({ deps: deployment }, 'health');
  return { lines: lines.map((line) => line.replace(OPTIONS, '')), exitCode };
}

const firing = ({ alarms }: Made, ...kinds: string[]) =>
  alarms.push(...kinds.map((kind) => ({ name: kind, since: NOW - 5 * MINUTE_MS })));

async function withFact({ engine }: Made, changes: object) {
  const { version = 0 } = engine.table.item(factsKey) ?? {};
  const fact = { subject: 'feedback', since: NOW - MINUTE_MS, sent: true, ...changes };
  await engine.table.put({ key: factsKey, version: version + 1, writer: 'w', facts: { fact } }, version);
}

/** A message has waited in the queue for this time. */
function waits({ engine, metrics }: Made, seconds: number) {
  engine.send(envelope());
  metrics.set('ApproximateAgeOfOldestMessage', [{ at: NOW, value: seconds }]);
}

const stopped = (code: string) => () => {
  throw new StopError({ code, message: '401', vendor: 'zendesk' });
};
const pause = (by: string) => async (made: Made) => {
  await pauseQueue({ ...made.deployment, by }, { queue: 'feedback', reason: 'move' });
  firing(made, 'my-feedback-oldest-message', 'my-feedback-canary-late');
};
const RESUME = 'Resume it before 2026-01-09 03:04:05 (UTC): npx sls queues resume --queue feedback';
const TRIAL = 'The next trial call is at 2026-01-02 03:05:05 (UTC). To make the call now: npx sls vendors try zendesk';
const AGO = 'since 2026-01-02 02:59:05 (UTC), 5 min ago';

const noop = () => {};

/** Without a line, the deployment is healthy. `effect`: what its job does. */
const CASES: Record<string, [make: (made: Made) => unknown, line?: string, effect?: () => void]> = {
  'nothing is wrong': [noop],
  'a job waits for less than the goal': [(made) => waits(made, 20)],
  'a message waits for its next attempt': [
    (made) => {
      waits(made, 90);
      made.engine.receive();
    },
  ],
  'a fact is over': [(made) => withFact(made, { kind: 'jobs-expired', offAt: NOW - 1 })],
  'an alarm of another instance': [(made) => firing(made, 'my-other-feedback-oldest-message')],
  'a vendor is down': [
    (made) => withFact(made, { kind: 'circuit-open', subject: 'zendesk', code: 'ZendeskUnavailable' }),
    `zendesk: is down (ZendeskUnavailable), 1 job, since 2026-01-02 03:04:05 (UTC), 0 s ago. Wait. ${TRIAL}`,
    stopped('ZendeskUnavailable'),
  ],
  'a vendor refuses the key': [
    noop,
    `zendesk: refuses our calls (ZendeskUnauthorized), 1 job, since 2026-01-02 03:04:05 (UTC), 0 s ago. Renew the key, sign the agreement, or correct the file. ${TRIAL}`,
    stopped('ZendeskUnauthorized'),
  ],
  'a job is dead, with three messages in the chat': [
    async (made) => {
      firing(made, 'my-feedback-dlq-depth', 'my-feedback-error-rate');
      await withFact(made, { kind: 'jobs-dead', code: 'Rejected' });
    },
    'feedback: dead (Rejected), 1 job, since 2026-01-02 03:04:05 (UTC), 0 s ago. Fix the cause, then retry or discard them: npx sls jobs list --queue feedback --state dead',
    rejects,
  ],
  'a queue is paused, so its alarms are firing': [
    pause('arn:aws:iam::123456789012:user/jane'),
    `feedback: paused by user/jane (move), since 2026-01-02 03:04:05 (UTC), 0 s ago. ${RESUME}`,
  ],
  'a queue is paused by a person whose session is an address': [
    pause('arn:aws:sts::123456789012:assumed-role/Operator/jane@example.com'),
    `feedback: paused by an operator (move), since 2026-01-02 03:04:05 (UTC), 0 s ago. ${RESUME}`,
  ],
  'a mapping is off': [
    ({ on }) => on.set('feedback', false),
    'feedback: its event source mapping is off or missing, and no pause says why. Switch it on: npx sls queues resume --queue feedback',
  ],
  'a job waits for longer than the goal': [
    (made) => waits(made, 90),
    'feedback: the oldest message has waited for more than 30 s, 1 job, since 2026-01-02 03:02:35 (UTC), 1 min 30 s ago. See the jobs: npx sls jobs list --queue feedback --state queued',
  ],
  'the vendor cannot say what a step did': [
    async (made) => {
      const todo = todoKey('feedback', 'unknown');
      await made.engine.table.put({ key: 'a', version: 1, writer: 'w', todo, todoAt: NOW - 5 * MINUTE_MS }, 0);
      firing(made, 'my-feedback-oldest-held');
    },
    `feedback: a step may have taken effect, 1 job, ${AGO}. Look at the vendor, then settle each job: npx sls jobs list --queue feedback --job-reason unknown`,
  ],
  'the reconciler does not run, so that jobs stay held': [
    (made) => {
      const get = async (key: string) => {
        const item = await made.engine.table.get(key);
        return item?.endedAt === undefined ? item : { ...item, endedAt: NOW - 5 * MINUTE_MS };
      };
      Object.assign(made.deployment, { table: { ...made.deployment.table, get } });
      firing(made, 'my-reconciler-missing', 'my-feedback-oldest-held');
    },
    `The reconciler does not run, ${AGO}. Held jobs stay held until it runs. Read its log: npx sls logs -f reconciler --startTime 1h`,
  ],
  'a function fails, so canaries are late': [
    (made) => firing(made, 'my-feedback-canary-late', 'my-function-errors'),
    `A function fails, ${AGO}. Inspect it: npx sls queues`,
  ],
  'a fact about one job': [
    (made) => withFact(made, { kind: 'row-damaged', jobId: 'JOB-7', since: NOW - 5 * MINUTE_MS }),
    `feedback: The row of a job is damaged, ${AGO}. Inspect it: npx sls jobs show JOB-7 --queue feedback`,
  ],
};

test.each(Object.entries(CASES))('sls health: %s', async (_what, [make, line, effect]) => {
  const made = await aDeployment(effect);
  if (effect) await made.engine.sendAndDeliver(envelope());
  await make(made);

  const expected = line === undefined ? { lines: [HEALTHY], exitCode: undefined } : { lines: [ONE, line], exitCode: 2 };
  expect(await verdictOf(made)).toEqual(expected);
});

test.each([
  ['before the next trial call', 0, 'The next trial call is at 2026-01-02 03:05:05 (UTC).'],
  ['after it', 60_000, 'The next job makes a trial call.'],
])('an open circuit without a waiting job is no problem, and a note says who tries next: %s', async (...given) => {
  const [, later, trial] = given;
  const made = await aDeployment();
  await made.engine.deps.circuits.open('zendesk', 'ZendeskUnauthorized');
  await withFact(made, { kind: 'circuit-open', subject: 'zendesk', code: 'ZendeskUnauthorized' });
  made.engine.clock.advance(later);

  const { lines, exitCode } = await verdictOf(made);
  const { json } = await command({ deps: made.deployment }, 'health', { json: true });

  expect(exitCode).toBeUndefined();
  expect(lines[0]).toMatch(/^healthy, as of/);
  expect(lines[1]).toContain(`No job waits for it, so the next job makes the trial call. ${trial}`);
  expect(json).toMatchObject({ verdict: 'healthy', problems: [], notes: [{ kind: 'circuit-open' }] });
});

/** Dead jobs, of which operators have put two aside. The others: with an entry, without it any more, without any or a body. */
async function theDead() {
  const made = await aDeployment();
  const { deps } = made.engine;
  const expired = { reason: 'expired', parkedAt: undefined, parkedFrom: undefined } as const;
  const kinds = [{}, { leftDlqAt: NOW }, expired, {}, { replacedBy: 'another', discarded: true, leftDlqAt: NOW }];
  for (const [n, kind] of kinds.entries())
    await layDead(deps, { queue: 'feedback', n, envelope: {}, bodyKept: n !== 2, ...(kind as Partial<JobRow>) });
  const discarding = async (...numbers: number[]) => {
    for (const n of numbers) await command({ deps: made.deployment }, 'jobs discard', { id: jobId(n) });
  };
  await discarding(3);
  const listed = async (state?: string) => {
    const { json } = await command({ deps: made.deployment }, 'jobs list', { json: true, ...(state && { state }) });
    return (json as { jobs: { id: string }[] }).jobs.map(({ id }) => Number(id.at(-1)));
  };
  return { ...made, listed, discarding };
}

test('dead is what an operator must look at, in health, queues, lists and filters alike, and nothing else', async () => {
  const made = await theDead();
  const { deployment, listed, discarding } = made;
  const figures = async () => (await overview(deployment, { activity: false })).queues[0];

  expect(await listed()).toEqual([0, 1, 2]);
  expect(await listed('dead')).toEqual([0, 1, 2]);
  expect(await listed('discarded')).toEqual([3]);
  expect(await listed('replaced')).toEqual([4]);
  expect(stateOf(made.engine.row(jobId(4)))).toBe('replaced (error)');
  expect(await figures()).toMatchObject({ dead: 3, leaving: 4 });
  expect((await verdictOf(made)).lines[1]).toMatch(/^feedback: dead, 3 jobs, since/);

  await discarding(0, 1, 2);
  firing(made, 'my-feedback-dlq-depth');

  expect([await listed('dead'), await listed('discarded')]).toEqual([[], [0, 1, 3]]);
  expect(await figures()).toMatchObject({ dead: 0, leaving: 5 });
  const { lines, exitCode } = await verdictOf(made);
  expect([lines[0], exitCode]).toEqual([HEALTHY, undefined]);
  expect(lines[1]).toMatch(/^feedback: its DLQ has entries of jobs that are not dead, 5 jobs\./);
});

test('sls health shows the worst problem first, and all of them as JSON too', async () => {
  const made = await aDeployment(rejects);
  await made.engine.sendAndDeliver(envelope());
  firing(made, 'my-illegal-transition', 'my-function-errors');
  const { lines } = await verdictOf(made);
  const { json } = await command({ deps: made.deployment }, 'health', { json: true });

  expect(lines.map((line) => line.split(/[,.]/)[0])).toEqual([
    '3 problems',
    'A function fails',
    'feedback: dead',
    'An illegal change of a job was refused',
  ]);
  expect(json).toMatchObject({
    verdict: 'problems',
    at: new Date(NOW).toISOString(),
    problems: [{}, {}, {}],
    notes: [],
  });
});

test.each(['table', 'queues', 'mappings', 'monitoring'] as const)(
  'sls health is no verdict if AWS does not answer: %s',
  async (port) => {
    const { deployment } = await aDeployment();
    const fails = () => Promise.reject(new StoreError({ code: 'Down', message: 'no answer' }));
    const calls = Object.keys(deployment[port]).map((call) => [call, fails]);

    const failing = { ...deployment, [port]: Object.fromEntries(calls) };
    await expect(verdictOf({ deployment: failing })).rejects.toThrow('no answer');
  },
);
