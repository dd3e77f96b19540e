import { StoreError } from '../../../lib/errors';
import { tallyKey } from '../../../lib/jobs/keys';
import { createTally, minuteOf, type Tally } from '../../../lib/jobs/tally';
import { damagedItem } from '../../support/damage';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';

/** Two processes of one function. */
function processes() {
  const clock = memoryClock();
  const table = memoryTable();
  const lines: unknown[] = [];
  const log = { warn: (...line: unknown[]) => void lines.push(line) };
  const make = (seed: number) =>
    createTally({ table, clock, random: memoryRandom(seed), log }, { name: 'f', keepMinutes: () => 5 });
  const series = () => (table.item(tallyKey('f')) as Tally | undefined)?.series;
  return { clock, table, lines, one: make(1), two: make(2), series };
}

test('the tally of a function adds up what all its processes counted in a minute', async () => {
  const { clock, one, two, series } = processes();
  const minute = minuteOf(clock.now());

  for (const process of [one, two, one, two]) {
    process.add('Time{}', 30);
    process.add('Time{}', 10);
    clock.advance(1_000);
    await process.flush();
  }

  expect(series()).toEqual({ 'Time{}': { [minute]: [160, 8, 30] } });
});

test('a process writes once a second, and at once what should not happen', async () => {
  const { one, series, table } = processes();
  one.add('Fine{}', 1);
  await one.flush();
  const writes = table.writes();

  one.add('Fine{}', 1);
  await one.flush();
  expect(table.writes()).toBe(writes);
  one.add('Bad{}', 1, { urgent: true });
  await one.flush();

  expect(Object.keys(series() ?? {})).toEqual(['Fine{}', 'Bad{}']);
  expect(table.writes()).toBe(writes + 1);
});

test('minutes that no alarm looks at are dropped', async () => {
  const { clock, one, series } = processes();
  one.add('Old{}', 1);
  await one.flush();
  clock.advance(6 * 60_000);

  one.add('New{}', 1);
  await one.flush();

  expect(Object.keys(series() ?? {})).toEqual(['New{}']);
});

test('what could not be written is logged and written later, and fails no job', async () => {
  const { clock, one, table, series, lines } = processes();
  const { put } = table;
  table.put = () => Promise.reject(new StoreError({ code: 'Down', message: 'down' }));
  one.add('A{}', 1);
  await one.flush();
  table.put = put;

  clock.advance(1_000);
  one.add('A{}', 1);
  await one.flush();

  expect(Object.values(series()?.['A{}'] ?? {}).map(([sum]) => sum)).toEqual([2]);
  expect(lines).toEqual([['measurements could not be stored', { code: 'Down' }]]);
});

test('a write whose answer was lost counts once', async () => {
  const { one, table, series } = processes();
  const { put } = table;
  let lost = false;
  table.put = async (item, expected) => {
    const answer = await put(item, expected);
    if (lost) return answer;
    lost = true;
    throw new StoreError({ code: 'Lost', message: 'lost' });
  };

  one.add('A{}', 1);
  await one.flush();

  expect(Object.values(series()?.['A{}'] ?? {}).map(([sum]) => sum)).toEqual([1]);
});

test.each<[what: string, damage: (minute: number) => unknown]>([
  ['null for a measurement', () => ({ 'A{}': null })],
  ['a text for a sum', (minute) => ({ 'B{}': { [minute]: ['1', 1, 1] } })],
  ['a text for all', () => 'x'],
])('a damaged tally (%s) fails no job, and the next write replaces it', async (_what, damage) => {
  const { clock, table, one, two, series, lines } = processes();
  const minute = minuteOf(clock.now());
  two.add('A{}', 1);
  await two.flush();
  await damagedItem(table, tallyKey('f'), (item) => ({ ...item, series: damage(minute) }));

  one.add('B{}', 2);
  await one.flush();

  expect(series()).toEqual({ 'B{}': { [minute]: [2, 1, 2] } });
  expect(lines).toEqual([]);
});

test('an unknown failure of the table fails no job', async () => {
  const { table, one, lines } = processes();
  table.get = () => Promise.reject(new TypeError('unexpected'));

  one.add('A{}', 1);
  await one.flush();

  expect(lines).toEqual([['measurements could not be stored', { code: 'Unexpected' }]]);
});
