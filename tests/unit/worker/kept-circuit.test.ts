import { StopError, StoreError } from '../../../lib/errors';
import type { Item } from '../../../lib/ports';
import { type CircuitBreakers, circuitBreakers, isOpen, KEPT_MS, vendorGate } from '../../../lib/worker/circuit';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';

const quiet = { add: () => {}, flush: async () => {} };
const unauthorized = () => new StopError({ code: 'Unauthorized', message: '401', vendor: 'zendesk', status: 401 });

/** Two processes that share one table. `reads` counts the reads of both. */
function twoProcesses() {
  const clock = memoryClock();
  const table = memoryTable();
  let reads = 0;
  let held: Promise<void> | undefined;
  const get = async (key: string): Promise<Item | undefined> => {
    reads++;
    const until = held;
    held = undefined;
    const item = await table.get(key);
    await until;
    return item;
  };
  let lost = false;
  const put = async (item: Item, expected: number) => {
    const answer = await table.put(item, expected);
    if (lost) throw new StoreError({ code: 'NoAnswer', message: 'no answer' });
    return answer;
  };
  const start = () => circuitBreakers({ table: { ...table, get, put }, clock, random: memoryRandom() });
  const enter = async (circuits: CircuitBreakers) => {
    const { circuit, trial } = await circuits.enter('zendesk', clock.now() + 45_000);
    return isOpen(circuit) && !trial ? 'refused' : 'calls';
  };
  return {
    clock,
    ...{ one: start(), other: start(), enter },
    reads: () => reads,
    loseAnswers() {
      lost = true;
    },
    /** The answer of the next read waits until the test calls the function that this returns. */
    holdAnswer() {
      let release = () => {};
      held = new Promise<void>((resolve) => {
        release = resolve;
      });
      return () => release();
    },
  };
}

test('a process reads a closed circuit once, and again when two seconds have passed', async () => {
  const { one, enter, clock, reads } = twoProcesses();

  await enter(one);
  clock.advance(KEPT_MS - 1);
  await enter(one);
  const before = reads();
  clock.advance(1);
  await enter(one);

  expect([before, reads()]).toEqual([1, 2]);
});

test('the two seconds begin with the read and not with its answer', async () => {
  const { one, other, enter, clock, holdAnswer } = twoProcesses();
  const answerNow = holdAnswer();
  const entering = enter(one);
  clock.advance(KEPT_MS);
  await other.open('zendesk', 'Unauthorized');
  answerNow();
  await entering;

  expect(await enter(one)).toBe('refused');
});

test('a read that began before the failure of its own process is not kept', async () => {
  const { one, enter, holdAnswer } = twoProcesses();
  const answerNow = holdAnswer();
  const entering = enter(one);
  await one.open('zendesk', 'Unauthorized');
  answerNow();
  await entering;

  expect(await enter(one)).toBe('refused');
});

test('if the answer to the write of a failure is lost, the process reads the circuit before its next call', async () => {
  const { one, enter, loseAnswers } = twoProcesses();
  await enter(one);
  loseAnswers();
  await expect(one.open('zendesk', 'Unauthorized')).rejects.toThrow('no answer');

  expect(await enter(one)).toBe('refused');
});

test('a circuit that counts failures is read before each call', async () => {
  const { one, other, enter, reads } = twoProcesses();
  await other.transient('zendesk', 'Unavailable');
  const before = reads();
  await enter(one);
  await enter(one);

  expect(reads() - before).toBe(2);
});

test('after a failure of the process itself, its next success clears the count', async () => {
  const { one, clock } = twoProcesses();
  const { call: gate } = vendorGate(
    { circuits: one, clock, metrics: quiet },
    { job: 'job', until: clock.now() + 45_000 },
  );
  await gate('zendesk', async () => 'done');
  await one.transient('zendesk', 'Unavailable');
  await gate('zendesk', async () => 'done');

  expect(await one.read('zendesk')).toMatchObject({ transients: 0 });
});

test('an open circuit is never kept, so each of two processes sees who makes the trial call', async () => {
  const { one, other, enter, clock } = twoProcesses();
  await enter(other);
  const { call: gate } = vendorGate(
    { circuits: one, clock, metrics: quiet },
    { job: 'job', until: clock.now() + 45_000 },
  );
  await expect(gate('zendesk', () => Promise.reject(unauthorized()))).rejects.toThrow('401');
  clock.advance(60_000);

  expect([await enter(one), await enter(other), await enter(one)]).toEqual(['calls', 'refused', 'refused']);
  await other.close('zendesk', 'job');
  expect(await enter(one)).toBe('calls');
});
