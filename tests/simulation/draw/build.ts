import type { CallFault, Fault } from '../world/faults';
import { aJob, type Command, type JobKind, type JobSpec, type Load } from './plan';

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** One job of each given kind. By default all come at the start and in one group. */
export const jobs = (...specs: (JobKind | [JobKind, Partial<JobSpec>])[]): JobSpec[] =>
  specs.map((spec) => (typeof spec === 'string' ? aJob(spec) : aJob(...spec)));

export const load = (queue: string, ...specs: Parameters<typeof jobs>): Load => ({
  queue,
  batch: 1,
  concurrency: 2,
  jobs: jobs(...specs),
});

export const many = (count: number, kind: JobKind, changes: (index: number) => Partial<JobSpec>): JobSpec[] =>
  Array.from({ length: count }, (_, index) => aJob(kind, changes(index)));

/** The first calls of a kind, one fault each. */
export const calls = (kind: string, ...faults: Fault[]): CallFault[] =>
  faults.map((fault, index) => ({ kind, nth: index + 1, fault }));

/** Commands about a job: it is cancelled, retried, cancelled again and so on at these times. */
export const cancelAndRetry = (job: number, ...times: number[]): Command[] =>
  times.map((at, index) => ({ job, what: index % 2 === 0 ? 'cancel' : 'retry', at }));
