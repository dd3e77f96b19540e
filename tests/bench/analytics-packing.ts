import { createPacker, packingLimits } from '../../packages/producer/tracker';
import { eventsPerMessage } from '../../resources/cost';
import { createChance } from '../simulation/world/chance';
import { controlledClock } from '../support/controlled-clock';
import { memoryRandom } from '../support/memory-clock';
import { appEvent, START } from './analytics-events';
import { quantile, type Size, sumOf, tableOf } from './table';

const PROCESSES = 2;
const MONTH_SECONDS = 30 * 24 * 60 * 60;
/** Events that are tracked for each volume. */
const SIZES = { full: 60_000, small: 6_000 };
export const VOLUMES = [3e6, 30e6, 300e6];

/** What the packers of two processes make of events that arrive one at a time, at random moments (Poisson). */
export async function packed(month: number, events: number) {
  const chance = createChance(11);
  const clock = controlledClock(START);
  const waits: number[] = [];
  const sizes: number[] = [];
  const sleep = (ms: number) => new Promise<void>((resolve) => void clock.setTimeout(resolve, ms));
  const packers = Array.from({ length: PROCESSES }, (_, process) =>
    createPacker(
      { source: '/my/api', clock: { now: clock.now, sleep }, random: memoryRandom(process + 1) },
      packingLimits.parse({}),
      ({ body }) => {
        const { data } = JSON.parse(body) as { data: { events: { time: string }[] } };
        sizes.push(data.events.length);
        for (const { time } of data.events) waits.push(clock.now() - Date.parse(time));
      },
    ),
  );
  const meanMs = (MONTH_SECONDS * 1_000) / month;
  let at = START;
  for (let n = 0; n < events; n++) {
    at += Math.round(-Math.log(1 - chance.fraction()) * meanMs);
    for (let next = clock.nextAt(); next !== undefined && next <= at; next = clock.nextAt()) {
      clock.advance(next - clock.now());
      // The timer of a message that is old resolves a promise.
      await Promise.resolve();
    }
    clock.advance(at - clock.now());
    const event = { ...appEvent(n, chance.fraction), time: new Date(clock.now()).toISOString() };
    packers[Math.floor(chance.fraction() * PROCESSES)]?.add(event, JSON.stringify(event));
  }
  for (const { sealAll } of packers) sealAll();
  return { month, perMessage: sumOf(sizes) / sizes.length, p50: quantile(waits, 0.5), p95: quantile(waits, 0.95) };
}

/** How well events that come one at a time are packed, and how long they wait for it. */
export async function analyticsPacking(size: Size): Promise<string> {
  const rows = [];
  for (const month of VOLUMES) rows.push(await packed(month, SIZES[size]));
  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  return [
    'Events that arrive one at a time at two processes, at random moments, packed by the default limits.',
    tableOf(
      rows,
      ['events a month', ({ month }) => `${month / 1e6} M`],
      ['events a message', ({ perMessage }) => perMessage.toFixed(1)],
      ['as the bill assumes', ({ month }) => eventsPerMessage(month).toFixed(1)],
      ['objects a month', ({ month, perMessage }) => `${(month / perMessage / 1e6).toFixed(2)} M`],
      ['p50 wait s', ({ p50 }) => seconds(p50)],
      ['p95 wait s', ({ p95 }) => seconds(p95)],
    ),
  ].join('\n');
}
