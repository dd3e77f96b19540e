import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AmbiguousError, PermanentError } from '../../../lib/errors';
import { feedbackContract } from '../../../lib/feedback/process';
import { replace, retry, sentEnvelope } from '../../../lib/ops/act';
import { explain } from '../../../packages/console/explain';
import { jobId, memoryEngine } from '../../support/engine';
import { aFeedback, feedbackBody } from '../../support/feedback';
import { command } from '../../support/operator';

const REJECTED = 'suspended@example.com';

/**
 * A feedback queue whose Zendesk is down for some calls, and refuses one address. `tickets`: the subjects of those it
 * took.
 */
function feedbackQueue({ down = 0, status = 422 } = {}) {
  let calls = 0;
  const tickets: string[] = [];
  const engine = memoryEngine(({ objects }) =>
    feedbackContract({
      objects,
      sendgrid: undefined as never,
      rate: undefined as never,
      clock: undefined as never,
      mayConfirm: async () => false,
      zendesk: {
        createTicket: async ({ requester, subject }) => {
          calls += 1;
          const vendor = 'zendesk';
          if (calls <= down)
            throw new AmbiguousError({ code: 'ZendeskUnavailable', message: '503', vendor, status: 503 });
          if (requester.email === REJECTED)
            throw new PermanentError({ code: 'ZendeskRejected', message: 'requester: rejected', vendor, status });
          tickets.push(subject);
          return { id: String(tickets.length) };
        },
        findTicket: async () => undefined,
        upload: async () => ({ token: 't' }),
      },
      config: {
        prefix: 'p',
        tags: [],
        from: { email: 'support@example.com' },
        templateId: undefined,
        brand: 'Sample',
        confirmationWaitMs: 0,
      },
    }),
  );
  return { engine, tickets, deps: { ...engine.deps, audit: 'audit-1' } };
}

const bad = () => feedbackBody({ user: { email: REJECTED }, confirmation: false }, { correlationid: 'request-1' });
const good = aFeedback({ user: { email: 'user@example.com' }, confirmation: false });

async function withDeadJob() {
  const queue = feedbackQueue();
  await queue.engine.sendAndDeliver(bad());
  expect(queue.engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'error' });
  return queue;
}

test('a dead job that did nothing is sent again with other data, as a new job that names the old one', async () => {
  const { engine, tickets, deps } = await withDeadJob();

  const { id } = await replace(deps, engine.row(jobId(1)), good);
  await engine.deliver();
  await engine.reconcile();

  expect(tickets).toEqual([good.subject]);
  expect(engine.row(id)).toMatchObject({
    state: 'succeeded',
    source: `/operator/replaces/${jobId(1)}`,
    correlationId: 'request-1',
  });
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', replacedBy: id });
  expect(engine.row(jobId(1)).history).toContainEqual(
    expect.objectContaining({ event: 'replaced (operator)', note: 'audit audit-1' }),
  );
  expect(engine.deadLetters()).toEqual([]);
});

test('a repeat finds the same new job, and other data than before is refused', async () => {
  const { engine, tickets, deps } = await withDeadJob();

  const first = await replace(deps, engine.row(jobId(1)), good);
  const again = await replace(deps, engine.row(jobId(1)), good);
  await engine.deliver();

  expect(again.id).toBe(first.id);
  expect(tickets).toHaveLength(1);
  await expect(replace(deps, engine.row(jobId(1)), { ...good, subject: 'Other' })).rejects.toThrow(first.id);
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

test.each([
  ['that its schema refuses', { user: { email: 'nobody' } }, 'user.email'],
  [
    'with files that the job was not sent with',
    { attachments: [{ key: 'p/_attachments/feedback/x', name: 'x', contentType: 'image/png' }] },
    'attachments',
  ],
  [
    'that no message can hold',
    { customFields: Array.from({ length: 50 }, (_, id) => ({ id: id + 1, value: Array(50).fill('€'.repeat(255)) })) },
    'must have at most 900 kB',
  ],
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
  const { engine, tickets, deps } = feedbackQueue({ down: 1, status });
  await engine.sendAndDeliver(bad());
  const dead = engine.row(jobId(1));

  expect(dead).toMatchObject({ state: 'dead', steps: { ticket: { status: 'started' } } });
  expect(explain(dead, 0).actions.includes('replace')).toBe(can);
  if (!can) {
    expect(explain(dead, 0).notReplaceable).toContain('may have done something (ticket)');
    return expect(replace(deps, dead, good)).rejects.toThrow('may have done something (ticket)');
  }
  await replace(deps, dead, good);
  await engine.deliver();
  expect(tickets).toEqual([good.subject]);
});

test('a job that lacks its second file can be sent again without it, because Zendesk forgets the first one', async () => {
  const { engine, deps, tickets } = feedbackQueue();
  const [first, second] = [1, 2].map((n) => ({ key: `p/_attachments/feedback/${n}`, name: 'x', contentType: 'a/b' }));
  await engine.objects.put(first?.key ?? '', 'x', 'a/b');
  await engine.sendAndDeliver(feedbackBody({ attachments: [first, second] as never }));
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', steps: { upload: { status: 'done' } } });

  await replace(deps, engine.row(jobId(1)), good);
  await engine.deliver();

  expect(tickets).toEqual([good.subject]);
});

test('an upload of the old job stays as long as the new job needs it', async () => {
  const { engine, deps } = feedbackQueue();
  const key = 'jobs/_attachments/feedback/by/client/x.png';
  const attachments = [{ key, name: 'x', contentType: 'image/png' }];
  await engine.sendAndDeliver(feedbackBody({ user: { email: REJECTED }, attachments }));

  const { id } = await replace(deps, engine.row(jobId(1)), { ...good, attachments });

  expect(engine.table.item(`file#${key}`)).toMatchObject({ jobs: [`feedback#${id}`], todo: 'feedback#files' });
});

test('what a dead job was sent with can be read, and of a done job nothing is kept', async () => {
  const { engine, deps } = await withDeadJob();

  expect((await sentEnvelope(deps, engine.row(jobId(1)))).data).toMatchObject({ user: { email: REJECTED } });
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

  expect(lines).toEqual([
    `feedback ${jobId(1)}: was dead (error), sent again with other data as ${engine.row(jobId(1)).replacedBy}.`,
  ]);
});
