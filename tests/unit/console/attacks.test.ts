import { isConsolePath } from '../../../packages/console/serve';
import { type TestedConsole, testedConsole } from '../../support/console';
import { openElsewhere } from '../../support/other-addresses';
import { sampleEngine } from '../../support/sample-contract';

let console_: TestedConsole;
beforeAll(async () => {
  console_ = await testedConsole(sampleEngine().engine);
});
afterAll(() => console_.close());

const session = (headers: Record<string, string>) => console_.raw('/console/api/session', { headers });

test('the page of the console may call its API', async () => {
  const { status, body } = await session({ ...console_.headers, 'sec-fetch-site': 'same-origin' });

  expect([status, JSON.parse(body)]).toMatchObject([200, { instance: 'acme', production: true, write: false }]);
});

test('each console has a token of its own with 256 random bits', async () => {
  const other = await testedConsole(sampleEngine().engine);
  await other.close();

  expect(other.token).not.toBe(console_.token);
  expect(Buffer.from(other.token, 'base64url')).toHaveLength(32);
});

test('a site whose name resolves to this machine gets nothing, not even the page (DNS rebinding)', async () => {
  const port = console_.host.split(':')[1];
  for (const host of ['rebound.example', `rebound.example:${port}`, `127.0.0.1:1`, '127.0.0.1', `[::1]:${port}`])
    for (const path of ['/', '/console/assets/page.js', '/console/api/session'])
      expect(await console_.raw(path, { headers: { ...console_.headers, host } })).toMatchObject({ status: 421 });
});

test.each<[string, number, (own: Record<string, string>) => Record<string, string>]>([
  ['without the token', 401, ({ authorization: _token, ...rest }) => rest],
  ['with a wrong token', 401, (own) => ({ ...own, authorization: own.authorization?.slice(0, -1) ?? '' })],
  ['that a form or an image can make', 403, ({ 'x-console': _page, ...rest }) => rest],
  ['from another site', 403, (own) => ({ ...own, origin: 'https://evil.example' })],
  ['from another port of this machine', 403, (own) => ({ ...own, origin: 'http://127.0.0.1:8080' })],
  ['from a sandboxed frame', 403, (own) => ({ ...own, origin: 'null' })],
  ['from another site without an Origin header', 403, (own) => ({ ...own, 'sec-fetch-site': 'cross-site' })],
  ['from another port without an Origin header', 403, (own) => ({ ...own, 'sec-fetch-site': 'same-site' })],
  ['from the address bar', 403, (own) => ({ ...own, 'sec-fetch-site': 'none' })],
])('a call %s is refused with %i', async (_how, status, change) => {
  expect(await session(change(console_.headers))).toMatchObject({ status });
});

test('a preflight of another origin gets no permission', async () => {
  const asks = { 'access-control-request-method': 'GET', 'access-control-request-headers': 'x-console, authorization' };
  const { headers } = await console_.raw('/console/api/session', {
    method: 'OPTIONS',
    headers: { host: console_.host, origin: 'https://evil.example', ...asks },
  });

  expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
});

test.each([
  ['without an origin', { 'content-type': 'application/json' }, 403],
  ['of another origin', { 'content-type': 'application/json', origin: 'http://127.0.0.1:8080' }, 403],
  ['with the type of a form', { 'content-type': 'text/plain' }, 415],
])('a POST %s is refused (CSRF)', async (_what, headers, status) => {
  const origin = { origin: `http://${console_.host}` };
  const sent = { ...console_.headers, ...(status === 415 ? origin : {}), ...headers };

  const answer = await console_.raw('/console/api/any', { method: 'POST', headers: sent, body: '{}' });
  expect(answer.status).toBe(status);
});

test('every answer forbids inline script, frames, other sources and caching', async () => {
  for (const path of ['/', '/console/jobs', '/console/assets/page.js', '/console/api/session', '/nothing']) {
    const { headers } = await console_.raw(path, { headers: console_.headers });
    const policy = String(headers['content-security-policy']);

    for (const rule of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"])
      expect(policy).toContain(rule);
    expect(policy).not.toContain('unsafe');
    expect(headers).toMatchObject({
      ...{ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
      ...{ 'cross-origin-resource-policy': 'same-origin', 'referrer-policy': 'same-origin' },
    });
  }
});

test('the page itself holds no data and no script, so it needs no token', async () => {
  const { status, body } = await console_.raw('/console/jobs', { headers: { host: console_.host } });

  expect(status).toBe(200);
  expect(body).not.toMatch(/<script(?![^>]* src="\/console\/assets\/)/);
  expect(body).not.toContain('acme');
});

test('the console listens on the loopback address only', async () => {
  expect(await openElsewhere(console_.host.split(':')[1] ?? '')).toEqual([]);
});

test('on a shared server only the paths of the console go to it', () => {
  const own = ['/', '/?a=1', '/console', '/console/jobs?queue=feedback', '/console/api/x'];

  expect([...own, '/jobs', '/consoles', '/sns', '//console'].filter(isConsolePath)).toEqual(own);
});
