import * as z from 'zod';
import { PermanentError } from '../../../lib/errors';
import { sha256 } from '../../../lib/jobs/envelope';
import { vendorKey } from '../../../lib/jobs/keys';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { sampleOf } from '../../support/sample-contract';

const schema = z.strictObject({ from: z.string(), refused: z.boolean() });

/** A queue whose jobs name their sender and say whether the vendor refuses it. */
const contract = sampleOf<z.infer<typeof schema>>({
  schema,
  process: ({ data: { from, refused } }, { vendor }) =>
    vendor(
      'sendgrid',
      async () => {
        if (refused) throw new PermanentError({ code: 'Forbidden', message: '', vendor: 'sendgrid', status: 403 });
      },
      { sender: from },
    ),
});

function started() {
  const engine = memoryEngine(() => contract);
  let n = 0;
  return {
    engine,
    circuit: () => engine.table.get(vendorKey('sendgrid')),
    async run(from: string, { refused = true } = {}) {
      const body = JSON.stringify(anEnvelope({ id: jobId(++n), data: { from, refused } }));
      await engine.sendAndDeliver(body, { group: `g${n}` });
      const { state, reason } = engine.row(jobId(n));
      return `${state} ${reason}`;
    },
  };
}

test('the circuit opens when the vendor refuses two senders without a success between', async () => {
  const { run, circuit } = started();
  await run('a@example.com');

  expect(await run('b@example.com')).toBe('held stopped');
  expect(await circuit()).toMatchObject({ stoppedAt: expect.any(Number), code: 'Forbidden' });
});

test('when its key loses its scope, an instance with one sender parks fewer than fifty jobs', async () => {
  const { run } = started();
  const ends: string[] = [];
  for (let n = 0; n < 500; n++) ends.push(await run('only@example.com'));

  expect(ends.filter((end) => end === 'dead error')).toHaveLength(49);
  expect(ends.filter((end) => end === 'held stopped')).toHaveLength(451);
});

test('a sender is stored as a short hash, not as an address', async () => {
  const { run, circuit } = started();
  await run('a@example.com');

  expect((await circuit())?.forbidden).toEqual([sha256('a@example.com').slice(0, 16)]);
});
