import { PermanentError, WaitError } from '../../../lib/errors';
import { bulkJobsKey, bulkLeaseKey } from '../../../lib/jobs/keys';
import { takeLease } from '../../../lib/jobs/run-lease';
import {
  type Bulk,
  type BulkAction,
  bulkOf,
  createBulk,
  lastBulks,
  selectionOf,
  stopBulk,
} from '../../../lib/ops/bulk';
import { cancel } from '../../../lib/ops/cancel';
import { discard } from '../../../lib/ops/discard';
import { retry } from '../../../lib/ops/retry';
import { runBulk } from '../../../lib/ops/run-bulk';
import { anEnvelope, type EngineOptions, jobId, memoryEngine, PREFIX } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

const dies = () =>
  sampleContract(() => {
    throw new PermanentError({ code: 'Rejected', message: 'rejected' });
  });
const waits = () =>
  sampleContract(() => {
    throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 60 * MINUTE });
  });

/** Jobs of two groups that are dead, or held. */
async function someJobs(count: number, { contract } = dies(), options: EngineOptions = {}) {
  const engine = memoryEngine(() => contract, options);
  for (let n = 1; n <= count; n++)
    engine.send(JSON.stringify(anEnvelope({ id: jobId(n) })), { group: `g${n % 2}`, deduplication: jobId(n) });
  for (let n = 0; n < count; n++) await engine.deliver();
  const deps = { ...engine.deps, audit: 'an-audit' };
  const bulk = (action: BulkAction, perSecond = 2) =>
    createBulk(deps, { action, selection: selectionOf(engine.rows()), perSecond });
  return { engine, deps, bulk };
}

const generations = ({ engine }: Awaited<ReturnType<typeof someJobs>>) =>
  engine.rows().map(({ generation }) => generation);

test('a bulk action retries its jobs at its rate, and tells how far it is', async () => {
  const made = await someJobs(5);
  const { id, preview } = await made.bulk('retry');
  const progress: [number, number][] = [];
  const slept: number[] = [];
  const clock = {
    ...made.deps.clock,
    sleep: (ms: number) => {
      slept.push(ms);
      return made.deps.clock.sleep(ms);
    },
  };

  const bulk = await runBulk({ ...made.deps, clock }, id, {
    onProgress: ({ next, done }) => progress.push([next, done]),
  });
  await made.engine.drain();

  expect(preview).toEqual([{ queue: 'sample', state: 'dead (error)', code: 'Rejected', count: 5 }]);
  expect(bulk).toMatchObject({ status: 'done', total: 5, done: 5, refused: 0, unsure: [] });
  expect(progress).toEqual([
    [2, 2],
    [4, 4],
    [5, 5],
  ]);
  expect(slept).toEqual([SECOND, SECOND]);
  expect(generations(made)).toEqual([2, 2, 2, 2, 2]);
});

test.each<[BulkAction, () => ReturnType<typeof sampleContract>, object]>([
  ['cancel', waits, { state: 'cancelled', reason: 'operator' }],
  ['discard', dies, { state: 'dead', leftDlqAt: expect.any(Number) }],
])('a bulk action can %s jobs', async (action, contract, end) => {
  const made = await someJobs(3, contract());
  const { id } = await made.bulk(action);

  const bulk = await runBulk(made.deps, id);

  expect(bulk).toMatchObject({ status: 'done', done: 3 });
  expect(made.engine.rows()).toMatchObject([end, end, end]);
  expect(JSON.stringify(Object.values(made.engine.records()))).not.toContain('"bulk"');
});

test('a job that has changed since the preview is refused with the reason, and the others go on', async () => {
  const made = await someJobs(3, waits());
  const { id } = await made.bulk('cancel');
  made.engine.clock.advance(61 * MINUTE);
  await made.engine.reconcile();
  const event = made.engine.receive(1);
  const lease = { token: 't', until: made.engine.clock.now() + MINUTE, messageId: 'm', alone: true };
  const row = made.engine.row(jobId(2));
  await made.engine.deps.ledger.write({ ...row, state: 'processing' as never, lease }, row.version);

  const bulk = await runBulk(made.deps, id);

  expect(event.Records).toHaveLength(1);
  expect(bulk).toMatchObject({
    status: 'done',
    done: 2,
    refused: 1,
    refusals: [{ id: jobId(2), why: expect.stringContaining('is being processed') }],
  });
});

