import { ItemDamagedError } from '../../engine/jobs/items';
import type { JobRow } from '../../engine/jobs/row';
import type { QueueWorks, ReconcileRun } from '../../engine/reconcile/contract';
import { HOLDS_BY_SETTING } from '../../mail/rate';
import { foldSuppressed, type SuppressionList } from '../../mail/suppression';
import type { SendingLimits } from '../../platform/config/functions';
import { campaigns, type GuardLimits } from './campaigns/campaign';
import { dropLists } from './campaigns/chunks';
import { guardCampaigns } from './campaigns/guard';
import { releaseCampaigns } from './campaigns/release';
import { mustWait } from './campaigns/wave';

declare module '../../engine/reconcile/facts' {
  interface FactKinds {
    'campaign-paused': unknown;
    'campaign-expired': unknown;
    'events-missing': unknown;
  }
}

export interface CampaignSettings {
  /** Without it, no campaign pauses because of what SendGrid reports. */
  guard?: GuardLimits | undefined;
  /** Without it, the instance has no suppression list. */
  suppression?: SuppressionList | undefined;
  limits?: SendingLimits | undefined;
}

/** What the reconciler does for campaigns. Each release is judged by what is known until then. */
export function emailsWorks(of: CampaignSettings): Partial<QueueWorks> {
  const withSettings = (run: ReconcileRun) => ({ ...run, guard: of.guard, limits: of.limits });
  return {
    isPaused,
    orderedHolds: HOLDS_BY_SETTING,
    once: { dropLists },
    often: {
      foldSuppressed: async (run, { mayGoOn }) => of.suppression && foldSuppressed(run, of.suppression, mayGoOn),
      guardCampaigns: (run, { mayGoOn }) => guardCampaigns(withSettings(run), mayGoOn),
      releaseCampaigns: (run, given) => releaseCampaigns(withSettings(run), given),
    },
  };
}

/** A chunk waits while its campaign is paused, behind a first wave, or cannot be read. */
async function isPaused(run: ReconcileRun, { id, parent = '' }: JobRow): Promise<boolean> {
  try {
    const of = await campaigns(run).read(parent);
    return of !== undefined && mustWait(of, id);
  } catch (error) {
    if (error instanceof ItemDamagedError) return true;
    throw error;
  }
}
