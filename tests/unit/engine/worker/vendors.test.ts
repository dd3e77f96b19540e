import * as z from 'zod';
import { vendorKey } from '../../../../lib/engine/jobs/keys';
import { circuitBreakers, TRUSTED_MS } from '../../../../lib/engine/worker/circuit';
import { sharedRate } from '../../../../lib/mail/rate';
import { limitVendor } from '../../../../lib/operate/ops/pause';
import { AmbiguousError, type JobError, StopError, TransientError, type Vendor } from '../../../../lib/platform/errors';
import { VENDORS } from '../../../../lib/queues/queues';
import { envelope, jobId, memoryEngine } from '../../../support/engine';
import { memoryRandom } from '../../../support/memory-clock';
import { sampleEngine, sampleOf } from '../../../support/sample-contract';

const MINUTE_MS = 60_000;
const DAY = 24 * 60;
type Failing = (job: { n: number; minute: number }) => boolean;

const unavailable = (vendor: Vendor) =>
  new TransientError({ code: 'Unavailable', message: '503', vendor, status: 503 });
const internal = (vendor: Vendor) => new AmbiguousError({ code: 'Failed', message: '500', vendor, status: 500 });

interface Given {
  vendor?: Vendor;
  error?: (vendor: Vendor) => JobError;
  retention?: number;
}

