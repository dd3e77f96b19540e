import { v5 } from 'uuid';
import type { Envelope } from '../../jobs/envelope';
import type { Campaign, CampaignPlan } from './campaign';

export const CAMPAIGN_CHUNK = 'email.campaign-chunk.v1';

/** Must never change: another namespace would send every chunk that is under way a second time. */
const NAMESPACE = '5d2b1a0c-8f0e-4f5e-9d6c-3c1f7a9be240';

const MOST_RECIPIENTS = 1000;
/** A chunk occupies the senders for this long, and every other campaign waits meanwhile. */
const CHUNK_SECONDS = 0.5;

export const chunkSizeOf = (emailRate: number): number =>
  Math.min(MOST_RECIPIENTS, Math.max(1, Math.floor(emailRate * CHUNK_SECONDS)));

/** Depends only on campaign and number, so a chunk is one job however often it is released. */
export const chunkId = (campaign: string, number: number): string => v5(`${campaign}/${number}`, NAMESPACE);

export const chunkRecipients = (
  { chunks, chunkSize, recipients }: Pick<CampaignPlan, 'chunks' | 'chunkSize' | 'recipients'>,
  number: number,
): number => (number < chunks - 1 ? chunkSize : Math.max(0, recipients - (chunks - 1) * chunkSize));

export function* releasedPages({ released }: Pick<Campaign, 'released'>, size: number, from = 0): Generator<number[]> {
  for (let first = from; first < released; first += size)
    yield Array.from({ length: Math.min(size, released - first) }, (_, n) => first + n);
}

export function chunkEnvelope(campaign: Campaign, number: number): Envelope {
  return {
    specversion: '1.0',
    id: chunkId(campaign.id, number),
    type: CAMPAIGN_CHUNK,
    source: campaign.source,
    time: new Date(campaign.time).toISOString(),
    datacontenttype: 'application/json',
    campaign: campaign.id,
    ...(campaign.correlationId === undefined ? {} : { correlationid: campaign.correlationId }),
    ...(campaign.traceparent === undefined ? {} : { traceparent: campaign.traceparent }),
    data: { campaign: campaign.id, number, recipients: chunkRecipients(campaign, number) },
  };
}
