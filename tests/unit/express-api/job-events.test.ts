import { readFileSync } from 'node:fs';
import http from 'node:http';
import { type Completion, isEndOf } from 'background-jobs-producer';
import { createApp } from '../../../examples/express-api/src/app';
import { jobEvents } from '../../../examples/express-api/src/job-events';
import { close, listen } from '../../../packages/local/loopback';
import { createTestProducer } from '../../../packages/producer/testing';

const KEY = 'the key of this test';
const [, example = ''] = /```json\n(.*?)```/s.exec(readFileSync('docs/events.md', 'utf8')) ?? [];
const event = JSON.parse(example) as { detail: Completion };
const { detail } = event;

let ends: Completion[];
let onEnd: (end: Completion) => unknown;
let server: http.Server;
let url: string;

beforeEach(async () => {
  ends = [];
  onEnd = (end) => ends.push(end);
  const routers = [jobEvents({ key: KEY, onEnd: (end) => onEnd(end) })];
  server = http.createServer(createApp({ producer: createTestProducer(), principalOf: () => undefined, routers }));
  url = `${await listen(server, 0)}/job-events`;
});
afterEach(() => close(server));

/** Posts as EventBridge does, and answers the status. */
async function post(changes: Partial<Completion> = {}, authorization = KEY): Promise<number> {
  const headers = { 'content-type': 'application/json; charset=utf-8', authorization };
  const body = JSON.stringify({ ...event, detail: { ...detail, ...changes } });
  return (await fetch(url, { method: 'POST', headers, body })).status;
}

test('the end of a job is taken once, with its result, however often it comes', async () => {
  expect([await post(), await post()]).toEqual([204, 204]);

  expect(ends).toEqual([detail]);
});

test('an end has the type of result of its kind', () => {
  const ticket: string | undefined = isEndOf(detail, 'feedback') ? detail.result?.ticketId : undefined;

  expect(ticket).toBe('4711');
  expect(isEndOf(detail, 'email')).toBe(false);
});

test('a later end of the same job counts, and an end that comes after a later one does not', async () => {
  const [early, late] = ['2026-01-02T03:04:07.000Z', '2026-01-02T03:05:00.000Z'];
  const cancelled = { id: '1:cancelled', state: 'cancelled', endedAt: early };
  const succeeded = { id: '1:succeeded', endedAt: late };
  const again = { id: '2:dead', state: 'dead', generation: 2, endedAt: early };

  for (const end of [succeeded, cancelled, again, succeeded]) await post(end);

  expect(ends.map(({ id }) => id)).toEqual(['1:succeeded', '2:dead']);
});

test('an end whose handling fails is answered with an error, and is new when it comes again', async () => {
  onEnd = () => Promise.reject(new Error('the database is down'));
  expect(await post()).toBe(500);

  onEnd = (end) => ends.push(end);
  expect(await post()).toBe(204);
  expect(ends).toEqual([detail]);
});

test.each([
  ['no key', {}, '', 401],
  ['a wrong key', {}, `${KEY}.`, 401],
  ['no id', { id: undefined }, KEY, 400],
] as const)('a post with %s is refused', async (_what, changes, key, status) => {
  expect(await post(changes as Partial<Completion>, key)).toBe(status);
  expect(ends).toEqual([]);
});
