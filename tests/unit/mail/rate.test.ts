import fc from 'fast-check';
import type { RunContext } from '../../../lib/engine/worker/contract';
import { sendPaced } from '../../../lib/mail/mail';
import { LEAD_MS, type RateUse, sendingTimes, sharedRate } from '../../../lib/mail/rate';
import type { Sendgrid } from '../../../lib/mail/sendgrid';
import type { SendingLimits } from '../../../lib/platform/config/functions';
import { AmbiguousError, PermanentError, WaitError } from '../../../lib/platform/errors';
import { damagedItem } from '../../support/damage';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';
import { busiest, rateRun } from '../../support/rate-run';
import { aMail } from '../../support/vendors';

function start(rate = 100, limits?: SendingLimits) {
  const clock = memoryClock();
  const table = memoryTable();
  const random = memoryRandom();
  const make = (limit: number) => sharedRate({ table, clock, random, rate: limit, limits }, 'sendgrid');
  const shared = make(rate);
  const mailsFor = async (seconds: number, aSecond: number) => {
    for (let n = 0; n < seconds * aSecond; n++) {
      clock.advance(1_000 / aSecond);
      await shared.reserve({ recipients: 1, use: 'message', withinMs: 1_000 });
    }
  };
  return { clock, table, make, shared, begun: clock.now(), mailsFor };
}

const slotOf = (answer: Awaited<ReturnType<ReturnType<typeof sharedRate>['reserve']>>) => {
  if (answer.kind !== 'slot') throw new Error(`no slot before ${answer.waitMs} ms`);
  return answer.slot;
};

test('chunks of any size and single mails, each as late as it may be: in any window at most the limit and one request', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(5, 50, 500),
      fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 5, maxLength: 30 }),
      fc.array(fc.integer({ min: 0, max: 120_000 }), { maxLength: 60 }),
      fc.constantFrom(1, 2, 8),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 }),
      async (rate, sizes, messagesAt, workers, late) => {
        const most = Math.min(1000, rate * 10);
        const chunk = (n: number) => Math.min(most, sizes[n] ?? 1);
        let n = 0;
        const lateMs = (until: number, at: number) => (late[n++ % late.length] ?? 0) * (until - at);
        const { sent, missed } = await rateRun({ rate, workers, chunk, chunks: sizes.length, messagesAt, lateMs });

        for (const seconds of [10, 15, 40])
          expect(busiest(sent, seconds * 1000)).toBeLessThanOrEqual(rate * seconds + most + 1);
        expect([sent.length, missed]).toEqual([sizes.length + messagesAt.length, 0]);
      },
    ),
    { numRuns: 60 },
  );
});

test.each<[string, RateUse, number, [count: number, recipients: number, use: RateUse][], number]>([
  ['an idle rate gives a chunk time for the writes before its call', 'campaign', 100, [], LEAD_MS],
  ['a chunk waits for the end of a mail that has taken the whole rate', 'campaign', 1, [[1, 1, 'message']], 1_000],
  ['a single mail passes by a campaign at once', 'message', 100, [[5, 1000, 'campaign']], 0],
  ['single mails have the whole limit where no campaign runs', 'message', 10, [[10, 1, 'message']], 1_000],
])('%s', async (_rule, use, rate, before, waitMs) => {
  const { shared, begun } = start(rate);
  for (const [count, recipients, other] of before)
    for (let n = 0; n < count; n++) await shared.reserve({ recipients, use: other, withinMs: 90_000 });

  const slot = slotOf(await shared.reserve({ recipients: 1, use, withinMs: 5_000 }));

  expect(slot.at - begun).toBe(waitMs);
});

test.each([
  { mails: 0, left: 0.03 },
  { mails: 2, left: 0.03 },
  { mails: 4, left: 0.065 },
  { mails: 8, left: 0.065 },
])('beside $mails single mails a second, of a limit of 100, campaigns leave $left of it', async ({ mails, left }) => {
  const { shared, mailsFor } = start(100);
  await mailsFor(30, mails);

  const first = slotOf(await shared.reserve({ recipients: 100, use: 'campaign', withinMs: 1_000 }));
  const second = slotOf(await shared.reserve({ recipients: 100, use: 'campaign', withinMs: 60_000 }));

  expect(second.at - first.at).toBeCloseTo(1_000 / (1 - left));
});

test('single mails take what campaigns have left', async () => {
  const { shared, mailsFor } = start(100);
  await mailsFor(30, 4);
  await shared.reserve({ recipients: 2_000, use: 'campaign', withinMs: 1_000 });

  const mail = () => shared.reserve({ recipients: 1, use: 'message', withinMs: 10_000 });
  const [first, second] = [slotOf(await mail()), slotOf(await mail())];

  expect(second.at - first.at).toBeCloseTo(1_000 / 6.5);
});

