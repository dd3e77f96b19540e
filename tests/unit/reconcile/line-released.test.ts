import { StopError } from '../../../lib/errors';
import { releaseBehind } from '../../../lib/reconcile/behind';
import { completeEnds } from '../../../lib/reconcile/ends';
import { releaseStopped, releaseTrials } from '../../../lib/reconcile/half-open';
import { releaseDue } from '../../../lib/reconcile/release';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { reconcileRun } from '../../support/reconcile-run';
import { releasedBehind, releasedCode } from '../../support/released-order';
import { sampleContract } from '../../support/sample-contract';

const MINUTE = 60_000;
const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => jobId(from + index));

/** An ordered queue whose vendor refuses every job until `recover`. `use` sets the code that runs from then on. */
function start() {
  let stopped = true;
  const { contract, effects } = sampleContract(() => {
    if (stopped) throw new StopError({ code: 'AgreementMissing', message: '403', vendor: 'zendesk' });
  });
  const engine = memoryEngine(() => contract, { settings: { ordered: true } });
  const codes = {
    new: { order: engine.deps.order, behind: releaseBehind },
    released: { order: releasedCode({ ...engine.deps }), behind: releasedBehind },
  };
  type Code = keyof typeof codes;
  let turn = 0;
  let used: Code[] = ['new'];
  const next = () => {
    const code = codes[used[turn++ % used.length] ?? 'new'];
    engine.deps.order = code.order;
    return code;
  };

  async function deliver(): Promise<void> {
    while (engine.inQueue() > 0) {
      next();
      if ((await engine.deliver(1)).batchItemFailures.length > 0) return;
    }
  }

  return {
    engine,
    effects,
    recover: () => {
      stopped = false;
    },
    fail: () => {
      stopped = true;
    },
    /** Uses one code, or several in turn. */
    use: (...given: Code[]) => {
      used = given;
    },
    async send(numbers: readonly string[]) {
      for (const id of numbers) engine.send(JSON.stringify(anEnvelope({ id })), { group: 'app' });
      await deliver();
    },
    async minutes(count: number) {
      for (let minute = 0; minute < count; minute++) {
        engine.clock.advance(MINUTE);
        const { behind } = next();
        const run = reconcileRun(engine.deps);
        const mayGoOn = () => true;
        await releaseTrials(run, mayGoOn);
        await releaseStopped(run, mayGoOn);
        for (const work of [releaseDue, behind, completeEnds]) await work(run, 'sample', mayGoOn);
        await deliver();
      }
    },
  };
}

test('while both codes run, a group of a hundred jobs is done in order, whichever code each run has', async () => {
  const { use, send, recover, minutes, effects } = start();
  use('new', 'released', 'released', 'new', 'released');
  await send(ids(1, 50));
  await minutes(3);
  await send(ids(51, 100));
  recover();

  await minutes(12);

  expect(effects).toEqual(ids(1, 100));
});

test('after a roll-back, a group of a hundred jobs is done in order and at once', async () => {
  const { use, send, recover, minutes, effects } = start();
  await send(ids(1, 100));
  use('released');
  recover();

  await minutes(4);

  expect(effects).toEqual(ids(1, 100));
});

test('after a roll-back, the jobs of a longer line are done within a day, and its front at once', async () => {
  const { use, send, recover, minutes, effects } = start();
  await send(ids(1, 250));
  use('released');
  recover();

  await minutes(4);
  expect(effects).toEqual(ids(1, 100));
  await minutes(24 * 60);

  expect(effects).toEqual(ids(1, 250));
});

test('when the new code is back, it continues the line, including jobs that arrived meanwhile', async () => {
  const { use, send, recover, minutes, effects, engine } = start();
  await send(ids(1, 250));
  use('released');
  await minutes(1);
  await send(ids(251, 260));
  use('new');
  recover();

  await minutes(10);

  expect(effects.toSorted()).toEqual(ids(1, 260));
  expect(effects.filter((id) => id <= jobId(250))).toEqual(ids(1, 250));
  expect(await engine.deps.order.front({ queue: 'sample', group: 'app' })).toEqual([]);
});

test('tickets of jobs that released code has done do not hold back later jobs', async () => {
  const { use, send, recover, fail, minutes, effects } = start();
  await send(ids(1, 350));
  use('released');
  recover();
  await minutes(24 * 60 + 5);
  use('new');
  const before = effects.length;

  fail();
  await send(ids(351, 353));
  recover();
  await minutes(5);

  expect(before).toBe(350);
  expect(effects.slice(before)).toEqual(ids(351, 353));
});
