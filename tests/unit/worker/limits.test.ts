import { StopError } from '../../../lib/errors';
import { vendorKey } from '../../../lib/jobs/keys';
import { limitVendor } from '../../../lib/ops/pause';
import { circuitBreakers, KEPT_MS } from '../../../lib/worker/circuit';
import { sharedRate } from '../../../lib/worker/rate';
import { envelope, jobId } from '../../support/engine';
import { memoryRandom } from '../../support/memory-clock';
import { sampleEngine } from '../../support/sample-contract';

const MINUTE = 60_000;
const vendor = 'zendesk';

/** `next` sends one job and runs it. `limit`: an operator, in a process of their own. */
function start(effect: () => void = () => {}) {
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
  const { engine, next, limit } = start();
  await next();
  await limit({ until: engine.clock.now() + MINUTE });
  engine.clock.advance(KEPT_MS - 1);
  const justBefore = await next();
  engine.clock.advance(1);
  const during = await next();
  engine.clock.advance(MINUTE - KEPT_MS);
  const after = await next();

  expect([justBefore.state, after.state]).toEqual(['succeeded', 'succeeded']);
  expect(during).toMatchObject({ state: 'held', reason: 'stopped', attempts: 0, vendor });
  expect(during.error).toMatchObject({ code: 'VendorPaused', message: 'zendesk is paused by an operator' });
});

test.each(['by itself', 'by an operator'])(
  'a pause holds a job once, without a trial, until it ends %s',
  async (how) => {
    const { engine, effects, next, limit, circuits } = start();
    await circuits.open(vendor, 'Unavailable');
    await limit(how === 'by itself' ? { until: engine.clock.now() + 90 * MINUTE } : {});
    await next();

    await engine.minutes(89);
    const during = engine.row(jobId(1));
    if (how === 'by an operator') await circuits.limit(vendor, { paused: undefined });
    await engine.minutes(2);

    expect(during).toMatchObject({ state: 'held', holds: 1, attempts: 0 });
    expect(effects).toEqual([jobId(1)]);
    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', attempts: 1 });
  },
);

test('the reconciler tells a pause and a rate, and says nothing of what has ended', async () => {
  const { engine, limit } = start();
  await limit({});
  await limit({ vendor: 'sendgrid', perSecond: 50 });
  await limit({ vendor: 'app-store-connect', until: engine.clock.now() + 1 });
  await engine.minutes();

  const told = engine.facts.map(({ fact, subject, code }) => [fact, subject, code]);
  expect(told).toEqual([
    ['vendor-limited', 'zendesk', 'paused'],
    ['vendor-limited', 'sendgrid', '50 a second'],
  ]);
});

test('a rate of an operator counts from the next reservation on, and ends by itself', async () => {
  const { engine, circuits, limit } = start();
  const { table, clock } = engine;
  const override = () => circuits.rate('sendgrid');
  const rate = sharedRate({ table, clock, random: memoryRandom(), rate: 100, override }, 'sendgrid');
  const reserve = () => rate.reserve({ recipients: 10, use: 'message', withinMs: MINUTE });
  const gapMs = async () => {
    const slots = [await reserve(), await reserve()].map((one) => (one.kind === 'slot' ? one.slot.at : 0));
    return (slots[1] ?? 0) - (slots[0] ?? 0);
  };
  const before = await gapMs();
  await limit({ vendor: 'sendgrid', perSecond: 5, until: clock.now() + MINUTE });
  const unread = rate.inUse();
  await circuits.enter('sendgrid', 0);

  expect([before, unread, rate.inUse(), await gapMs()]).toEqual([100, 100, 5, 2_000]);
  clock.advance(MINUTE);
  expect([rate.inUse(), await gapMs()]).toEqual([100, 100]);
});

test('neither a success nor a failure of the vendor changes what an operator has set', async () => {
  let fail = true;
  const { engine, circuits, limit, next } = start(() => {
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