test('what does not fit into the time is not reserved', async () => {
  const { shared } = start();
  await shared.reserve({ recipients: 1000, use: 'campaign', withinMs: LEAD_MS });

  const refused = await shared.reserve({ recipients: 1000, use: 'campaign', withinMs: 5_000 });
  const again = await shared.reserve({ recipients: 1000, use: 'campaign', withinMs: 60_000 });

  expect(refused).toEqual({ kind: 'later', waitMs: expect.closeTo(LEAD_MS + 10_309, -1) });
  expect(slotOf(again).at - start().begun).toBeCloseTo(LEAD_MS + 10_309, -1);
});

test("all senders wait for the vendor's reset, for at most an hour", async () => {
  const { shared, make, clock, begun } = start();

  await shared.block(30_000);
  await shared.block(5_000);

  for (const use of ['campaign', 'message'] as const) {
    const answer = await make(100).reserve({ recipients: 1, use, withinMs: 1_000 });
    expect(answer).toEqual({ kind: 'later', waitMs: 30_000 });
  }
  clock.advance(30_000);
  expect(slotOf(await shared.reserve({ recipients: 1, use: 'message', withinMs: 0 })).at).toBe(begun + 30_000);
  await shared.block(2 * 3_600_000);
  const answer = await shared.reserve({ recipients: 1, use: 'message', withinMs: 1_000 });
  expect(answer).toEqual({ kind: 'later', waitMs: 3_600_000 });
});

test('a cursor from a wrong clock is not waited for', async () => {
  const { shared, make, table, begun } = start();
  await shared.reserve({ recipients: 1, use: 'campaign', withinMs: LEAD_MS });
  const far = begun + 365 * 86_400_000;
  const cursors = { campaigns: far, messages: far, whole: far, alone: far, messageAt: far, blockedUntil: far };
  await damagedItem(table, 'rate#sendgrid', (item) => ({ ...item, ...cursors }));

  for (const use of ['campaign', 'message'] as const)
    expect((await make(100).reserve({ recipients: 1, use, withinMs: 1_000 })).kind).toBe('slot');
});

test.each([
  ['08:00–20:00', '2026-06-01T05:59:59Z', '2026-06-01T06:00:00Z'],
  ['08:00–20:00', '2026-06-01T17:59:59Z', '2026-06-01T17:59:59Z'],
  ['08:00–20:00', '2026-06-01T18:00:00Z', '2026-06-02T06:00:00Z'],
  // The clocks go forward an hour, and back.
  ['08:00–20:00', '2026-03-28T19:00:00Z', '2026-03-29T06:00:00Z'],
  ['08:00–20:00', '2026-10-24T18:00:00Z', '2026-10-25T07:00:00Z'],
  // 02:30 does not exist on that day.
  ['02:30–05:00', '2026-03-29T00:59:00Z', '2026-03-29T01:00:00Z'],
  ['22:00-06:00', '2026-06-01T12:00:00Z', '2026-06-01T20:00:00Z'],
  ['22:00-06:00', '2026-06-01T23:00:00Z', '2026-06-01T23:00:00Z'],
])('between %s in Berlin, what could go at %s goes at %s', (between, at, opens) => {
  const { opensAt } = sendingTimes({ zone: 'Europe/Berlin', between });
  expect(opensAt(Date.parse(at))).toBe(Date.parse(opens));
});

test('the day of the cap is that of the zone, also if it has 23 or 25 hours', () => {
  const { dayOf, nextDay } = sendingTimes({ zone: 'Europe/Berlin' });
  const days = ['2026-03-28T23:00:00Z', '2026-10-24T22:00:00Z'].map((time) => Date.parse(time));
  expect(days.map(dayOf)).toEqual(['2026-03-29', '2026-10-25']);
  expect(days.map((day) => (nextDay(day) - day) / 3_600_000)).toEqual([23, 25]);
});

const LIMITS = { zone: 'UTC', dailyCap: 100 };

