import { todoKey } from '../../../../lib/engine/jobs/keys';
import { afterGlance } from '../../../../lib/engine/reconcile/glance';
import { envelope, jobId } from '../../../support/engine';
import { sampleEngine } from '../../../support/sample-contract';

const HELD = todoKey('sample', 'held');
const KEPT = todoKey('sample', 'kept');
const entry = (n: number, todo = HELD) => ({ key: `sample#${n}`, version: 1, writer: '', todo, todoAt: n });

/** The deps of a run after its glance, and the keys of the index that it asks for. */
async function glancing(before: (table: ReturnType<typeof sampleEngine>['engine']['deps']['table']) => unknown) {
  const { engine } = sampleEngine();
  const { table } = engine.deps;
  await before(table);
  const asked: string[] = [];
  const { due, count } = table;
  table.due = (todo, options) => {
    asked.push(todo);
    return due(todo, options);
  };
  table.count = (todo, options) => {
    asked.push(todo);
    return count(todo, options);
  };
  const run = await afterGlance(engine.deps);
  const ask = async (todo: string) => [
    (await run.table.due(todo, { until: 9_999, limit: 9 })).length,
    await run.table.count(todo, { since: 0 }),
  ];
  return { engine, run, ask, asked };
}

test('asks for all keys of a queue with an entry, due or not, and for none of another queue', async () => {
  const { ask, asked } = await glancing((table) => table.put(entry(1), 0));

  expect(await ask(HELD)).toEqual([1, 1]);
  expect(await ask(KEPT)).toEqual([0, 0]);
  expect(await ask(todoKey('other', 'held'))).toEqual([0, 0]);
  expect(asked).toEqual([HELD, HELD, KEPT, KEPT]);
});

test.each<[string, (run: Awaited<ReturnType<typeof glancing>>) => Promise<unknown>]>([
  ['an item', ({ run }) => run.table.put(entry(2, KEPT), 0)],
  ['a row', ({ engine, run }) => run.ledger.write(engine.row(jobId(1)), engine.row(jobId(1)).version)],
  ['a changed row', ({ engine, run }) => run.ledger.update(engine.row(jobId(1)).key, (row) => row)],
])('what the run itself writes counts at once: %s', async (_, write) => {
  const run = await glancing(() => undefined);
  await run.engine.accept(envelope());

  await write(run);

  await run.ask(KEPT);
  expect(run.asked).toEqual([KEPT, KEPT]);
});

test('asks for every key if the index has too many entries', async () => {
  const { ask, asked } = await glancing((table) =>
    Promise.all(Array.from({ length: 1_001 }, (_, n) => table.put(entry(n, 'other#held'), 0))),
  );

  expect(await ask(KEPT)).toEqual([0, 0]);
  expect(asked).toEqual([KEPT, KEPT]);
});
