import { traceOf } from '../../jobs/trace';
import { type Campaign, campaigns } from './campaign';
import type { CampaignReleaseDeps } from './deps';
import { rowsOf } from './look';

/** Rows to read before the next check of the time. */
const AT_A_TIME = 500;

/**
 * Counts accepted chunks without any event: the vendor lost the events, or they do not reach our webhook. A campaign of
 * many chunks may need several runs.
 */
export async function missEvents(deps: CampaignReleaseDeps, campaign: Campaign, mayGoOn: () => boolean): Promise<void> {
  const { id, released } = campaign;
  let { checked, silent } = campaign.eventsSought ?? { checked: 0, silent: 0 };
  while (checked < released && mayGoOn()) {
    const numbers = Array.from({ length: Math.min(AT_A_TIME, released - checked) }, (_, n) => checked + n);
    const rows = [...(await rowsOf(deps, campaign, numbers)).values()];
    silent += rows.filter((row) => row?.state === 'succeeded' && row.evidence?.send === undefined).length;
    checked += numbers.length;
  }
  const done = checked === released;
  if (done && silent > 0) {
    await deps.tell({ kind: 'events-missing', subject: id, count: silent });
    deps.log.warn('accepted chunks without events', { campaign: id, ...traceOf(campaign), count: silent });
  }
  const found = { eventsSought: { checked, silent }, ...(done ? { eventsChecked: true } : {}) };
  await campaigns(deps).change(id, (stored) => ({ ...stored, ...found }), campaign);
}
