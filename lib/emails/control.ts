import { type Campaign, type CampaignDeps, campaigns } from './campaigns/campaign';
import { type CampaignReport, campaignReport, type ReportDeps } from './report';

/** What can be asked of a campaign once it was accepted and started. `undefined`: there is none of this id. */
export interface CampaignControl {
  /** Nothing more goes to the vendor; what is with it already stays. Chunks that wait for their turn wait on. */
  pause(id: string): Promise<Campaign | undefined>;
  /** Goes on where it was, also after it paused itself. */
  resume(id: string): Promise<Campaign | undefined>;
  /** Nothing more is sent, for good. */
  cancel(id: string): Promise<Campaign | undefined>;
  report(id: string): Promise<CampaignReport | undefined>;
}

export function campaignControl(deps: CampaignDeps & ReportDeps): CampaignControl {
  const store = campaigns(deps);
  return {
    pause: async (id) => (await store.pause(id)).item,
    resume: async (id) => (await store.resume(id)).item,
    cancel: async (id) => (await store.cancel(id)).item,
    report: async (id) => {
      const campaign = await store.read(id);
      return campaign && campaignReport(deps, campaign);
    },
  };
}
