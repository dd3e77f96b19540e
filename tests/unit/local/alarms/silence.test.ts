import { PermanentError, TransientError, WaitError } from '../../../../lib/errors';
import { startEmails } from '../../../support/emails';
import { anEnvelope, jobId, memoryEngine } from '../../../support/engine';
import { watchedEngine } from '../../../support/healthy';
import { sampleContract } from '../../../support/sample-contract';

const about = { message: 'no', vendor: 'zendesk' } as const;
const numberOf = (id: string): number => Number.parseInt(id.slice(-12), 16);

/** A queue whose effect decides how long the n-th job takes, or whether it throws. */
function queue(effect: (n: number, advance: (ms: number) => void, first: boolean) => void) {
  const seen = new Set<string>();
  const { contract } = sampleContract(({ id }) => {
    const first = !seen.has(id);
    seen.add(id);
    effect(numberOf(id), (ms) => engine.clock.advance(ms), first);
  });
  const engine: ReturnType<typeof memoryEngine> = memoryEngine(() => ({ ...contract, queue: 'feedback' }));
  return { engine, ...watchedEngine(engine, 'feedback') };
}

/** Runs two hours with a job every four seconds and the reconciler every minute. */
async function busy({ engine, work, reconcile, pass, rang }: ReturnType<typeof queue>, delivers = true) {
  for (let n = 1; n <= 1800; n++) {
    const time = new Date(engine.clock.now()).toISOString();
    engine.send(JSON.stringify(anEnvelope({ id: jobId(n), time })), { group: `g${n}` });
    if (delivers) await work();
    pass(4_000);
    if (n % 15 === 0) await reconcile();
  }
  return rang();
}

test('an idle queue sets off no alarm, and its canaries show that it works', async () => {
  const { work, reconcile, pass, rang, canaries } = queue(() => {});

  for (let minute = 0; minute < 240; minute++) {
    await reconcile();
    await work();
    pass(60_000);
  }

  expect(rang()).toEqual([]);
  expect(canaries()).toEqual(Array(48).fill(true));
});

test('only the canary alarm goes off for an idle queue that stopped working', async () => {
  const { reconcile, pass, rang } = queue(() => {});

  for (let minute = 0; minute < 20; minute++) {
    await reconcile();
    pass(60_000);
  }

  expect(rang()).toEqual(['canary']);
});

test('a healthy busy queue with retries, throttling and a few failures sets off only the DLQ alarm', async () => {
  const watched = queue((n, advance, first) => {
    advance(300);
    if (n % 300 === 0) throw new PermanentError({ ...about, code: 'Rejected', status: 422 });
    if (first && n % 97 === 0) throw new TransientError({ ...about, code: 'Down' });
    if (first && n % 53 === 0) throw new WaitError({ ...about, code: 'Throttled', status: 429, waitMs: 600_000 });
  });

  const rang = await busy(watched);

  // A job that failed permanently stays in the DLQ until an operator handles it.
  expect(rang).toEqual(['dlq-depth']);
  expect(watched.canaries().length).toBeGreaterThan(20);
  expect(watched.canaries()).not.toContain(false);
});

test('a healthy campaign of 100,000 recipients sets off no alarm', async () => {
  const emails = await startEmails({ rate: 200 });
  const { engine } = emails;
  const { work, reconcile, pass, rang, canaries } = watchedEngine(engine, 'emails');
  const { id, chunks } = await emails.campaign({ recipients: 100_000, chunkSize: 1000 });

  try {
    while ((await emails.campaigns.read(id))?.status === 'running') {
      await reconcile();
      await work();
      pass(2_000);
    }
    pass(1_800_000);
  } finally {
    await emails.close();
  }

  expect(engine.rows().filter(({ state }) => state === 'succeeded')).toHaveLength(chunks);
  expect(canaries()).toContain(true);
  expect(canaries()).not.toContain(false);
  expect(rang()).toEqual([]);
});

test.each<[string, Parameters<typeof queue>[0], string]>([
  [
    'one failure in fifty jobs',
    (n) => {
      if (n % 50 === 0) throw new PermanentError({ ...about, code: 'Rejected', status: 422 });
    },
    'error-rate',
  ],
  ['calls that take forty seconds', (_n, advance) => advance(40_000), 'slow'],
])('the alarm for %s goes off', async (_what, effect, expected) => {
  expect(await busy(queue(effect))).toContain(expected);
});

test('a queue without a worker sets off the alarms for age, backlog and stalled jobs', async () => {
  expect(
    await busy(
      queue(() => {}),
      false,
    ),
  ).toEqual(expect.arrayContaining(['age', 'backlog', 'stalled']));
});