/** A queue whose one step can be asked about, at a vendor that fails some calls. The test lets the minutes pass. */
function service(fails: Failing, { vendor = 'zendesk', error = unavailable, retention = 1_209_600 }: Given = {}) {
  const calls: number[] = [];
  let minute = 0;
  const contract = sampleOf({
    schema: z.strictObject({ n: z.number() }),
    process: ({ data: { n } }, context) =>
      context.steps.step('effect', {
        resolve: () => context.vendor(vendor, async () => undefined, { minor: true }),
        run: () =>
          context.vendor(vendor, async () => {
            calls.push(minute);
            if (fails({ n, minute })) throw error(vendor);
            return 'done';
          }),
      }),
  });
  const engine = memoryEngine(() => contract, { settings: { retention } });
  return {
    engine,
    calls,
    send: (n: number) => engine.send(envelope(n, { data: { n } }), { group: `g${n}` }),
    stoppedAt: () => engine.table.item(vendorKey(vendor))?.stoppedAt,
    states: () => engine.rows().map(({ state, reason }) => (reason ? `${state} ${reason}` : state)),
    /** Lets minutes pass, a long time in larger steps. `each` comes first in every step. */
    async pass(minutes: number, each: (minute: number) => void = () => {}) {
      const step = minutes > 200 ? 15 : 1;
      for (const end = minute + minutes; minute < end; minute += step) {
        each(minute);
        await engine.reconcile();
        await engine.work();
        engine.clock.advance(step * MINUTE_MS);
      }
    },
  };
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test.each(VENDORS)('a lone job outlasts a reported outage of %s of three days, and trials back off', async (vendor) => {
  const { pass, send, states, calls, stoppedAt } = service(({ minute }) => minute < 3 * DAY, { vendor });
  send(1);
  await pass(120);
  await pass(3 * DAY - 120);
  const during = states();
  const reported = stoppedAt();
  await pass(16);

  expect(during).toEqual(['held stopped']);
  expect(reported).toBeDefined();
  expect(states()).toEqual(['succeeded']);
  const waits = [...new Set(calls)].map((minute, index, minutes) => minute - (minutes[index - 1] ?? 0));
  expect(waits.slice(3, 9)).toEqual([1, 2, 4, 5, 5, 5]);
  // A trial call each five minutes, and the calls of the first attempts.
  expect(calls.length).toBeLessThan((3 * DAY) / 5 + 20);
});

test.each([
  ['without an effect', unavailable],
  ['perhaps with an effect', internal],
])('a lone job that makes the vendor fail (%s) is held, reported, and ends with the retention', async (_how, error) => {
  const { pass, send, states, engine, stoppedAt, calls } = service(() => true, { error, retention: 86_400 });
  send(1);
  await pass(DAY - 90);
  const before = { states: states(), stoppedAt: stoppedAt() };
  await pass(120);

  expect(before).toMatchObject({ states: ['held stopped'], stoppedAt: expect.any(Number) });
  expect(states()).toEqual(['dead error']);
  expect(engine.row(jobId(1)).error).toMatchObject({ code: 'VendorDown', vendor: 'zendesk' });
  expect((engine.row(jobId(1)).endedAt ?? 0) - engine.row(jobId(1)).time).toBeLessThanOrEqual(86_400_000);
  expect(calls.length).toBeLessThan(DAY / 5 + 20);
});

test.each([1, 10])('%d jobs that make the vendor fail die after three attempts while others succeed', async (size) => {
  const { pass, send, engine, stoppedAt } = service(({ n }) => n <= size);
  for (const n of numbers(size)) send(n);
  await pass(45, (minute) => send(size + 1 + minute));

  const guilty = numbers(size).map((n) => engine.row(jobId(n)));
  expect(guilty.map(({ state, attempts }) => [state, attempts])).toEqual(guilty.map(() => ['dead', 3]));
  expect(guilty[0]?.error?.code).toBe('Unavailable');
  expect(stoppedAt()).toBeUndefined();
});

const vendor = 'zendesk';

/** `next` sends one job and runs it. `limit`: an operator, in a process of their own. */
function limited(effect: () => void = () => {}) {
  const { engine, effects } = sampleEngine(effect);
  const circuits = circuitBreakers({ table: engine.table, clock: engine.clock, random: memoryRandom() });
  const by = 'arn:aws:iam::123456789012:user/jane';
  let n = 0;
  return {
    engine,
    effects,
    circuits,
    limit: (limit: Partial<Parameters<typeof limitVendor>[1]>) =>
      limitVendor({ circuits, clock: engine.clock, by }, { vendor, reason: 'they move', until: undefined, ...limit }),
    next: async () => {
      const id = jobId(++n);
      await engine.sendAndDeliver(envelope(n), { group: id });
      return engine.row(id);
    },
  };
}

test('a worker that has just called a vendor obeys its pause two seconds later, and its end at once', async () => {
  const { engine, next, limit } = limited();
  await next();
  await limit({ until: engine.clock.now() + MINUTE_MS });
  engine.clock.advance(TRUSTED_MS - 1);
  const justBefore = await next();
  engine.clock.advance(1);
  const during = await next();
  engine.clock.advance(MINUTE_MS - TRUSTED_MS);
  const after = await next();

  expect([justBefore.state, after.state]).toEqual(['succeeded', 'succeeded']);
  expect(during).toMatchObject({ state: 'held', reason: 'stopped', attempts: 0, vendor });
  expect(during.error).toMatchObject({ code: 'VendorPaused', message: 'zendesk is paused by an operator' });
});

test.each(['by itself', 'by an operator'])('a pause holds a job once, without trial, until it ends %s', async (how) => {
  const { engine, effects, next, limit, circuits } = limited();
  await circuits.open(vendor, 'Unavailable');
  await limit(how === 'by itself' ? { until: engine.clock.now() + 90 * MINUTE_MS } : {});
  await next();

  await engine.minutes(89);
  const during = engine.row(jobId(1));
  if (how === 'by an operator') await circuits.limit(vendor, { paused: undefined });
  await engine.minutes(2);

  expect(during).toMatchObject({ state: 'held', holds: 1, attempts: 0 });
  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', attempts: 1 });
});

test('the reconciler tells a pause and a rate, and says nothing of what has ended', async () => {
  const { engine, limit } = limited();
  await limit({});
  await limit({ vendor: 'sendgrid', perSecond: 50 });
  await limit({ vendor: 'app-store-connect', until: engine.clock.now() + 1 });
  await engine.minutes();

  const told = engine.facts.map(({ fact, subject, code }) => `${fact} ${subject}: ${code}`);
  expect(told).toEqual(['vendor-limited zendesk: paused', 'vendor-limited sendgrid: 50 a second']);
});

test('a rate of an operator counts from the next reservation on, and ends by itself', async () => {
  const { engine, circuits, limit } = limited();
  const { table, clock } = engine;
  const override = () => circuits.rate('sendgrid');
  const rate = sharedRate({ table, clock, random: memoryRandom(), rate: 100, override }, 'sendgrid');
  const reserve = () => rate.reserve({ recipients: 10, use: 'message', withinMs: MINUTE_MS });
  const gapMs = async () => {
    const slots = [await reserve(), await reserve()].map((one) => (one.kind === 'slot' ? one.slot.at : 0));
    return (slots[1] ?? 0) - (slots[0] ?? 0);
  };
  const before = await gapMs();
  await limit({ vendor: 'sendgrid', perSecond: 5, until: clock.now() + MINUTE_MS });
  const unread = rate.inUse();
  await circuits.enter('sendgrid', 0);

  expect([before, unread, rate.inUse(), await gapMs()]).toEqual([100, 100, 5, 2_000]);
  clock.advance(MINUTE_MS);
  expect([rate.inUse(), await gapMs()]).toEqual([100, 100]);
});

test('neither a success nor a failure of the vendor changes what an operator has set', async () => {
  let fail = true;
  const { engine, circuits, limit, next } = limited(() => {
    if (fail) throw new StopError({ code: 'Unauthorized', message: '401', vendor });
  });
  await limit({ perSecond: 5 });
  await next();
  const open = engine.table.item(vendorKey(vendor));
  await limit({});
  fail = false;
  await circuits.close(vendor, 'another');

  const set = { rate: { perSecond: 5, by: 'user/jane' }, paused: { reason: 'they move' } };
  expect(open).toMatchObject({ stoppedAt: expect.any(Number), rate: set.rate });
  expect(engine.table.item(vendorKey(vendor))).toMatchObject(set);
  expect(engine.table.item(vendorKey(vendor))).not.toHaveProperty('stoppedAt');
});
