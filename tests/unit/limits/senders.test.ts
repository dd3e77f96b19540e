import { z } from 'zod';
import { PermanentError } from '../../../lib/errors';
import { sha256 } from '../../../lib/jobs/envelope';
import { vendorKey } from '../../../lib/jobs/keys';
import { messageType, type QueueContract } from '../../../lib/worker/contract';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';

const schema = z.strictObject({ from: z.string(), refused: z.boolean() });

/** A queue whose jobs say in whose name they call the vendor, and whether it refuses them. */
const contract: QueueContract = {
  queue: 'sample',
  vendors: ['sendgrid'],
  types: {
    'sample.done.v1': messageType<z.infer<typeof schema>>({
      schema,
      process: ({ data: { from, refused } }, { vendor }) =>
        vendor(
          'sendgrid',
          async () => {
            if (refused) throw new PermanentError({ code: 'Forbidden', message: '', vendor: 'sendgrid', status: 403 });
          },
          { sender: from },
        ),
    }),
  },
};

function started() {
  const engine = memoryEngine(() => contract);
  let n = 0;
  return {
    engine,
    circuit: () => engine.table.get(vendorKey('sendgrid')),
    async run(from: string, { refused = true } = {}) {
      const body = JSON.stringify(anEnvelope({ id: jobId(++n), data: { from, refused } }));
      engine.send(body, { group: `g${n}` });
      await engine.deliver(1);
      const { state, reason } = engine.row(jobId(n));
      return `${state} ${reason}`;
    },
  };
}

test('any number of jobs of one sender that are refused, with others done between, stop no other', async () => {
  const { run, circuit } = started();
  for (let round = 0; round < 100; round++) {
    expect(await run('a@example.com')).toBe('dead error');
    expect(await run('A@Example.com')).toBe('dead error');
    if (round % 10 === 0) await run('b@example.com', { refused: false });
  }

  expect((await circuit())?.stoppedAt).toBeUndefined();
});

test('two senders that are refused with no success between open the circuit', async () => {
  const { run, circuit } = started();
  await run('a@example.com');

  expect(await run('b@example.com')).toBe('held stopped');
  expect(await circuit()).toMatchObject({ stoppedAt: expect.any(Number), code: 'Forbidden' });
});

test('of a key that lost its scope an instance with a single sender loses no more than fifty jobs', async () => {
  const { run } = started();
  const ends: string[] = [];
  for (let n = 0; n < 500; n++) ends.push(await run('only@example.com'));

  expect(ends.filter((end) => end === 'dead error')).toHaveLength(49);
  expect(ends.filter((end) => end === 'held stopped')).toHaveLength(451);
});

test('no address is stored: a sender is a short hash', async () => {
  const { run, circuit } = started();
  await run('a@example.com');

  expect((await circuit())?.forbidden).toEqual([sha256('a@example.com').slice(0, 16)]);
});
