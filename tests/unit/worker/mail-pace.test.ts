import { StoreError, WaitError } from '../../../lib/errors';
import type { Table } from '../../../lib/ports';
import type { Sendgrid } from '../../../lib/vendors/sendgrid';
import { sendPaced } from '../../../lib/worker/mail';
import { sharedRate } from '../../../lib/worker/rate';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';
import { aMail } from '../../support/vendors';

function start({ send = async () => ({}), table = memoryTable() }: { send?: Sendgrid['send']; table?: Table } = {}) {
  const clock = memoryClock();
  const sent: number[] = [];
  const rate = sharedRate({ table, clock, random: memoryRandom(), rate: 1 }, 'sendgrid');
  const recording: Sendgrid = {
    send: (mail, options) => {
      sent.push(clock.now());
      return send(mail, options);
    },
  };
  return {
    clock,
    sent,
    rate,
    begun: clock.now(),
    send: () => sendPaced({ sendgrid: recording, rate, clock }, mail, options),
  };
}

const mail = aMail();
const options = { timeoutMs: 10_000 };

test('a mail that is part of another job follows the shared sending rate', async () => {
  const { send, sent, begun } = start();

  for (let n = 0; n < 3; n++) await send();

  expect(sent.map((at) => at - begun)).toEqual([0, 1_000, 2_000]);
});

test('without a free slot the job has to wait outside, and nothing is sent', async () => {
  const { send, rate, sent } = start();
  for (let n = 0; n < 5; n++) await rate.reserve({ recipients: 1, use: 'message', withinMs: 60_000 });

  await expect(send()).rejects.toMatchObject({ class: 'wait', waitMs: 5_000 });
  expect(sent).toEqual([]);
});

test('when SendGrid throttles one sender, all senders wait', async () => {
  const throttled = new WaitError({ code: 'SendgridThrottled', message: 'wait', vendor: 'sendgrid', waitMs: 30_000 });
  const { send, rate } = start({ send: () => Promise.reject(throttled) });

  await expect(send()).rejects.toBe(throttled);

  expect(await rate.reserve({ recipients: 1, use: 'campaign', withinMs: 0 })).toEqual({
    kind: 'later',
    waitMs: 30_000,
  });
});

test('if the rate cannot be read, nothing is sent and the attempt counts as transient', async () => {
  const failing: Table = {
    ...memoryTable(),
    get: () => Promise.reject(new StoreError({ code: 'DynamoDB.Down', message: 'down' })),
  };
  const { send, sent } = start({ table: failing });

  await expect(send()).rejects.toMatchObject({ class: 'transient', code: 'RateUnavailable' });
  expect(sent).toEqual([]);
});