test('a stop holds, also after the process has died, until an operator continues the bulk action', async () => {
  const made = await someJobs(5);
  const { id } = await made.bulk('retry');
  const stopped = await runBulk(made.deps, id, {
    onProgress: ({ next }) => {
      if (next === 2) void stopBulk(made.deps, id);
    },
  });

  expect(stopped).toMatchObject({ status: 'stopped', next: 2, done: 2 });
  expect(await bulkOf(made.deps, id)).toMatchObject({ status: 'stopped', next: 2 });
  expect(await runBulk(made.deps, id)).toMatchObject({ status: 'done', done: 5 });
});

test('an aborted run stops after the jobs of the present second', async () => {
  const made = await someJobs(5);
  const { id } = await made.bulk('retry');
  const stop = new AbortController();

  const bulk = await runBulk(made.deps, id, { signal: stop.signal, onProgress: () => stop.abort() });

  expect(bulk).toMatchObject({ status: 'stopped', next: 2, done: 2 });
});

test('one bulk action of an instance runs at a time, and a run that died blocks the next one for half a minute', async () => {
  const made = await someJobs(2);
  const { id } = await made.bulk('retry');
  await takeLease(made.deps, bulkLeaseKey, made.engine.clock.now() + 30 * SECOND);

  await expect(runBulk(made.deps, id)).rejects.toMatchObject({
    message: expect.stringMatching(`Another bulk action is running.* The bulk action ${id} is kept`),
    next: `bulk continue ${id} --yes`,
  });
  made.engine.clock.advance(30 * SECOND);

  expect(await runBulk(made.deps, id)).toMatchObject({ status: 'done', done: 2 });
});

/** Runs a bulk action in a process that dies before or after its n-th call. Answers whether it died. */
async function runAndDie(
  made: Awaited<ReturnType<typeof someJobs>>,
  id: string,
  dying: { left: number; when: string },
) {
  const died = await runBulk(made.deps, id).then(
    () => false,
    () => true,
  );
  dying.left = Number.POSITIVE_INFINITY;
  return died;
}

/** Whether a worker runs the sent messages before the bulk action continues, and how long it stands still. */
const WAYS = [
  { worked: true, pauseMs: 31 * SECOND },
  { worked: false, pauseMs: 31 * SECOND },
  { worked: true, pauseMs: 10 * MINUTE },
  { worked: false, pauseMs: 10 * MINUTE },
];

test.each(WAYS)(
  'after a crash at any call, with %j, a bulk action that continues retries no job twice and leaves none out unnamed',
  async ({ worked, pauseMs }) => {
    for (const when of ['before', 'after'])
      for (let n = 0; ; n++) {
        const dying = { left: Number.POSITIVE_INFINITY, when };
        const strike = (at: string) => () => {
          if (dying.left <= 0 || (at === dying.when && --dying.left <= 0)) throw new Error('the process died');
        };
        const made = await someJobs(3, dies(), { before: strike('before'), after: strike('after') });
        const { id } = await made.bulk('retry');
        dying.left = n + 1;

        const died = await runAndDie(made, id, dying);
        if (worked) await made.engine.drain({ hours: 1 });
        made.engine.clock.advance(pauseMs);
        const bulk: Bulk = await runBulk(made.deps, id);
        await made.engine.drain({ hours: 1 });

        const retried = made.engine.rows().filter(({ generation }) => generation === 2);
        const others = made.engine.rows().filter(({ generation }) => generation !== 2);
        const says = `crash ${when} call ${n}: ${JSON.stringify(bulk)}`;
        expect([says, bulk.status, bulk.next]).toEqual([says, 'done', 3]);
        expect([says, others.filter((row) => row.generation > 2)]).toEqual([says, []]);
        expect([says, others.every((row) => bulk.unsure.includes(row.id))]).toEqual([says, true]);
        if (pauseMs < MINUTE) expect([says, retried.length]).toEqual([says, 3]);
        if (!died) break;
      }
  },
);

