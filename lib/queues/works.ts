import type { QueueWorks } from '../engine/reconcile/contract';
import { analyticsWorks } from './analytics/reconcile';
import { type CampaignSettings, emailsWorks } from './emails/reconcile';
import { QUEUES } from './queues';

/** Of the queues that have the reconciler do more than what each queue needs. */
const OWN: Record<string, (of: CampaignSettings) => Partial<QueueWorks>> = {
  emails: emailsWorks,
  analytics: analyticsWorks,
};

/** What the reconciler does for each queue. The settings are read at each work. */
export const queueWorks = (of: CampaignSettings): Record<string, QueueWorks> =>
  Object.fromEntries(
    Object.entries(QUEUES).map(([queue, { vendors, mailStep: provenStep, owedVendor }]) => [
      queue,
      { vendors, ...(provenStep && { provenStep }), ...(owedVendor && { owedVendor }), ...OWN[queue]?.(of) },
    ]),
  );
