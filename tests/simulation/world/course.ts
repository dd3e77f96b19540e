import { StoreError } from '../../../lib/platform/errors';
import { NoAnswer, UnexpectedAnswer } from '../../../lib/platform/http';
import type { Reply } from '../../../packages/local/fakes/server';
import { VENDOR_SECRET as SECRET } from '../vendors/vendors';
import type { Chance } from './chance';
import { AWS, type Fault, harmOf, type Target } from './faults';
import type { Kernel } from './kernel';

/** What happens in one call. Times are milliseconds from its start. */
export interface Course {
  /** When the call takes effect. An empty list means never. */
  effects: number[];
  /** When the caller gets the answer. Missing if the invocation dies or runs out of time. */
  answer?: number | undefined;
  error?: () => Error;
  death?: number | undefined;
}

/** An SDK client gives up after two tries of three seconds. */
const SDK_MS = 6_000;
const SDK_TRY_MS = 3_000;
/** The longest time by which a call can outlive its caller. */
const LATEST_MS = 5_000;

interface CallOf {
  target: Target;
  fault: Fault | undefined;
  /** The caller sets the time-out of a vendor's call. */
  timeoutMs?: number | undefined;
}

export function courseOf({ target, fault, timeoutMs = SDK_MS }: CallOf, chance: Chance): Course {
  const aws = AWS.includes(target);
  const soon = aws ? chance.between(2, 25) : chance.between(50, 600);
  if (fault === undefined) return { effects: [soon], answer: soon };
  const error = aws ? storeError(target) : vendorError;
  if (fault === 'repeated') return { effects: [soon, SDK_TRY_MS + soon], answer: SDK_TRY_MS + soon };
  if (fault === 'slow') {
    const ms = chance.between(1_500, aws ? 2_900 : 12_000);
    return { effects: [ms], answer: Math.min(ms, timeoutMs), ...(ms < timeoutMs ? {} : { error: error('timeout') }) };
  }
  const { effect, answer, death } = harmOf(fault);
  const over = answer === 'timeout' ? timeoutMs : soon;
  return {
    effects: effect ? [effect === 'soon' ? soon : over + chance.between(1, LATEST_MS)] : [],
    answer: answer && over,
    error: error(answer === 'timeout' ? 'timeout' : fault),
    death: death === 'at once' ? 0 : death && over,
  };
}

interface Played<T> {
  kernel: Pick<Kernel, 'setTimeout'>;
  process: { alive: boolean; die(reason: string): void };
  effect: () => T | Promise<T>;
  fault?: string;
}

/** Plays a course of one call. The caller gets the answer if its process is alive then. */
export function play<T>(course: Course, { kernel, process, effect, fault = 'death' }: Played<T>): Promise<T> {
  const { effects, answer, error, death } = course;
  return new Promise((resolve, reject) => {
    let result: Promise<T> | undefined;
    const conclude = () => {
      if (!process.alive) return;
      if (error) reject(error());
      else result?.then(resolve, reject);
    };
    for (const ms of effects)
      kernel.setTimeout(() => {
        result = (async () => effect())();
        result.catch(() => {});
        if (ms === answer) conclude();
      }, ms);
    if (answer !== undefined && answer !== effects.at(-1)) kernel.setTimeout(conclude, answer);
    if (death === 0) process.die(fault);
    else if (death !== undefined) kernel.setTimeout(() => process.die(fault), death);
  });
}

type Cause = Fault | 'timeout';

/** The worker goes by the service that a code names. */
const storeError = (target: Target) => (cause: Cause) => () =>
  new StoreError({ code: `${target === 'objects' ? 'S3' : target}.${cause}`, message: `${target} failed: ${cause}` });

const FIELD_NAMED = {
  details: { subject: [{}] },
  errors: [{ code: 'FORBIDDEN_ERROR', field: 'from', source: { pointer: '/data/attributes/email' } }],
};

/** The errors of the vendor's transport. The real adapters translate them into our error classes. */
const VENDOR_ERRORS: Partial<Record<Cause, () => Error>> = {
  timeout: () => new NoAnswer('timeout', true, 'ETIMEDOUT'),
  lost: () => new NoAnswer('interrupted', true, 'ECONNRESET'),
  refused: () => new NoAnswer('unreachable', false, 'ECONNREFUSED'),
  malformed: () => new UnexpectedAnswer({ status: 200, headers: {}, body: undefined }),
  disallowed: () => new UnexpectedAnswer({ status: 403, headers: {}, body: FIELD_NAMED }),
  throttled: () => notOk({ status: 429, headers: {} }),
  'retry-after': () => notOk({ status: 429, headers: { 'retry-after': '90' } }),
  gateway: () => notOk({ status: 504, headers: {} }),
  forbidden: () => notOk({ status: 403, headers: {} }),
  unauthorized: () => notOk({ status: 401, headers: {} }),
};
const vendorError = (cause: Cause) => VENDOR_ERRORS[cause] ?? (() => notOk({ status: 500, headers: {} }));

/** An answer with our secret, which the service must never show. `said`: what else the vendor says. */
export const notOk = ({ status, headers }: Reply, said: unknown = {}): UnexpectedAnswer => {
  const body = { error: SECRET, errors: [{ message: SECRET, field: SECRET }], ...Object(said) };
  return new UnexpectedAnswer({ status, headers, body });
};
