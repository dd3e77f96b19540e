import type { JobRow } from '../../../engine/jobs/row';
import {
  type Campaign,
  chunkId,
  chunkRecipients,
  type GuardLimits,
  NO_REPORTS,
  reportedOn,
  type Wave,
} from './campaign';

/*
 * A campaign begins with a first wave, and so does each resume: about as many recipients as `guard.first`, in whole
 * chunks. No other chunk goes until the guard has evidence: 90 % of the wave's mails have an event, or `guard.wait` is
 * over since the last of them went. A recipient who gets no mail does not count, so another chunk may join.
 *
 * Start and resume open a wave without knowing the settings. The reconciler, which has them, ends it.
 */

/** The part of a wave's mails that must have an event. */
const ENOUGH = 0.9;

/** Whether a released chunk must wait for the end of the wave. One that an operator retries after its end goes. */
export const isBehindWave = ({ wave, open }: Campaign, number: number): boolean =>
  wave !== undefined && number < wave.from && open.includes(number) && !wave.again.includes(number);

/** Whether the job of a chunk must wait: its campaign is paused, or runs and has it behind the wave. */
export const mustWait = (campaign: Campaign, job: string): boolean =>
  campaign.status === 'paused' ||
  (campaign.status === 'running' &&
    campaign.open.some((number) => isBehindWave(campaign, number) && chunkId(campaign.id, number) === job));

/**
 * The wave as it is now, and how many recipients may still be released before its events. `isStuck`: whether a chunk
 * waits for an operator.
 */
export function judgeWave(
  campaign: Campaign,
  { rows, isStuck, guard, now }: Judged,
): { wave: Wave | undefined; room: number } {
  const { wave, chunks, released, open, status, reports, round } = campaign;
  const { first = 0, wait = 0 } = guard ?? {};
  if (!wave || status !== 'running') return { wave, room: ALL };
  if (wait === 0) return OVER;
  const size = (number: number) => chunkRecipients(campaign, number);
  const behind = open.filter((number) => isBehindWave(campaign, number) && !isStuck(number));
  const own = open.filter((number) => !isBehindWave(campaign, number));
  // A chunk whose outcome is unknown may be out.
  let taken = own.reduce((sum, number) => sum + size(number), wave.mails);
  const fits = (number: number) => taken === 0 || taken + size(number) <= first;
  const joining = behind.filter((number) => {
    const joins = isHeld(rows.get(number)) && fits(number);
    if (joins) taken += size(number);
    return joins;
  });
  const next = behind.find((number) => !joining.includes(number)) ?? (released < chunks ? released : undefined);
  const room = next === undefined || !fits(next) ? 0 : Math.max(first - taken, size(next));
  if (joining.length > 0) return { wave: { ...wave, again: [...wave.again, ...joining] }, room };
  if (room > 0 || !own.every(isStuck)) return { wave, room };
  const { mails, outAt = now } = wave;
  const isEnough = mails > 0 && reportedOn(reports[round] ?? NO_REPORTS) >= ENOUGH * mails;
  if (isEnough || now >= outAt + wait * 1000) return OVER;
  return { wave: wave.outAt === outAt ? wave : { ...wave, outAt }, room };
}

interface Judged {
  rows: ReadonlyMap<number, JobRow | undefined>;
  isStuck: (number: number) => boolean;
  guard: GuardLimits | undefined;
  now: number;
}

const ALL = Number.POSITIVE_INFINITY;
const OVER = { wave: undefined, room: ALL };

const isHeld = (row: JobRow | undefined): boolean => row?.state === 'held' && row.reason === 'paused';
