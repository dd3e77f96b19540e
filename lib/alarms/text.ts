import type { Cause, Exit } from '../jobs/dlq-exits';
import type { Behind } from '../jobs/incidents';
import type { Pause } from '../jobs/pause';
import type { FailingWork } from '../jobs/reconciler-run';
import { slsCommand, type Target } from '../target';
import { codeBlock } from './fit';
import type { Kind } from './kinds';

const SECOND = 1;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A value with its unit for people: `2 h 5 min`, `3.2 %`, `12`. */
export function quantity(value: number, unit: Kind['unit']): string {
  if (unit === 'seconds') return duration(value);
  if (unit === 'milliseconds') return duration(value / 1000);
  if (unit === 'percent') return `${rounded(value)} %`;
  if (unit === 'share') return `${rounded(value * 100)} %`;
  return rounded(value);
}

const rounded = (value: number): string => String(Math.round(value * 100) / 100);

export function duration(seconds: number): string {
  if (seconds < MINUTE) return `${rounded(seconds)} s`;
  const units = [
    ['d', DAY],
    ['h', HOUR],
    ['min', MINUTE],
    ['s', SECOND],
  ] as const;
  const at = units.findIndex(([, size]) => seconds >= size);
  let left = Math.round(seconds);
  const parts = units.slice(at, at + 2).flatMap(([name, size]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return count > 0 ? [`${count} ${name}`] : [];
  });
  return parts.join(' ');
}

const EXITS: Record<Exit, string> = {
  redriven: 'redriven or retried',
  returned: 'returned to the queue, because no worker had tried them',
  discarded: 'discarded by an operator',
  canary: 'canaries, removed automatically',
  expired: 'expired in the DLQ; their bodies are still in S3, so an operator can retry them',
};

/** Why a DLQ is empty. */
export function exitsText(exits: Partial<Record<Exit, number>>): string {
  const lines = Object.entries(exits).map(([how, count]) => `${count} ${EXITS[how as Exit]}`);
  return lines.length > 0 ? lines.join('\n') : 'The service removed none. Was the DLQ purged by hand?';
}

/** Why the jobs in a DLQ died, with the jobs that died first. */
export const causesText = (causes: readonly Cause[]): string =>
  causes
    .slice(0, MOST_CAUSES)
    .map(
      ({ code, jobs, first }) =>
        `${jobs} ${jobs === 1 ? 'job' : 'jobs'}: ${code} (${first.join(', ')}${jobs > first.length ? ', …' : ''})`,
    )
    .join('\n');
const MOST_CAUSES = 5;

/** The job, the reason and the code behind an alarm. */
export const behindText = ({ jobId, reason, code }: Behind): string =>
  [
    ...(jobId === undefined ? [] : [`job ${jobId}`]),
    ...(reason === undefined ? [] : [`reason ${reason}`]),
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