test('the last bulk actions come first, and a bulk action that does not exist is named', async () => {
  const made = await someJobs(2);
  const first = await made.bulk('discard');
  made.engine.clock.advance(1);
  const second = await made.bulk('retry');

  expect((await lastBulks(made.deps, 10)).map(({ id }) => id)).toEqual([second.id, first.id]);
  await expect(bulkOf(made.deps, 'nothing')).rejects.toThrow('There is no bulk action nothing');
});

test('a bulk action retries a cancelled job that another bulk action has cancelled', async () => {
  const made = await someJobs(2, waits());
  await runBulk(made.deps, (await made.bulk('cancel')).id);
  const { id } = await made.bulk('retry');

  expect(await runBulk(made.deps, id)).toMatchObject({ done: 2, refused: 0 });
  expect(generations(made)).toEqual([2, 2]);
});

describe('between the preview and its turn', () => {
  type Made = Awaited<ReturnType<typeof someJobs>>;
  const job = ({ engine }: Made) => engine.row(jobId(1));
  const CHANGES: [string, (made: Made, vendor: { waits: boolean }) => Promise<unknown>, RegExp][] = [
    ['was discarded', (made) => discard(made.deps, job(made)), /stays dead, because its DLQ entry was discarded/],
    ['was retried by hand', (made) => retry(made.deps, job(made)), /has changed since the preview/],
    [
      'was retried by hand and died again',
      async (made) => {
        await retry(made.deps, job(made));
        await made.engine.drain();
      },
      /has changed since the preview. It is dead \(error\) now/,
    ],
    [
      'was retried, held and cancelled',
      async (made, vendor) => {
        vendor.waits = true;
        await retry(made.deps, job(made));
        await made.engine.deliver();
        await cancel(made.deps, job(made));
      },
      /has changed since the preview. It is cancelled \(operator\) now/,
    ],
  ];

  test.each(CHANGES)('a job that %s is refused by a retry, and stays as it is', async (_what, change, why) => {
    const vendor = { waits: false };
    const made = await someJobs(
      2,
      sampleContract(() => {
        if (vendor.waits)
          throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: MINUTE });
        throw new PermanentError({ code: 'Rejected', message: 'rejected' });
      }),
    );
    const { id } = await made.bulk('retry');
    await change(made, vendor);
    const before = job(made);

    const bulk = await runBulk(made.deps, id);

    expect(bulk).toMatchObject({
      done: 1,
      refused: 1,
      refusals: [{ id: jobId(1), why: expect.stringMatching(why) }],
    });
    expect(job(made)).toEqual(before);
  });

  test('a job that was discarded after a crash between its mark and its message is not sent', async () => {
    let crash = false;
    const made = await someJobs(1, dies(), {
      before: (call) => {
        if (crash && call === 'queues.send') throw new Error('the process died');
      },
    });
    const { id } = await made.bulk('retry');
    crash = true;
    await expect(runBulk(made.deps, id)).rejects.toThrow('the process died');
    crash = false;
    await discard(made.deps, job(made));

    made.engine.clock.advance(31 * SECOND);

    expect(await runBulk(made.deps, id)).toMatchObject({ done: 0, refused: 1 });
    expect(made.engine.inQueue()).toBe(0);
  });
});

test('a list of keys alone, which earlier code stored, is still worked through', async () => {
  const made = await someJobs(2);
  const { id } = await made.bulk('retry');
  const keys = made.engine.rows().map(({ key }) => key);
  await made.engine.objects.put(bulkJobsKey(PREFIX, id), keys.join('\n'), 'text/plain');

  expect(await runBulk(made.deps, id)).toMatchObject({ done: 2, refused: 0 });
});
