import { createLedger } from '../../../lib/jobs/ledger';
import type { Table } from '../../../lib/ports';
import { createLease, createSteps } from '../../../lib/worker/steps';
import { anEnvelope, type EngineOptions, jobId, memoryEngine } from '../../support/engine';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';
import { openAccepted } from '../../support/opening';
import { sampleContract } from '../../support/sample-contract';

const started = { status: 'started' };

/** A queue whose claim starts the step `effect`. `before` gets each call, and can kill the run. */
function begins(effect?: Parameters<typeof sampleContract>[0], options: EngineOptions = {}) {
  const { contract, effects } = sampleContract(effect, { begins: true });
  const engine = memoryEngine(() => contract, options);
  return { engine, effects, send: (changes = {}) => engine.send(JSON.stringify(anEnvelope(changes))) };
}

test('the claim stores the start of the first step, so the worker writes nothing more before the call', async () => {
  let stored: unknown;
  let writes = 0;
  const { engine, send } = begins(
    () => {
      stored = [engine.row(jobId(1)).steps, writes];
    },
    {
      before: (call) => {
        if (call === 'table.put') writes++;
      },
    },
  );
  send();
  await engine.deliver();

  expect(stored).toEqual([{ effect: expect.objectContaining(started) }, 1]);
  expect(engine.row(jobId(1)).steps).toMatchObject({ effect: { status: 'done' } });
});

test.each([
  ['has invalid data', { data: { name: 'too long for this' } }, 'dead'],
  ['is refused by an open circuit', {}, 'held'],
])('a job that %s does not look started', async (_why, changes, state) => {
  const { engine, send } = begins();
  await engine.deps.circuits.open('zendesk', 'Unauthorized');
  send(changes);
  await engine.deliver();

  expect(engine.row(jobId(1))).toMatchObject({ state, steps: {} });
});

/** Claims a job and its step `effect`, runs that step, and counts the writes before its call. */
async function writesBefore({ resolve, flushes = false }: { resolve: boolean; flushes?: boolean }): Promise<number> {
  const clock = memoryClock();
  const table = memoryTable();
  let writes = 0;
  const put: Table['put'] = (...parameters) => {
    writes++;
    return table.put(...parameters);
  };
  const settings = () => ({ retention: 86_400 });
  const ledger = createLedger({ table: { ...table, put }, clock, random: memoryRandom(), settings });
  const claimed = await openAccepted({ ledger, clock });
  if (claimed.kind !== 'claimed') throw new Error(`the claim is ${claimed.kind}`);
  const lease = createLease(ledger, claimed.row, claimed.begun);
  if (flushes) await lease.flush();
  const before = writes;
  return createSteps({ lease, clock, prepare: async () => {} }).step('effect', {
    run: async () => writes - before,
    ...(resolve ? { resolve: async () => undefined } : {}),
  });
}

test.each([
  ['saves the write of a step whose vendor can be asked', { resolve: true }, 0],
  ['saves no write of a mail, so a mail is never called without its own start', { resolve: false }, 1],
  ['saves no write after another write of the run, which has removed the start', { resolve: true, flushes: true }, 1],
])('the start in the claim %s', async (_what, step, writes) => {
  expect(await writesBefore(step)).toBe(writes);
});
