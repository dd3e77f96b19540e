import { DAY_MS, HOUR_MS, type TRAFFIC, TROUBLE, type Trouble } from './calendar';
import { type Page, pageOf } from './page';
import { BEGIN, startService } from './service';
import { createEvents, startTraffic } from './traffic';

export interface Play {
  days: number;
  /** The first day's traffic begins as at this hour. */
  fromHour?: number;
  /** Multiplies a kind of traffic. */
  share?: Partial<Record<keyof typeof TRAFFIC, number>>;
  seed?: number;
  trouble?: readonly Trouble[];
  onHour?: (hour: number) => void;
}

/** The work that is left at midnight ends in this time, and the nightly check of the last day. */
const AFTER_MS = 4 * HOUR_MS;

/** Plays so many days, and returns the page. */
export async function play({
  days,
  fromHour = 0,
  share = {},
  seed = 1,
  trouble = TROUBLE,
  onHour,
}: Play): Promise<Page> {
  const events = createEvents();
  const service = startService({ seed, trouble, onMails: events.onMails });
  events.start(service);
  const { sent, close } = startTraffic(service, { days, fromHour, share, trouble });
  const { kernel } = service;
  const end = BEGIN + days * DAY_MS;
  kernel.at(end, () => void close());
  for (let hour = 1; onHour && hour <= days * 24; hour++) kernel.at(BEGIN + hour * HOUR_MS, () => onHour(hour));
  await kernel.run(() => kernel.now() >= end + AFTER_MS);
  return pageOf(service, { sent, days, trouble });
}
