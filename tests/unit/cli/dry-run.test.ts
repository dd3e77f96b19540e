import { dryServices } from '../../../lib/cli/dry-run';
import type { Topics } from '../../../lib/ports';
import { memoryObjects } from '../../support/memory-objects';
import type { memoryQueues } from '../../support/memory-queues';
import { memoryTable } from '../../support/memory-table';

function start() {
  const objects = memoryObjects();
  const touched: string[] = [];
  const dry = dryServices(
    { table: memoryTable(), objects, queues: {} as ReturnType<typeof memoryQueues>, topics: {} as Topics },
    (what) => void touched.push(what),
  );
  return { objects, dry: dry.objects, touched };
}

test('a dry run replaces no object, and its later reads show the new one', async () => {
  const { objects, dry, touched } = start();
  await objects.put('a', 'before', 'text/plain');
  const before = await dry.read('a');

  const answers = [
    await dry.replace('a', 'after', 'text/plain', before?.etag ?? ''),
    await dry.replace('a', 'late', 'text/plain', before?.etag ?? ''),
    await dry.replace('absent', 'after', 'text/plain', before?.etag ?? ''),
  ];

  expect(answers).toEqual(['replaced', 'changed', 'changed']);
  expect(Buffer.from((await dry.read('a'))?.bytes ?? []).toString()).toBe('after');
  expect(objects.text('a')).toBe('before');
  expect(touched).toEqual(['write the object a']);
});
