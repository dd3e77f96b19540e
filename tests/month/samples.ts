import { bill, billOf, type Month, playedMonth, type UsedBy } from '../../resources/cost';
import { table } from '../bench/table';
import { TRAFFIC } from './calendar';
import type { Page } from './page';
import type { play } from './play';

/** A month's bill in USD by service, of a day with so many times the traffic: as it was played, and as `npm run cost` says. */
export interface Sample {
  times: number;
  played: Record<string, number>;
  computed: Record<string, number>;
}

/** From seven to nine, a day's traffic is as its average. */
const SAMPLES = [
  { times: 10, days: 1, fromHour: 0 },
  { times: 100, days: 1 / 12, fromHour: 7 },
] as const;
const MONTH_DAYS = 30;
const UNBILLED = { alarmMetrics: 0, metrics: 0, dashboards: 0 };

export const shareOf = (times: number) => Object.fromEntries(Object.keys(TRAFFIC).map((what) => [what, times]));

/** Plays a part of a day at 10 and 100 times the traffic, each beside the same time without traffic. */
export async function sampled(playOf: typeof play): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const { times, days, fromHour } of SAMPLES) {
    const part = { days, fromHour, trouble: [] };
    const page = await playOf({ ...part, share: shareOf(times) });
    const quiet = await playOf({ ...part, share: shareOf(0) });
    const factor = MONTH_DAYS / days;
    const month = Object.fromEntries(Object.entries(page.traffic).map(([what, n]) => [what, n * factor])) as Month;
    const used = withTraffic(page, quiet, factor);
    samples.push({ times, played: billOf(used, month.events, UNBILLED), computed: bill(month, UNBILLED) });
  }
  return samples;
}

/** What a month without traffic uses, and so many times what the sample's traffic added. */
function withTraffic({ used }: Page, { used: quiet }: Page, factor: number): UsedBy {
  const { idle } = playedMonth();
  const one = (name: string) =>
    Object.fromEntries(
      Object.keys({ ...idle[name], ...used[name] }).map((what) => {
        const added = (used[name]?.[what] ?? 0) - (quiet[name]?.[what] ?? 0);
        return [what, (idle[name]?.[what] ?? 0) + factor * Math.max(0, added)];
      }),
    );
  return Object.fromEntries(Object.keys({ ...idle, ...used }).map((name) => [name, one(name)]));
}

export function samplesText(samples: readonly Sample[]): string {
  const services = Object.keys(samples[0]?.played ?? {}).filter((name) => samples.some(({ played }) => played[name]));
  const usd = (of: Record<string, number>, name: string) => (of[name] ?? 0).toFixed(2);
  const head = samples.flatMap(({ times }) => [`${times} x, played`, 'computed']);
  const rows = services.map((name) => [
    name,
    ...samples.flatMap(({ played, computed }) => [usd(played, name), usd(computed, name)]),
  ]);
  return table(['USD a month without monitoring', ...head], rows);
}
