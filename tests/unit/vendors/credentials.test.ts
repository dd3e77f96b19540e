import { StopError, TransientError } from '../../../lib/errors';
import { withSecret } from '../../../lib/vendors/credentials';
import { secretOf } from '../../support/vendors';

const unauthorized = new StopError({ code: 'Unauthorized', message: 'refused', status: 401 });

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('the second try gets the time that the first one left', async () => {
  const given: [string, number][] = [];

  const result = await withSecret(secretOf('old', 'new'), {
    timeoutMs: 1000,
    call: async ({ secret, timeoutMs }) => {
      given.push([secret, timeoutMs]);
      jest.advanceTimersByTime(400);
      if (secret === 'old') throw unauthorized;
      return 'done';
    },
  });

  expect(result).toBe('done');
  expect(given).toEqual([
    ['old', 1000],
    ['new', 600],
  ]);
});

test('there is no third try', async () => {
  const secret = secretOf('a', 'b', 'c');
  const call = () => Promise.reject(unauthorized);

  await expect(withSecret(secret, { timeoutMs: 1000, call })).rejects.toBe(unauthorized);
  expect(secret.asked).toBe(1);
});

test.each([
  new TransientError({ code: 'Unavailable', message: 'failed', status: 500 }),
  new StopError({ code: 'Misconfigured', message: 'moved', status: 301 }),
])('a call is not repeated after an error that is not about the secret', async (error) => {
  const secret = secretOf('a', 'b');

  await expect(withSecret(secret, { timeoutMs: 1000, call: () => Promise.reject(error) })).rejects.toBe(error);
  expect(secret.asked).toBe(0);
});
