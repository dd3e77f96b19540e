import { WaitError } from '../../../lib/errors';
import type { Sendgrid } from '../../../lib/vendors/sendgrid';
import type { RunContext } from '../../../lib/worker/contract';
import { sendPaced } from '../../../lib/worker/mail';
import { sharedRate } from '../../../lib/worker/rate';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';
import { aMail } from '../../support/vendors';

/** A job of ten seconds, at a rate of one mail a second. */
function start(answer: Sendgrid['send'] = async () => ({})) {
  const clock = memoryClock();
  const begun = clock.now();
  const sent: number[] = [];
  const rate = sharedRate({ table: memoryTable(), clock, random: memoryRandom(), rate: 1 }, 'sendgrid');
  const sendgrid: Sendgrid = {
    send: (...request) => {
      sent.push(clock.now() - begun);
      return answer(...request);
    },
  };
  const context = {
    steps: { step: (_name: string, { run }: { run: () => Promise<unknown> }) => run() },
    vendor: (_vendor: string, call: () => Promise<unknown>) => call(),
    callTimeoutMs: () => 10_000,
  } as unknown as RunContext;
  const send = () => sendPaced({ sendgrid, rate, clock }, context, { step: 'send', use: 'message', mail: aMail() });
  return { sent, rate, send };
}

test('a mail that is part of another job follows the shared sending rate', async () => {
  const { send, sent } = start();

  for (let n = 0; n < 3; n++) await send();

  expect(sent).toEqual([0, 1_000, 2_000]);
});

test('without a slot in two thirds of its time, the job has to wait outside, and nothing is sent', async () => {
  const { send, rate, sent } = start();
  for (let n = 0; n < 7; n++) await rate.reserve({ recipients: 1, use: 'message', withinMs: 60_000 });

  await expect(send()).rejects.toMatchObject({ class: 'wait', waitMs: 7_000 });
  expect(sent).toEqual([]);
});

test('when SendGrid throttles one sender, all senders wait', async () => {
  const throttled = new WaitError({ code: 'SendgridThrottled', message: 'wait', vendor: 'sendgrid', waitMs: 30_000 });
  const { send, rate } = start(() => Promise.reject(throttled));

  await expect(send()).rejects.toBe(throttled);

  const answer = await rate.reserve({ recipients: 1, use: 'campaign', withinMs: 0 });
  expect(answer).toEqual({ kind: 'later', waitMs: 30_000 });
});
