import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { PermanentError } from '../../../lib/errors';
import { jobKey } from '../../../lib/jobs/keys';
import { personOf } from '../../../lib/jobs/person-hash';
import { stateOf } from '../../../lib/ops/operator';
import { startFakeZendesk } from '../../../packages/local/fakes/zendesk';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { hashed } from '../../support/hash-people';
import { command } from '../../support/operator';
import { sampleOf } from '../../support/sample-contract';

const ANN = 'ann@example.com';
const BOB = 'bob@example.com';
const hashOf = (email: string) => hashed(personOf(email))[0];

/** Ann's job 1 is dead and 2 succeeded, and Bob's job 3 is dead. */
async function start() {
  const process = async ({ id }: { id: string }) => {
    if (id !== jobId(2)) throw new PermanentError({ code: 'Rejected', message: 'rejected', field: 'data.email' });
  };
  const engine = memoryEngine(() => sampleOf({ schema: z.object({ email: z.string() }), process }));
  for (const [n, email] of [ANN, ANN, BOB].entries())
    await engine.accept(envelope(n + 1, { person: hashOf(email), data: { email } }));
  await engine.deliver();
  Object.assign(engine.deps, { source: {} });
  return engine;
}

const found = (lines: string[]) => lines.map((line) => JSON.parse(line) as { place: string; job?: string });

test('sls privacy find prints a line for each thing about the person, after reads and price. --rows leaves the records out', async () => {
  const engine = await start();

  const { lines, notes } = await command(engine, 'privacy find', { email: 'ANN@example.com' });
  const rows = await command(engine, 'privacy find', { email: ANN, rows: true });

  expect(found(lines).map(({ place, job }) => [place, job])).toEqual([
    ['rows', jobId(1)],
    ['bodies', jobId(1)],
    ['rows', jobId(2)],
    ['records', undefined],
    ['records', undefined],
  ]);
  expect(found(rows.lines)).toEqual(found(lines).slice(0, 3));
  expect(lines.join()).not.toContain(BOB);
  expect(notes.slice(0, 2)).toEqual([
    'Reads the rows by an index, and 5 objects: 2 of bodies, 3 of records.',
    'S3 bills about 0.00 USD, and 0.09 for each GB that leaves its region.',
  ]);
  await expect(command(engine, 'privacy find', {})).rejects.toThrow('Give --email, --user or both.');
});

test('sls privacy find writes a file for each place, and all files of the person, also of one name or named like a place', async () => {
  const out = mkdtempSync(join(tmpdir(), 'person-'));
  const engine = await start();
  const names = ['1/screen.png', '2/screen.png', '2/rows.ndjson'];
  const files = names.map((name) => `jobs/_attachments/sample/by/${name}`);
  for (const key of files) await engine.objects.put(key, key, 'image/png');
  await engine.deps.ledger.update(jobKey('sample', jobId(1)), (row) => ({ ...row, files }));

  const { lines } = await command(engine, 'privacy find', { email: ANN, out });

  expect(lines).toEqual([]);
  expect(readFileSync(join(out, 'bodies.ndjson'), 'utf8')).toContain(ANN);
  const texts = readdirSync(out).map((name) => readFileSync(join(out, name), 'utf8'));
  expect(files.filter((key) => !texts.includes(key))).toEqual([]);
  expect(readFileSync(join(out, 'rows.ndjson'), 'utf8')).toContain(jobId(1));
  rmSync(out, { recursive: true });
});

test('sls privacy erase shows what it found, erases it, and reports without personal data', async () => {
  const engine = await start();
  const bob = () => engine.objects.keys().filter((key) => engine.objects.text(key).includes(hashOf(BOB) ?? BOB));
  const before = bob();

  const { lines, json } = await command(engine, 'privacy erase', { email: ANN }, 'yes');

  expect(lines).toEqual(['PLACE    FOUND', 'rows     2', 'bodies   1', 'records  2']);
  expect(json).toMatchObject({ erased: { rows: 2, bodies: 1 }, left: [], audit: expect.any(String) });
  expect(JSON.stringify([json, engine.lines, engine.rows().slice(0, 2)])).not.toMatch(`${ANN}|${hashOf(ANN)}`);
  expect(engine.rows().map(stateOf)).toEqual(['discarded (error), erased', 'succeeded, erased', 'dead (error)']);
  expect(bob()).toEqual(before);
  await engine.reconcile();
  expect(engine.deadLetters().map(({ body }) => body)).toEqual([expect.stringContaining(BOB)]);
  await expect(command(engine, 'jobs retry', { id: jobId(1) })).rejects.toThrow('was erased');
});

test("sls privacy erase deletes the person's tickets for good with an operator's token, and names what stays", async () => {
  const zendesk = await startFakeZendesk({ email: 'agent@example.com', token: 'token' });
  const { url: endpoint, authorization } = zendesk;
  const requester = { name: 'Ann', email: ANN };
  const ticket = { external_id: jobId(2), subject: 'Help', comment: { body: 'Help' }, requester };
  const asked = { method: 'POST', headers: { authorization } };
  for (const made of [ticket, { ...ticket, requester: { name: 'Bob', email: BOB } }])
    await fetch(`${endpoint}/tickets.json`, { ...asked, body: JSON.stringify({ ticket: made }) });
  const engine = await start();
  const steps = (id: string) => ({ ticket: { status: 'done' as const, startedAt: 1, result: { id } } });
  for (const [n, id] of ['1', '77'].entries())
    await engine.deps.ledger.update(jobKey('sample', jobId(n + 1)), (row) => ({ ...row, steps: steps(id) }));
  Object.assign(engine.deps, { source: { zendesk: { endpoint, authorization } } });

  const { lines, json } = await command(engine, 'privacy erase', { email: ANN }, 'yes');
  await zendesk.close();

  expect(lines).toContain('tickets in Zendesk  2');
  expect(json).toMatchObject({
    inZendesk: { deleted: { 1: 'job-1' } },
    byHand: [{ vendor: 'zendesk', tickets: ['77'] }, {}, {}],
  });
  expect(zendesk.tickets.map(({ id }) => id)).toEqual([2]);
});

test('sls privacy erase changes nothing without a yes', async () => {
  const engine = await start();
  const before = engine.table.items();

  const { lines } = await command(engine, 'privacy erase', { email: ANN }, 'no');

  expect(lines.at(-1)).toBe('Nothing was changed.');
  expect(engine.table.items()).toEqual(before);
});