const DAY_MS = 86_400_000;
test.each([
  ['a zone that was corrected', 'Pacific/Auckland', 0],
  ['a worker whose clock is three days ahead', 'America/Los_Angeles', 3 * DAY_MS],
])('%s holds campaigns for at most the rest of the true day', async (_what, zone, aheadMs) => {
  const { clock, table, begun } = start();
  const deps = { table, clock, random: memoryRandom(), rate: 100 };
  const wrongClock = { ...clock, now: () => clock.now() + aheadMs };
  const wrong = sharedRate({ ...deps, clock: wrongClock, limits: { zone, dailyCap: 100 } }, 'sendgrid');
  const limits = { zone: 'America/Los_Angeles', dailyCap: 100 };
  const right = sharedRate({ ...deps, limits }, 'sendgrid');
  const chunk = { recipients: 100, use: 'campaign', withinMs: 10_000 } as const;
  slotOf(await wrong.reserve(chunk));

  const today = await right.reserve(chunk);
  clock.advance(sendingTimes(limits).nextDay(begun) - begun);
  const tomorrow = await right.reserve(chunk);

  const waitMs = sendingTimes(limits).nextDay(begun) - begun;
  expect(today).toEqual({ kind: 'later', waitMs, code: 'DailyCapReached' });
  expect(tomorrow.kind).toBe('slot');
});

/** A job of ten seconds, at a rate of one mail a second. */
function pacing(answer: Sendgrid['send'] = async () => ({}), limits?: SendingLimits) {
  const { clock, begun, table, shared: rate } = start(1, limits);
  const sent: number[] = [];
  const sendgrid: Sendgrid = {
    probe: async () => {},
    send: (...request) => {
      sent.push(clock.now() - begun);
      return answer(...request);
    },
  };
  const context = {
    steps: { peek: () => undefined, step: (_name: string, { run }: { run: () => Promise<unknown> }) => run() },
    now: clock.now,
    vendor: (_vendor: string, call: () => Promise<unknown>) => call(),
    callTimeoutMs: () => 10_000,
    remainingMs: () => 17_000,
  } as unknown as RunContext;
  const deps = { sendgrid, rate, clock };
  const mail = { step: 'send', mail: aMail() };
  return { sent, rate, clock, table, send: () => sendPaced(deps, context, { ...mail, use: 'message' }) };
}

test('a mail that is part of another job follows the shared sending rate', async () => {
  const { send, sent } = pacing();

  for (let n = 0; n < 3; n++) await send();

  expect(sent).toEqual([0, 1_000, 2_000]);
});

test('without a slot in most of the time beside its call, the job has to wait outside, and nothing is sent', async () => {
  const { send, rate, sent } = pacing();
  for (let n = 0; n < 7; n++) await rate.reserve({ recipients: 1, use: 'message', withinMs: 60_000 });

  await expect(send()).rejects.toMatchObject({ class: 'wait', waitMs: 7_000 });
  expect(sent).toEqual([]);
});

test('when SendGrid throttles one sender, all senders wait', async () => {
  const throttled = new WaitError({ code: 'SendgridThrottled', message: 'wait', vendor: 'sendgrid', waitMs: 30_000 });
  const { send, rate } = pacing(() => Promise.reject(throttled));

  await expect(send()).rejects.toBe(throttled);

  const answer = await rate.reserve({ recipients: 1, use: 'campaign', withinMs: 0 });
  expect(answer).toEqual({ kind: 'later', waitMs: 30_000 });
});

const ANSWERS = {
  throttled: new WaitError({ code: 'SendgridThrottled', message: 'wait', vendor: 'sendgrid', waitMs: 0 }),
  refused: new PermanentError({ code: 'SendgridRejected', message: 'no', vendor: 'sendgrid', status: 400 }),
  unanswered: new AmbiguousError({ code: 'SendgridTimeout', message: 'no answer', vendor: 'sendgrid' }),
  broken: new Error('of an unknown kind'),
};

test.each<[keyof typeof ANSWERS, number]>([
  ['throttled', 1],
  ['refused', 1],
  ['unanswered', 2],
  ['broken', 2],
])('of a mail that went out and one that was %s, %i count for the daily cap', async (answer, count) => {
  const answers = [async () => ({}), () => Promise.reject(ANSWERS[answer])];
  const { send, table } = pacing(() => (answers.shift() ?? answers[0])?.() ?? Promise.resolve({}), LIMITS);

  await send();
  await send().catch(() => {});

  expect(await table.get('rate#sendgrid')).toMatchObject({ sent: count });
});

test("what was not sent is not taken from the next day's count", async () => {
  const { rate, clock, table } = pacing(undefined, LIMITS);
  const reserve = () => rate.reserve({ recipients: 1, use: 'message', withinMs: 0 });
  const slot = slotOf(await reserve());
  clock.advance(86_400_000);
  await reserve();

  await rate.uncount(slot, 1);

  expect(await table.get('rate#sendgrid')).toMatchObject({ sent: 1 });
});
