import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnvelope, sendable } from '../../../lib/jobs/envelope';
import { bodyKey, jobKey } from '../../../lib/jobs/keys';
import { newRow } from '../../../lib/jobs/new-row';
import { damagedRow } from '../../support/damage';
import { anEnvelope, jobId, memoryEngine, PREFIX } from '../../support/engine';
import { command } from '../../support/operator';
import { sampleContract } from '../../support/sample-contract';

/** SQS takes the character as an escape only. Another program's JSON has it in the clear. */
const body = sendable(JSON.stringify(anEnvelope({ data: { name: 'a\uffff' } })));
const KEY = jobKey('sample', jobId(1));
const BODY_KEY = bodyKey(PREFIX, 'sample', jobId(1));

/** A job that is dead because its row lost an attribute. */
async function deadWithout(attribute: string) {
  const { contract, effects } = sampleContract();
  const engine = memoryEngine(() => contract);
  const { clock, random, ledger } = engine.deps;
  const row = newRow({ queue: 'sample', envelope: parseEnvelope(body), group: 'g', now: clock.now(), random });
  await ledger.write({ ...row, sentAt: clock.now() }, 0);
  await damagedRow(engine.table, KEY, attribute);
  engine.send(body);
  await engine.drain({ hours: 1 });
  return { engine, effects };
}

test('a job that lost a part of its row which says nothing about its work runs again after a retry', async () => {
  const { engine, effects } = await deadWithout('history');

  await command(engine, 'jobs retry', { id: jobId(1) });
  await engine.drain({ hours: 1 });

  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', generation: 2 });
  expect(engine.row(jobId(1))).not.toHaveProperty('damage');
});

test('a job that lost its steps is not retried, alone or with others, until an operator says that it did nothing', async () => {
  const { engine, effects } = await deadWithout('steps');

  await expect(command(engine, 'jobs retry', { id: jobId(1) })).rejects.toMatchObject({
    message: expect.stringContaining('lost what it had done (RowDamaged)'),
    next: `jobs retry ${jobId(1)} --from-start`,
  });
  engine.clock.advance(1_000);
  const { lines } = await command(engine, 'jobs retry', { queue: 'sample', yes: true });
  expect(lines.at(-1)).toBe('0 of 1 job retried, 1 refused.');
  await engine.drain({ hours: 1 });
  expect(effects).toEqual([]);
  expect(engine.row(jobId(1)).state).toBe('dead');

  await command(engine, 'jobs retry', { id: jobId(1), 'from-start': true });
  await engine.drain({ hours: 1 });
  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1)).state).toBe('succeeded');
  expect(engine.deadLetters()).toEqual([]);
});

test('a job that lost its steps and did its work stays dead after a discard, and its entry goes', async () => {
  const { engine, effects } = await deadWithout('steps');

  await command(engine, 'jobs discard', { id: jobId(1) });
  await engine.reconcile();

  expect(engine.row(jobId(1)).state).toBe('dead');
  expect(engine.deadLetters()).toEqual([]);
  expect(effects).toEqual([]);
});

test('--from-start is refused for a job that did not lose what it had done', async () => {
  const { engine } = await deadWithout('history');

  await expect(command(engine, 'jobs retry', { id: jobId(1), 'from-start': true })).rejects.toThrow(
    'leave out --from-start',
  );
});

describe('a job whose body is damaged everywhere', () => {
  async function withoutBody() {
    const { engine, effects } = await deadWithout('history');
    await engine.objects.put(BODY_KEY, body.slice(0, 50), 'application/json');
    const url = engine.deps.dlqUrl('sample');
    const { ReceiptHandle } = engine.model.receiveMessage({ QueueUrl: url }).Messages?.[0] ?? {};
    engine.model.deleteMessage({ QueueUrl: url, ReceiptHandle });
    return { engine, effects };
  }

  test('runs again with the body that an operator gives, as any program writes it', async () => {
    const { engine, effects } = await withoutBody();
    await expect(command(engine, 'jobs retry', { id: jobId(1) })).rejects.toMatchObject({
      next: `jobs retry ${jobId(1)} --body FILE`,
    });

    await command(engine, 'jobs retry', { id: jobId(1), body: await file(JSON.stringify(JSON.parse(body))) });
    await engine.drain({ hours: 1 });

    expect(effects).toEqual([jobId(1)]);
    expect(engine.row(jobId(1)).state).toBe('succeeded');
  });

  test('does not take the body of another job', async () => {
    const { engine } = await withoutBody();
    const other = await file(JSON.stringify(anEnvelope({ data: { name: 'other' } })));

    await expect(command(engine, 'jobs retry', { id: jobId(1), body: other })).rejects.toThrow(
      `The body is not the one that ${jobId(1)} was sent with`,
    );
    await expect(command(engine, 'jobs retry', { id: jobId(1), body: '/no/such/file' })).rejects.toThrow('ENOENT');
  });
});

async function file(text: string): Promise<string> {
  const name = join(await mkdtemp(join(tmpdir(), 'body-')), 'body.json');
  await writeFile(name, text);
  return name;
}
