import { z } from 'zod';
import { AmbiguousError, JobError, PermanentError, StopError, WaitError } from '../errors';
import { exhaustedMs } from './app-store-connect-budget';
import { type HttpAnswer, NoAnswer, NotOk } from './http';
import { type Dialect, type Effect, fieldName, malformed, refusal, silence } from './translate';

/** Apple refuses, perhaps because it is so already: only reading back what was to be done can tell. */
export class Contradiction extends PermanentError {}

export const appStoreConnect: Dialect = {
  vendor: 'app-store-connect',
  prefix: 'AppStoreConnect',
  refused: new Set(),
  doubtful: new Set([408]),
  // 404 is about a group, a build or a tester that a job names.
  aboutUs: new Set([402, 405]),
  // Only the token and our own names are in the headers; what a job brings is escaped.
  unsendable: 'us',
  field: (body) => pointedAt(errorsOf(body)[0]),
};

const errorSchema = z.object({
  code: z.string(),
  source: z.object({ pointer: z.string().optional(), parameter: z.string().optional() }).optional(),
});
type AppleError = z.infer<typeof errorSchema>;

function errorsOf(body: unknown): AppleError[] {
  const parsed = z.object({ errors: z.array(errorSchema) }).safeParse(body);
  return parsed.success ? parsed.data.errors : [];
}

/** `/data/attributes/email` → `data.attributes.email`. */
const pointedAt = (error: AppleError | undefined): string | undefined =>
  fieldName(error?.source?.parameter ?? error?.source?.pointer?.replace(/^\//, '').replaceAll('/', '.'));

/** Codes go down by dots: one that Apple makes finer still begins with the one that we know. */
export const hasCode = (answer: HttpAnswer, code: string): boolean =>
  errorsOf(answer.body).some((error) => error.code === code || error.code.startsWith(`${code}.`));

export interface Failed {
  error: unknown;
  effect: Effect;
  /** Ms since 1970. */
  now: number;
  /** How late the effect of a call may show. */
  settleMs: number;
}

/** What a failed call to App Store Connect means. */
export const translate = ({ settleMs, ...failed }: Failed): JobError => askedLater(meaning(failed), settleMs);

/** Our error for a success that does not say what it must. */
export const unclear = ({ settleMs, ...answered }: { effect: Effect; status: number; settleMs: number }): JobError =>
  askedLater(malformed({ dialect: appStoreConnect, ...answered }), settleMs);

function askedLater(error: JobError, settleMs: number): JobError {
  if (!(error instanceof AmbiguousError)) return error;
  const { code, message, vendor, status, cause } = error;
  return new AmbiguousError({
    ...{ code, message, cause, askAfterMs: settleMs },
    ...(vendor ? { vendor } : {}),
    ...(status ? { status } : {}),
  });
}

function meaning({ error, effect, now }: Omit<Failed, 'settleMs'>): JobError {
  if (error instanceof JobError) return error;
  if (error instanceof NoAnswer) return silence({ dialect: appStoreConnect, error, effect });
  if (!(error instanceof NotOk)) throw error;
  const { answer } = error;
  return ofCode(answer) ?? refusal({ dialect: appStoreConnect, answer, effect, now });
}

/** What a code says beyond its status. Never Apple's words: they repeat what was sent. */
function ofCode(answer: HttpAnswer): JobError | undefined {
  const { status, headers } = answer;
  const details = { vendor: 'app-store-connect', status } as const;
  if (hasCode(answer, 'FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED'))
    return new StopError({ ...details, code: 'AgreementMissing', message: 'an agreement with Apple must be signed' });
  const waitMs = status === 429 && headers['retry-after'] === undefined ? exhaustedMs(headers) : undefined;
  if (waitMs !== undefined)
    return new WaitError({
      ...details,
      code: 'AppStoreConnectBudget',
      message: "the hour's calls are used up",
      waitMs,
    });
  if (status === 409 && !hasCode(answer, 'ENTITY_ERROR.ATTRIBUTE'))
    return new Contradiction({
      ...details,
      code: 'AppStoreConnectConflict',
      message: 'Apple says that this does not fit the state of things (409)',
    });
  return undefined;
}
