import type { Campaign } from './campaign';
import { chunkRecipients } from './chunk';

/*
 * Decides which campaign's chunk is next: start-time fair queueing, counted in recipients. A chunk's turn is the number
 * of recipients that its campaign released before it. The lowest turn is next, so all campaigns get the same number of
 * recipients, whatever the sizes of their chunks.
 */

/** The turn that the running campaigns have reached: that of the last released chunk. */
export const reachedBy = (campaigns: readonly Campaign[]): number =>
  campaigns.reduce((reached, { turn = 0 }) => Math.max(reached, turn), 0);

/**
 * The turn of the campaign's next chunk. It is never below what the others have reached. Otherwise a new or resumed
 * campaign would send alone until it had caught up.
 */
export const nextTurn = ({ turn, chunkSize }: Campaign, reached: number): number =>
  turn === undefined ? reached : Math.max(reached, turn + chunkSize);

/** The campaign whose chunk is next. At the same turn, one that has released nothing is first, then a small chunk. */
export function nextOf<T extends { campaign: Campaign }>(contenders: Iterable<T>, reached: number): T | undefined {
  let first: { contender: T; rank: readonly number[] } | undefined;
  for (const contender of contenders) {
    const rank = rankOf(contender.campaign, reached);
    if (!first || isBefore(rank, first.rank)) first = { contender, rank };
  }
  return first?.contender;
}

const rankOf = (campaign: Campaign, reached: number): readonly number[] => [
  nextTurn(campaign, reached),
  Math.min(campaign.released, 1),
  chunkRecipients(campaign, campaign.released),
  campaign.startsAt,
];

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}
