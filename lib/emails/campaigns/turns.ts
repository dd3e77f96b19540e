import type { Campaign } from './campaign';
import { chunkRecipients } from './chunk';

/*
 * Whose chunk is released next: start-time fair queueing, counted in recipients. A released chunk's turn is the sum of
 * recipients that its campaign had released before it. The lowest turn is next, so that all campaigns get the same
 * number of recipients, whatever their chunks' sizes.
 */

/** The turn that the running campaigns have reached: the one of the chunk that was released last. */
export const reachedBy = (campaigns: readonly Campaign[]): number =>
  campaigns.reduce((reached, { turn = 0 }) => Math.max(reached, turn), 0);

/**
 * The turn of the campaign's next chunk. It is never below what the others have reached: otherwise a new campaign, or
 * one that was paused, would send alone until it had caught up.
 */
export const nextTurn = ({ turn, chunkSize }: Campaign, reached: number): number =>
  turn === undefined ? reached : Math.max(reached, turn + chunkSize);

/** The campaign whose chunk is next. At the same turn a campaign without any released chunk is first, then a small chunk. */
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
