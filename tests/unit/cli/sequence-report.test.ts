import { analyticsContract } from '../../../lib/analytics/process';
import { analyticsBody, anEvent } from '../../support/analytics';
import { memoryEngine, PREFIX } from '../../support/engine';
import { command } from '../../support/operator';

async function stored(numbers: number[]) {
  const metrics = { add: () => {}, flush: async () => {} };
  const engine = memoryEngine(({ objects }) =>
    analyticsContract({ objects, prefix: PREFIX, names: new Set(), metrics }),
  );
  for (const n of numbers) engine.send(analyticsBody([anEvent(n)], { n }));
  await engine.deliver();
  return engine;
}

test('reconcile reports that no message of analytics events is missing', async () => {
  const engine = await stored([1, 2, 3]);

  const { lines, exitCode } = await command(engine, 'reconcile');

  expect(lines.slice(-2)).toEqual([
    '  3 messages of 1 source stored, 0 others with a row, 0 in the queue',
    '  No gaps.',
  ]);
  expect(exitCode).toBeUndefined();
});

test('reconcile lists the missing messages and ends with exit code 2', async () => {
  const engine = await stored([1, 4, 6]);
  engine.send('on its way');

  const { lines, exitCode } = await command(engine, 'reconcile');
  const { json } = await command(engine, 'reconcile', { json: true });

  expect(lines.slice(-4)).toEqual([
    '  3 messages of 1 source stored, 0 others with a row, 1 in the queue',
    '  3 messages missing, unless still in the queue:',
    '    /my/api/producer-1  2 to 3',
    '    /my/api/producer-1  5',
  ]);
  expect(exitCode).toBe(2);
  expect(json).toMatchObject({
    sequences: {
      gaps: [
        { first: 2, last: 3 },
        { first: 5, last: 5 },
      ],
      inQueue: 1,
    },
  });
});

test('reconcile lists a damaged object, and --repair moves it aside', async () => {
  const engine = await stored([1, 2, 3]);
  const [key = ''] = engine.objects.keys();
  await engine.objects.put(key, '', 'application/gzip');

  const before = await command(engine, 'reconcile');
  const repaired = await command(engine, 'reconcile', { repair: true });

  expect(before.lines).toContain(`    ${key}  damaged`);
  expect(before.exitCode).toBe(2);
  expect(repaired.lines).toContain(`    ${key}  damaged, repaired`);
  expect(engine.objects.keys()).not.toContain(key);
});
