import type { Failure } from '../../../lib/local/fakes/failures';
import { type FakeSendgrid, startFakeSendgrid } from '../../../lib/local/fakes/sendgrid';
import { type FakeZendesk, startFakeZendesk } from '../../../lib/local/fakes/zendesk';

let zendesk: FakeZendesk;
let sendgrid: FakeSendgrid;
beforeEach(async () => {
  zendesk = await startFakeZendesk();
  sendgrid = await startFakeSendgrid();
});
afterEach(() => Promise.all([zendesk.close(), sendgrid.close()]));

const TICKET = JSON.stringify({
  ticket: { comment: { body: 'text' }, requester: { name: 'A', email: 'user@example.com' } },
});
/** The status of a creation, or the code of the network error. */
const create = async (): Promise<number | string> => {
  const headers = { authorization: 'Basic eA==' };
  try {
    return (await fetch(`${zendesk.url}/tickets.json`, { method: 'POST', headers, body: TICKET })).status;
  } catch (error) {
    return String(((error as Error).cause as { code?: string }).code);
  }
};
const control = (path: string, init?: RequestInit) => fetch(new URL(path, zendesk.url), init);
const order = (failures: unknown) => control('/_control/failures', { method: 'POST', body: JSON.stringify(failures) });

test('a failure applies to one request, to a given number or to all', async () => {
  zendesk.fail({ status: 500 });
  zendesk.fail({ status: 502, times: 2 });
  zendesk.fail({ status: 504, times: 'forever' });

  const statuses = [await create(), await create(), await create(), await create(), await create()];

  expect(statuses).toEqual([500, 502, 502, 504, 504]);
  expect(zendesk.tickets).toEqual([]);
});

test.each<[string, Failure, boolean]>([
  ['its method', { method: 'POST' }, true],
  ['another method', { method: 'GET' }, false],
  ['its path', { path: '/tickets' }, true],
  ['another path', { path: '/uploads' }, false],
  ['a part of its body', { bodyContains: 'user@example.com' }, true],
  ['a part of another body', { bodyContains: 'other@example.com' }, false],
  ['a predicate', { matches: ({ body }) => body.length > 10 }, true],
  ['only one of two conditions', { method: 'POST', path: '/uploads' }, false],
])('a failure applies to a request by %s or waits for another', async (_, rule, met) => {
  zendesk.fail({ ...rule, status: 500 });

  expect(await create()).toBe(met ? 500 : 201);
});

test.each<[string, Failure, number | string, number]>([
  ['before it takes effect', { before: 'reset' }, 'UND_ERR_SOCKET', 0],
  ['after it took effect', { after: 'reset' }, 'UND_ERR_SOCKET', 1],
  ['with an error after it took effect', { after: 'answer', status: 504 }, 504, 1],
  ['late', { delayMs: 1 }, 201, 1],
])('a request can fail %s', async (_, failure, answer, tickets) => {
  zendesk.fail(failure);

  expect(await create()).toBe(answer);
  expect(zendesk.tickets).toHaveLength(tickets);
  expect(zendesk.requests).toHaveLength(1);
});

test('a vendor that is down refuses connections until it recovers with its address and data', async () => {
  await create();
  zendesk.fail({ down: true });

  expect(await create()).toBe('ECONNREFUSED');
  await zendesk.recover();
  expect(await create()).toBe(201);
  expect(zendesk.tickets).toHaveLength(2);
});

test('a recovery removes the failures of a vendor that is up', async () => {
  zendesk.fail({ status: 500, times: 'forever' });

  await zendesk.recover();

  expect(await create()).toBe(201);
});

test('another process can order failures over HTTP, and remove them', async () => {
  expect((await order([{ status: 500 }, { status: 501 }])).status).toBe(204);
  expect(await create()).toBe(500);

  expect((await control('/_control/failures', { method: 'DELETE' })).status).toBe(204);
  expect(await create()).toBe(201);
});

test.each(['{', '{"status":99}', '{"statuss":500}', '[{"times":0}]', '"down"', '{"down":true}'])(
  'the order %s is refused with a reason',
  async (body) => {
    const response = await control('/_control/failures', { method: 'POST', body });

    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: expect.any(String) });
  },
);

test('the state shows stored data and requests, without credentials', async () => {
  await create();
  zendesk.fail({ status: 500 });

  const state = await (await control('/_control/state')).json();

  expect(state).toMatchObject({
    tickets: [{ id: 1 }],
    users: [{ email: 'user@example.com' }],
    requests: [{ method: 'POST', path: '/api/v2/tickets.json' }],
    failures: [{ status: 500 }],
  });
  expect(await (await fetch(new URL('/_control/state', sendgrid.url))).json()).toMatchObject({ mails: [] });
});
