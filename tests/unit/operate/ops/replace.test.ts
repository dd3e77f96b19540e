import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replace, retry, sentEnvelope } from '../../../../lib/operate/ops/act';
import { explain } from '../../../../packages/console/explain';
import type { Failure } from '../../../../packages/local/fakes/server';
import { jobId } from '../../../support/engine';
import { aFeedback, attachmentKey, feedbackBody, startFeedback } from '../../../support/feedback';
import { command } from '../../../support/operator';

/** The fake Zendesk refuses this address. */
const REJECTED = { user: { email: 'refused@example.com' }, confirmation: false };
const FILE = { name: 'x.png', contentType: 'image/png' };
const good = aFeedback({ user: { email: 'user@example.com' }, confirmation: false });

const opened: Awaited<ReturnType<typeof startFeedback>>[] = [];
afterEach(async () => {
  for (const { close } of opened.splice(0)) await close();
});

/** A feedback queue with one dead job. `failures`: what Zendesk answers before it judges the job. */
async function withDeadJob(changes: Parameters<typeof feedbackBody>[0] = REJECTED, failures: Failure[] = []) {
  const service = await startFeedback();
  opened.push(service);
  const { engine, zendesk } = service;
  for (const failure of failures) zendesk.fail({ method: 'POST', path: 'tickets', ...failure });
  await engine.sendAndDeliver(feedbackBody(changes, { correlationid: 'request-1' }));
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'error' });
  return { engine, deps: engine.deps, tickets: () => zendesk.tickets.map(({ subject }) => subject) };
}

test('a dead job that did nothing is sent again with other data, as one new job that names the old one', async () => {
  const { engine, tickets, deps } = await withDeadJob();

  const { id } = await replace(deps, engine.row(jobId(1)), good);
  const again = await replace(deps, engine.row(jobId(1)), good);
  await engine.deliver();
  await engine.reconcile();

  expect(again.id).toBe(id);
  expect(tickets()).toEqual([good.subject]);
  const named = { source: `/operator/replaces/${jobId(1)}`, correlationId: 'request-1' };
  expect(engine.row(id)).toMatchObject({ state: 'succeeded', ...named });
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', replacedBy: id });
  const entry = expect.objectContaining({ event: 'replaced (operator)', note: 'audit of-this-test' });
  expect(engine.row(jobId(1)).history).toContainEqual(entry);
  expect(engine.deadLetters()).toEqual([]);
  await expect(replace(deps, engine.row(jobId(1)), { ...good, subject: 'Other' })).rejects.toThrow(id);
});

test('a replaced job is never retried, and a retried one never replaced, so nothing is done twice', async () => {
  const { engine, deps } = await withDeadJob();
  const dead = engine.row(jobId(1));
  const { id } = await replace(deps, dead, good);

  const replaced = engine.row(jobId(1));
  await expect(retry(deps, replaced)).rejects.toThrow(`sent again with other data, as ${id}`);
  const sentence = expect.stringContaining(id);
  expect(explain(replaced, engine.clock.now())).toMatchObject({ actions: [], sentence });
  const other = await withDeadJob();
  await retry(other.deps, other.engine.row(jobId(1)));
  await expect(replace(other.deps, other.engine.row(jobId(1)), good)).rejects.toThrow('only a dead or cancelled job');
});

const LARGE = Array.from({ length: 50 }, (_, id) => ({ id: id + 1, value: Array(50).fill('€'.repeat(255)) }));
test.each([
  ['that its schema refuses', { user: { email: 'nobody' } }, 'user.email'],
  ['with files that the job was not sent with', { attachments: [{ ...FILE, key: attachmentKey }] }, 'attachments'],
  ['that no message can hold', { customFields: LARGE }, 'must have at most 900 kB'],
])('data %s changes nothing', async (_what, change, field) => {
  const { engine, deps } = await withDeadJob();
  const before = engine.row(jobId(1));

  await expect(replace(deps, before, { ...good, ...change })).rejects.toThrow(field);

  expect(engine.row(jobId(1))).toEqual(before);
  expect(engine.inQueue()).toBe(0);
});

test.each([
  [422, true],
  [403, false],
])('a job that met an outage before its vendor answered %i can be replaced: %s', async (status, can) => {
  const answers = [503, ...(status === 403 ? [403] : [])].map((answer) => ({ status: answer }));
  const { engine, tickets, deps } = await withDeadJob(REJECTED, answers);
  const dead = engine.row(jobId(1));

  expect(dead).toMatchObject({ steps: { ticket: { status: 'started' } } });
  expect(explain(dead, 0).actions.includes('replace')).toBe(can);
  if (!can) {
    expect(explain(dead, 0).notReplaceable).toContain('may have done something (ticket)');
    return expect(replace(deps, dead, good)).rejects.toThrow('may have done something (ticket)');
  }
  await replace(deps, dead, good);
  await engine.deliver();
  expect(tickets()).toEqual([good.subject]);
});

test('a job that lacks its second file can be sent again without it, because Zendesk forgets the first one', async () => {
  const [first, second] = [attachmentKey, `${attachmentKey}.none`].map((key) => ({ ...FILE, key }));
  const { engine, deps, tickets } = await withDeadJob({ attachments: [first, second] as never });
  expect(engine.row(jobId(1))).toMatchObject({ steps: { upload: { status: 'done' } } });

  await replace(deps, engine.row(jobId(1)), good);
  await engine.deliver();

  expect(tickets()).toEqual([good.subject]);
});

test('an upload of the old job stays as long as the new job needs it', async () => {
  const key = 'jobs/_attachments/feedback/by/client/x.png';
  const attachments = [{ ...FILE, key }];
  const { engine, deps } = await withDeadJob({ ...REJECTED, attachments });

  const { id } = await replace(deps, engine.row(jobId(1)), { ...good, attachments });

  expect(engine.table.item(`file#${key}`)).toMatchObject({ jobs: [`feedback#${id}`], todo: 'feedback#files' });
});

test('what a dead job was sent with can be read, and of a done job nothing is kept', async () => {
  const { engine, deps } = await withDeadJob();

  expect((await sentEnvelope(deps, engine.row(jobId(1)))).data).toMatchObject(REJECTED);
  const { id } = await replace(deps, engine.row(jobId(1)), good);
  await engine.deliver();
  await expect(sentEnvelope(deps, engine.row(id))).rejects.toThrow('its body is not kept');
});

test('sls jobs retry --data sends the data of a file, and refuses a file that is not JSON without a word of it', async () => {
  const { engine } = await withDeadJob();
  const folder = mkdtempSync(join(tmpdir(), 'data-'));
  const data = join(folder, 'data.json');
  const run = () => command(engine, 'jobs retry', { id: jobId(1), data });

  writeFileSync(data, 'not JSON');
  await expect(run()).rejects.toThrow(`${data}: is not JSON.`);
  writeFileSync(data, JSON.stringify(good));
  const { lines } = await run();
  rmSync(folder, { recursive: true });

  const { replacedBy } = engine.row(jobId(1));
  expect(lines).toEqual([`feedback ${jobId(1)}: was dead (error), sent again with other data as ${replacedBy}.`]);
});
