import { StoreError } from '../../../lib/errors';
import { NoAnswer, UnexpectedAnswer } from '../../../lib/vendors/http';
import type { Reply } from '../../../packages/local/fakes/server';
import type { Chance } from './chance';
import { AWS, type Fault, type Target } from './faults';

/** What happens in one call. Times are milliseconds from its start. */
export interface Course {
  /** When the call takes effect. An empty list means never. */
  effects: number[];
  /** When the caller gets the answer. Missing if the invocation dies or runs out of time. */
  answer?: number;
  error?: () => Error;
  death?: number;
}

/** An SDK client gives up after two tries of three seconds. */
const SDK_MS = 6_000;
const SDK_TRY_MS = 3_000;
/** The longest time by which a call can outlive its caller. */
const LATEST_MS = 5_000;

export interface CallOf {
  target: Target;
  fault: Fault | undefined;
  /** The caller sets the time-out of a vendor's call. */
  timeoutMs?: number | undefined;
  /** Appears in every answer of a vendor. The service must never show it. */
  secret: string;
}

export function courseOf({ target, fault, timeoutMs = SDK_MS, secret }: CallOf, chance: Chance): Course {
  const aws = AWS.includes(target);
  const soon = aws ? chance.between(2, 25) : chance.between(50, 600);
  if (fault === undefined) return { effects: [soon], answer: soon };
  const error = aws ? storeError(target) : vendorError(secret);
  switch (fault) {
    case 'slow':
      return slow(chance.between(1_500, aws ? 2_900 : 12_000), { timeoutMs, error: error('timeout') });
    case 'repeated':
      return { effects: [soon, SDK_TRY_MS + soon], answer: SDK_TRY_MS + soon };
    case 'lost':
    case 'gateway':
    case 'malformed':
      return { effects: [soon], answer: soon, error: error(fault) };
    case 'silent':
      return { effects: [soon], answer: timeoutMs, error: error('timeout') };
    case 'mute':
      return { effects: [], answer: timeoutMs, error: error('timeout') };
    case 'late':
      return { effects: [timeoutMs + chance.between(1, LATEST_MS)], answer: timeoutMs, error: error('timeout') };
    case 'hung':
      return { effects: [soon] };
    case 'killed-before':
      return { effects: [], death: 0 };
    case 'killed-after':
      return { effects: [soon], death: soon };
    case 'killed-late':
      return { effects: [soon + chance.between(1, LATEST_MS)], death: soon };
    default:
      return { effects: [], answer: soon, error: error(fault) };
  }
}

/** If the vendor is slower than the caller's time-out, the call times out but still takes effect. */
function slow(ms: number, { timeoutMs, error }: { timeoutMs: number; error: () => Error }): Course {
  return ms < timeoutMs ? { effects: [ms], answer: ms } : { effects: [ms], answer: timeoutMs, error };
}

type Cause = Fault | 'timeout';

const storeError = (target: Target) => (cause: Cause) => () =>
  new StoreError({ code: `${target}.${cause}`, message: `${target} failed: ${cause}` });

/** The errors of the vendor's transport. The real adapters translate them into our error classes. */
const vendorError = (secret: string) => (cause: Cause) => () => {
  switch (cause) {
    case 'timeout':
      return new NoAnswer('timeout', true, 'ETIMEDOUT');
    case 'lost':
      return new NoAnswer('interrupted', true, 'ECONNRESET');
    case 'malformed':
      return new UnexpectedAnswer({ status: 200, headers: {}, body: undefined });
    case 'refused':
      return new NoAnswer('unreachable', false, 'ECONNREFUSED');
    case 'disallowed':
      return new UnexpectedAnswer({ status: 403, headers: {}, body: FIELD_NAMED });
    default:
      return notOk(REPLIES[cause] ?? { status: 500, headers: {} }, secret);
  }
};

const REPLIES: Partial<Record<Cause, Reply>> = {
  throttled: { status: 429, headers: {} },
  'retry-after': { status: 429, headers: { 'retry-after': '90' } },
  failed: { status: 500, headers: {} },
  gateway: { status: 504, headers: {} },
  forbidden: { status: 403, headers: {} },
  unauthorized: { status: 401, headers: {} },
};

const FIELD_NAMED = {
  details: { subject: [{}] },
  errors: [{ code: 'FORBIDDEN_ERROR', field: 'from', source: { pointer: '/data/attributes/email' } }],
};

export const notOk = ({ status, headers }: Reply, secret: string): UnexpectedAnswer =>
  new UnexpectedAnswer({ status, headers, body: { error: secret, errors: [{ message: secret, field: secret }] } });
