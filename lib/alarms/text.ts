import { duration } from '../duration';
import type { Pause } from '../jobs/pause';
import type { FailingWork } from '../jobs/run-lease';
import { slsCommand, type Target } from '../target';
import { counted } from '../text';
import type { Fact } from './fact';
import { codeBlock } from './fit';
import type { Kind } from './kinds';

/** A value with its unit for people: `2 h 5 min`, `3.2 %`, `12`. */
export function quantity(value: number, unit: Kind['unit']): string {
  if (unit === 'seconds') return duration(value);
  if (unit === 'milliseconds') return duration(value / 1000);
  if (unit === 'percent') return `${rounded(value)} %`;
  if (unit === 'share') return `${rounded(value * 100)} %`;
  return rounded(value);
}

const rounded = (value: number): string => String(Math.round(value * 100) / 100);

/** Codes of dead jobs that fit into a message. */
const MOST_CODES = 5;

/** Why the jobs of a queue died, the most frequent code first, each with the first job that died of it. */
export const deadText = (dead: readonly Pick<Fact, 'code' | 'count' | 'jobId'>[]): string =>
  dead
    .toSorted((a, b) => (b.count ?? 0) - (a.count ?? 0))
    .slice(0, MOST_CODES)
    .map(({ code, count, jobId }) => `${counted(count ?? 0, 'job')}: ${code} (${jobId})`)
    .join('\n');

export const behindText = ({ jobId, code, count }: Pick<Fact, 'code' | 'count' | 'jobId'>): string =>
  [
    ...(count === undefined ? [] : [counted(count, 'job')]),
    ...(jobId === undefined ? [] : [`job ${jobId}`]),
    ...(code === undefined ? [] : [`code ${code}`]),
  ].join(', ');

/** More kinds of work would not fit into a message. */
const MOST_FAILING = 3;

/** What fails in the reconciler, with the command that shows the job that fails most often. */
export const failingText = (failing: readonly FailingWork[], target: Target): string =>
  failing
    .slice(0, MOST_FAILING)
    .map(({ kind, queue = '', code, jobId, times = 1, jobs, since }) => {
      const job = `, ${jobs} jobs, most often ${jobId} (${times} times): \`${slsCommand(`jobs show ${jobId} --queue ${queue}`, target)}\``;
      return `${kind}: ${code} since <t:${Math.floor(since / 1000)}:f>${jobId === undefined ? '' : job}`;
    })
    .join('\n');

/** An operator's words may look like Discord's markup, so they are in a code block. */
export const pauseText = ({ at, reason }: Pick<Pause, 'at' | 'reason'>): string =>
  `since <t:${Math.floor(at / 1000)}:f>\n${codeBlock(reason, 400)}`;
