import * as z from 'zod';
import { AmbiguousError, type JobError, TransientError, VENDORS, type Vendor } from '../../../lib/errors';
import { vendorKey } from '../../../lib/jobs/keys';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { sampleOf } from '../../support/sample-contract';

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

test.each(VENDORS)(
  'a lone job outlasts an outage of three days of %s, which is reported, and trial calls back off',
  async (vendor) => {
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
    expect(waits.slice(3, 9)).toEqual([1, 2, 4, 8, 15, 15]);
    // A trial call each quarter of an hour, and the calls of the first attempts.
    expect(calls.length).toBeLessThan((3 * DAY) / 15 + 20);
  },
);

test.each([
  ['without an effect', unavailable],
  ['perhaps with an effect', internal],
])(
  'a lone job whose own data makes the vendor fail (%s) is held and reported, and ends with the retention',
  async (_how, error) => {
    const { pass, send, states, engine, stoppedAt, calls } = service(() => true, { error, retention: 86_400 });
    send(1);
    await pass(DAY - 90);
    const before = { states: states(), stoppedAt: stoppedAt() };
    await pass(120);

    expect(before).toMatchObject({ states: ['held stopped'], stoppedAt: expect.any(Number) });
    expect(states()).toEqual(['dead error']);
    expect(engine.row(jobId(1)).error).toMatchObject({ code: 'VendorDown', vendor: 'zendesk' });
    expect((engine.row(jobId(1)).endedAt ?? 0) - engine.row(jobId(1)).time).toBeLessThanOrEqual(86_400_000);
    expect(calls.length).toBeLessThan(DAY / 15 + 20);
  },
);

test.each([1, 10])(
  '%d jobs that make the vendor fail are parked after three attempts while others succeed',
  async (size) => {
    const { pass, send, engine, stoppedAt } = service(({ n }) => n <= size);
    for (const n of numbers(size)) send(n);
    await pass(45, (minute) => send(size + 1 + minute));

    const guilty = numbers(size).map((n) => engine.row(jobId(n)));
    expect(guilty.map(({ state, attempts }) => [state, attempts])).toEqual(guilty.map(() => ['dead', 3]));
    expect(guilty[0]?.error?.code).toBe('Unavailable');
    expect(stoppedAt()).toBeUndefined();
  },
);
