import { type Campaign, type CampaignDeps, campaigns } from './campaigns/campaign';
import { type CampaignReport, campaignReport, type ReportDeps } from './report';

/** What a caller can do with a campaign that was accepted and started. Returns `undefined` for an unknown id. */
export interface CampaignControl {
  /** Sends nothing more to the vendor. Mails that the vendor has stay there. Waiting chunks keep waiting. */
  pause(id: string): Promise<Campaign | undefined>;
  /** Continues where the campaign stopped, even if it paused itself. */
  resume(id: string): Promise<Campaign | undefined>;
  /** Stops all sending permanently. */
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
