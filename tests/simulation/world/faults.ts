/** What a fault does to one call. course.ts has the times. */
interface Harm {
  /** When the call takes effect, if it does: at its usual time, or seconds after its caller has given up or died. */
  effect?: 'soon' | 'late';
  /** When the caller gets an error. `timeout`: its own. */
  answer?: 'soon' | 'timeout';
  /** When the invocation dies. */
  death?: 'at once' | 'soon';
}

/** The faults of one call out of a function. */
const HARMS = {
  /** Refused without an effect. */
  refused: { answer: 'soon' },
  /** Too many calls: AWS throttles, or a vendor answers 429 without Retry-After. */
  throttled: { answer: 'soon' },
  lost: { effect: 'soon', answer: 'soon' },
  /** The call took effect, but no answer comes. */
  silent: { effect: 'soon', answer: 'timeout' },
  /** No effect and no answer. */
  mute: { answer: 'timeout' },
  late: { effect: 'late', answer: 'timeout' },
  /** The call takes seconds. A vendor that is slower than the time-out takes effect without an answer. */
  slow: {},
  'killed-before': { death: 'at once' },
  /** The call took effect, but the invocation dies before the answer comes. */
  'killed-after': { effect: 'soon', death: 'soon' },
  'killed-late': { effect: 'late', death: 'soon' },
  /** The call took effect, but no answer comes and the client has no time-out. The invocation runs out of time. */
  hung: { effect: 'soon' },
  /** The call took effect and its answer was lost. The SDK's second try gets an answer. AWS only. */
  repeated: {},
  /** 429 with Retry-After. This and all faults below are for vendors only. */
  'retry-after': { answer: 'soon' },
  /** 500. */
  failed: { answer: 'soon' },
  /** 504 after the call took effect. */
  gateway: { effect: 'soon', answer: 'soon' },
  /** The call took effect, but the answer is a success without the expected content, e.g. a page of a proxy. */
  malformed: { effect: 'soon', answer: 'soon' },
  /** 403 that names a field, so it is about the content of this job. */
  disallowed: { answer: 'soon' },
  /** 403 and 401 for our credentials. */
  forbidden: { answer: 'soon' },
  unauthorized: { answer: 'soon' },
} satisfies Record<string, Harm>;
export type Fault = keyof typeof HARMS;
export const CALL_FAULTS = Object.keys(HARMS) as Fault[];
export const harmOf = (fault: Fault): Harm => HARMS[fault];

export const TARGETS = ['table', 'objects', 'queues', 'events', 'zendesk', 'sendgrid', 'apple'] as const;
export type Target = (typeof TARGETS)[number];
export const AWS: readonly Target[] = ['table', 'objects', 'queues', 'events'];

/** Calls of AWS that change nothing. */
const READS: ReadonlySet<string> = new Set([
  ...['table.get', 'table.due', 'table.todos', 'table.count', 'table.accepted', 'table.group', 'table.person'],
  ...['objects.get', 'objects.read', 'objects.list', 'queues.depth'],
]);
/**
 * In a call without an effect, these faults look like others to the caller: the first two like `refused`, two like
 * `mute`, one like `slow` and two like `killed-before`.
 */
const ALIKE_IN_READS: ReadonlySet<Fault> = new Set([
  ...(['throttled', 'lost', 'silent', 'late', 'repeated', 'killed-after', 'killed-late'] as const),
]);

/** Reads of an index. The reconciler makes some twenty of them for each queue with something to do. */
const INDEX_READS: ReadonlySet<string> = new Set(['table.due', 'table.todos', 'table.count']);

/** The call that a process made before. */
export interface Before {
  what: string;
  /** Whether it was answered at this moment, and no other call of its process is open. */
  justAnswered: boolean;
}

/**
 * The faults that a call, e.g. `table.put`, can have, without those that look like another to its caller. To stop or wait
 * between two reads of indexes is like doing so before both. To die before a call that follows at once is like dying
 * after the effect of the one before.
 */
export function faultsOf(call: string, target: Target, before?: Before): Fault[] {
  if (INDEX_READS.has(call) && INDEX_READS.has(before?.what ?? '')) return ['refused'];
  return CALL_FAULTS.filter((fault) => {
    // `fitted` replaces any other fault with one of these.
    if (fitted(fault, target) !== fault || (READS.has(call) && ALIKE_IN_READS.has(fault))) return false;
    if (fault === 'killed-before' && before?.justAnswered) return false;
    return fault !== 'throttled' || !AWS.includes(target);
  });
}

/** One fault, at the `nth` call of all or of one kind, e.g. `table.put`. */
export interface CallFault {
  kind?: string;
  nth: number;
  fault: Fault;
  /** It also hits the process's next calls of that kind, up to this number: the tries of our own code. */
  times?: number;
}

/** How a dependency can fail for a time. */
export const OUTAGES = [
  ...(['refused', 'throttled', 'silent', 'mute', 'failed', 'forbidden', 'unauthorized', 'slow'] as const),
] satisfies readonly Fault[];

/** A dependency that fails in one way for a time. Times are milliseconds after the start. */
export interface Outage {
  target: Target;
  from: number;
  until: number;
  fault: (typeof OUTAGES)[number];
  /** Only calls of this method, e.g. `update`. Without it, all of them. */
  method?: string;
}

export const START_FAULTS = [
  /** Lambda has no capacity for a while. If `ms` is near the visibility timeout, the message comes twice at once. */
  'throttled',
  /** The process does not start. */
  'failed',
  /** Two invocations get the same event. */
  'twice',
  /** Lambda cannot read the answer. */
  'malformed',
  /** The function's answer never reaches Lambda. */
  'unanswered',
] as const;

export interface StartFault {
  /** Counts all starts of workers and reconcilers. */
  nth: number;
  fault: (typeof START_FAULTS)[number];
  /** For `throttled`: how long. For `twice`: the delay of the second invocation. */
  ms: number;
}

const VENDOR_ONLY = CALL_FAULTS.slice(CALL_FAULTS.indexOf('retry-after'));

/** Replaces a drawn fault that this target cannot have. Plans are drawn without regard to targets. */
export function fitted(fault: Fault, target: Target): Fault {
  if (AWS.includes(target)) return VENDOR_ONLY.includes(fault) ? 'refused' : fault;
  return fault === 'repeated' ? 'lost' : fault;
}
