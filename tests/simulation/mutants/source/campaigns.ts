import type { SourceMutant } from '../source-mutant';

const RELEASE = 'lib/emails/campaigns/release.ts';

/** Faults that let one campaign take more than its share of the rate. */
export const CAMPAIGN_MUTANTS: Record<string, SourceMutant> = {
  oldestCampaignFirst: {
    changes: [
      { file: RELEASE, find: 'nextStartTag(a, time) - nextStartTag(b, time)', replace: 'a.startsAt - b.startsAt' },
    ],
    breaks: /^fairness: the newest campaign waits for more than 30 s/,
    by: { scale: 'campaigns-slow' },
  },
  newCampaignCatchesUp: {
    changes: [
      { file: RELEASE, find: 'startTag === undefined ? time', replace: 'startTag === undefined ? 0' },
      { file: RELEASE, find: 'Math.max(time, startTag + chunkSize)', replace: 'startTag + chunkSize' },
    ],
    breaks: /^fairness: the large campaign sent \d+ recipients, the others/,
    by: { scale: 'campaigns-fast' },
  },
  chunksOfTenSeconds: {
    changes: [{ file: 'lib/emails/campaigns/campaign.ts', find: 'CHUNK_SECONDS = 0.5', replace: 'CHUNK_SECONDS = 10' }],
    breaks: /^fairness: the newest campaign waits for more than 30 s/,
    by: { scale: 'campaigns-slow' },
  },
  moreIsAlwaysLeft: {
    changes: [{ file: 'lib/worker/rate.ts', find: 'loadOf(item, now) > MANY', replace: 'true' }],
    breaks: /^fairness: \d+\.\d % of the rate was used/,
    by: { scale: 'mails-fast' },
  },
  releasedFarAhead: {
    changes: [{ file: RELEASE, find: 'AHEAD_MS = 3_000', replace: 'AHEAD_MS = 20_000' }],
    breaks: /^fairness: the newest campaign waits for more than 30 s/,
    by: { scale: 'campaigns-slow' },
  },
  largeChunkIsPassedOver: {
    changes: [
      {
        file: RELEASE,
        find: '      contenders.delete(next);\n',
        replace:
          '      contenders.delete(next);\n' +
          '      if ((chunkRecipients(next.campaign, next.campaign.released) / rate) * 1000 > forMs) continue;\n',
      },
    ],
    breaks: /^fairness: /,
    by: { scale: 'campaigns-old' },
  },
  firstThatMayNotReleaseEndsTheRelease: {
    changes: [
      { file: RELEASE, find: 'new Set(running.filter(mayRelease))', replace: 'new Set(running)' },
      { file: RELEASE, find: 'if (!next) return;', replace: 'if (!next || !mayRelease(next)) return;' },
      { file: RELEASE, find: 'if (next && mayRelease(next))', replace: 'if (next)' },
    ],
    breaks: /^fairness: /,
    by: { scale: 'campaigns-failing' },
  },
  retriesTakeTheOthersPlace: {
    changes: [
      {
        file: 'lib/emails/campaigns/chunks.ts',
        find: '  return !(isRetry && (row?.retryAt ?? 0) > now);\n',
        replace: '  return isRetry || now > 0;\n',
      },
    ],
    breaks: /^fairness: /,
    by: { scale: 'campaigns-failing' },
  },
};
