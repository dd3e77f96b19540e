/** What can happen to one call out of a function. Times of the courses are in course.ts. */
export const CALL_FAULTS = [
  /** Refused, nothing happened. */
  'refused',
  /** Too much of it: AWS's throttling, or 429 without Retry-After. */
  'throttled',
  /** It happened, then an error. */
  'lost',
  /** It happened, and no answer ever comes: the call times out. */
  'silent',
  /** Nothing happened, and no answer ever comes. */
  'mute',
  /** Times out, and happens seconds later. */
  'late',
  /** Seconds. */
  'slow',
  /** The invocation dies before the call leaves. */
  'killed-before',
  /** It happened, and the invocation dies before it hears of it. */
  'killed-after',
  /** The invocation dies while the call is in flight, and it happens seconds later. */
  'killed-late',
  /** It happened, nobody is told, no time-out of the client's own ends it: the invocation runs out of time there. */
  'hung',
  /** It happened and its answer was lost, and the SDK's own second try is what is answered. AWS only. */
  'repeated',
  /** 429 with Retry-After. Vendors only, like all below. */
  'retry-after',
  /** 500. */
  'failed',
  /** 504 after it happened. */
  'gateway',
  /** 403 and 401, about us. */
  'forbidden',
  'unauthorized',
] as const;
export type Fault = (typeof CALL_FAULTS)[number];

export const TARGETS = ['table', 'objects', 'queues', 'zendesk', 'sendgrid', 'apple', 'bulk'] as const;
export type Target = (typeof TARGETS)[number];
export const AWS: readonly Target[] = ['table', 'objects', 'queues'];

/** One fault: at the `nth` call of all, or of one kind, e.g. `table.put`. */
export interface CallFault {
  kind?: string;
  nth: number;
  fault: Fault;
}

/** A dependency that fails in one way from one time to another, milliseconds after the start. */
export interface Outage {
  target: Target;
  from: number;
  until: number;
  fault: Extract<Fault, 'refused' | 'throttled' | 'silent' | 'mute' | 'failed' | 'forbidden' | 'unauthorized' | 'slow'>;
}

/** What can happen to an invocation as a whole. */
export const START_FAULTS = [
  /** Lambda has no room for a while; with `ms` near the visibility, the message is out twice at once. */
  'throttled',
  /** The process does not start. */
  'failed',
  /** The same event is handed to two invocations. */
  'twice',
  /** The answer is not what Lambda can read. */
  'malformed',
  /** The function's answer never reaches Lambda. */
  'unanswered',
] as const;
export type StartFaultName = (typeof START_FAULTS)[number];

export interface StartFault {
  /** Of all starts of workers and reconcilers. */
  nth: number;
  fault: StartFaultName;
  /** For `throttled`: how long. For `twice`: how much later the second one starts. */
  ms: number;
}

const AWS_ONLY: ReadonlySet<Fault> = new Set(['repeated']);
const VENDOR_ONLY: ReadonlySet<Fault> = new Set(['retry-after', 'failed', 'gateway', 'forbidden', 'unauthorized']);

/** A drawn fault as it can happen to this target; the drawing knows no targets. */
export function fitted(fault: Fault, target: Target): Fault {
  if (AWS.includes(target)) return VENDOR_ONLY.has(fault) ? 'refused' : fault;
  return AWS_ONLY.has(fault) ? 'lost' : fault;
}
