import fc from 'fast-check';
import { WaitError } from '../../../lib/errors';
import { bodyKey, jobKey, recordKey } from '../../../lib/jobs/keys';
import { OperatorError } from '../../../lib/ops/operator';
import type { Item } from '../../../lib/ports';
import { anEnvelope, jobId } from '../../support/engine';
import { command } from '../../support/operator';
import { SAMPLE_QUEUE, sampleEngine } from '../../support/sample-contract';
import { MARK, named, printSeed, share, text } from './random';

beforeAll(printSeed);

const ENVELOPE = JSON.stringify(anEnvelope({ id: jobId(1) }));
const KEY = jobKey(SAMPLE_QUEUE, jobId(1));

/** A queue with one job that a vendor holds, or that is done. */
async function engineWith(held: boolean) {
  const { engine } = sampleEngine(() => {
    if (held) throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 300_000 });
  });
  await engine.sendAndDeliver(ENVELOPE);
  return engine;
}

/** Six runs of the reconciler. */
const STEPS = 0.1;

/** What a person or a program sees of a run. */
const outputs = ({ lines, metrics, deadLetters }: Awaited<ReturnType<typeof engineWith>>): string =>
  JSON.stringify([lines, metrics, deadLetters().map(({ attributes }) => attributes)]);

describe('stored data', () => {
  /** The caller's own ids and the vendor are logged as stored. DynamoDB itself checks the keys of its indexes. */
  const LOGGED = [
    'key',
    'version',
    'id',
    'queue',
    'group',
    'correlationId',
    'type',
    'source',
    'vendor',
    'schema',
  ].concat(['todo', 'todoAt', 'accepted']);

  test('a row with any attributes ends its job or waits for a person, and its values are in no output', async () => {
    const { table } = await engineWith(true);
    const names = Object.keys(table.item(KEY) ?? {}).filter((name) => !LOGGED.includes(name));
    const changes = fc.dictionary(fc.constantFrom(...names), named(names), { minKeys: 1, maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(changes, fc.boolean(), async (changed, held) => {
        const engine = await engineWith(held);
        const stored = engine.table.item(KEY) as Item;
        await engine.table.put({ ...stored, ...changed, version: stored.version + 1 }, stored.version);
        engine.send(ENVELOPE);
        await engine.drain({ hours: STEPS });
        await command(engine, 'jobs show', { id: jobId(1) }).catch((error: unknown) => {
          expect((error as Error).message).not.toContain(MARK);
          expect(error).toBeInstanceOf(OperatorError);
        });
        await command(engine, 'jobs list', {});

        expect(outputs(engine).includes(MARK)).toBe(false);
      }),
      share(0.02),
    );
  });

  test('a record or a kept body with any content ends its job, and its words are in no output', async () => {
    const content = fc.oneof(
      text,
      named(['id', 'state', 'steps', 'history', 'version', 'record']).map((value) => JSON.stringify(value) ?? ''),
    );
    await fc.assert(
      fc.asyncProperty(content, content, async (record, body) => {
        const engine = await engineWith(true);
        const row = engine.row(jobId(1));
        await engine.objects.put(recordKey('jobs', row), record, 'application/json');
        await engine.objects.put(bodyKey('jobs', SAMPLE_QUEUE, jobId(1)), body, 'application/json');
        engine.clock.advance(3_600_000);
        await engine.drain({ hours: STEPS });

        expect(outputs(engine).includes(MARK)).toBe(false);
      }),
      share(0.02),
    );
  });
});
