import { StopError, TransientError } from '../../../lib/errors';
import { vendorCalls } from '../../../lib/vendors/credentials';
import { zendesk as dialect } from '../../../lib/vendors/zendesk';
import { secretOf } from '../../support/vendors';

const unauthorized = new StopError({ code: 'Unauthorized', message: 'refused', status: 401 });
const callsWith = (secret: ReturnType<typeof secretOf>) => vendorCalls({ dialect, secret, now: () => 0 });

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('the second try gets the time that the first one left', async () => {
  const given: [string, number][] = [];

  const result = await callsWith(secretOf('old', 'new'))('once', 1000, async ({ secret, timeoutMs }) => {
    given.push([secret, timeoutMs]);
    jest.advanceTimersByTime(400);
    if (secret === 'old') throw unauthorized;
    return 'done';
  });

  expect(result).toBe('done');
  expect(given).toEqual([
    ['old', 1000],
    ['new', 600],
  ]);
});

test.each([
  ['once more after a 401', unauthorized, 1],
  ['once after a failure', new TransientError({ code: 'Unavailable', message: 'failed', status: 500 }), 0],
  ['once after another refusal', new StopError({ code: 'Misconfigured', message: 'moved', status: 301 }), 0],
])('a call is made %s', async (_, error, fresh) => {
  const secret = secretOf('a', 'b', 'c');

  await expect(callsWith(secret)('once', 1000, () => Promise.reject(error))).rejects.toBe(error);
  expect(secret.asked).toBe(fresh);
});
