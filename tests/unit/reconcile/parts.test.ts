import { PermanentError } from '../../../lib/errors';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const MINUTE = 60_000;

test('work that one run has no time for comes first in the next run', async () => {
  const { contract } = sampleContract(() => {
    throw new PermanentError({ code: 'Rejected', message: 'rejected' });
  });
  const order: string[] = [];
  let slow = false;
  const engine = memoryEngine(() => contract, {
    before: () => {
      if (slow) engine.clock.advance(5_000);
    },
  });
  engine.send(JSON.stringify(anEnvelope({ id: jobId(1) })));
  await engine.deliver();
  const { table } = engine.deps;
  const { due } = table;
  table.due = async (todo, options) => {
    order.push(todo);
    return due(todo, options);
  };

  slow = true;
  await engine.reconcile();
  const first = order.splice(0);
  slow = false;
  engine.clock.advance(MINUTE);
  await engine.reconcile();
  const second = order.splice(0);
  engine.clock.advance(MINUTE);
  await engine.reconcile();

  expect(first.length).toBeLessThan(second.length);
  expect(first).not.toContain(second[0]);
  expect(second.toSorted()).toEqual(order.toSorted());
  expect(order.slice(0, first.length)).toEqual(first);
});
