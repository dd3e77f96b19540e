import * as z from 'zod';
import { JobError, PermanentError, StopError, WaitError } from '../errors';
import { exhaustedMs } from './app-store-connect-budget';
import { type HttpAnswer, NoAnswer, NotOk } from './http';
import { type Dialect, type Effect, fieldName, malformed, refusal, unanswered } from './translate';

/** Apple refuses a change, perhaps because it is already done. Read the state back to find out. */
export class Contradiction extends PermanentError {}

export const appStoreConnect: Dialect = {
  vendor: 'app-store-connect',
  prefix: 'AppStoreConnect',
  refused: new Set(),
  doubtful: new Set([408]),
  // A 404 is about a group, a build or a tester of the job.
  aboutUs: new Set([402, 405]),
  // The headers hold only our token and our names. Values of a job are escaped.
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

/** Apple refines codes with dots, so a finer code still begins with the code that we know. */
export const hasCode = (answer: HttpAnswer, code: string): boolean =>
  errorsOf(answer.body).some((error) => error.code === code || error.code.startsWith(`${code}.`));

/**
 * No change is repeatable, although Apple accepts the same change twice. A late repeat would overwrite what a later job
 * did.
 */
const effectOf = (method: string): Effect => (method === 'GET' ? 'repeatable' : 'once');

/** Our error for a success without the expected content. */
export const unclear = (method: string, status: number): JobError =>
  malformed({ dialect: appStoreConnect, effect: effectOf(method), status });

/** Our error for a failed call to App Store Connect. `now` is in milliseconds since 1970. */
export function translate({ error, method, now }: { error: unknown; method: string; now: number }): JobError {
  if (error instanceof JobError) return error;
  const effect = effectOf(method);
  if (error instanceof NoAnswer) return unanswered({ dialect: appStoreConnect, error, effect });
  if (!(error instanceof NotOk)) throw error;
  const { answer } = error;
  return ofCode(answer) ?? refusal({ dialect: appStoreConnect, answer, effect, now });
}

/** Our error for a code that says more than its status. It never quotes Apple's text, which repeats our request. */
function ofCode(answer: HttpAnswer): JobError | undefined {
  const { status, headers } = answer;
  const details = { vendor: 'app-store-connect', status } as const;
  if (hasCode(answer, 'FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED'))
    return new StopError({ ...details, code: 'AgreementMissing', message: 'an agreement with Apple is not signed' });
  const waitMs = status === 429 && headers['retry-after'] === undefined ? exhaustedMs(headers) : undefined;
  if (waitMs !== undefined)
    return new WaitError({
      ...details,
      code: 'AppStoreConnectBudget',
      message: "no calls of this hour's budget are left",
      waitMs,
    });
  if (status === 409 && !hasCode(answer, 'ENTITY_ERROR.ATTRIBUTE'))
    return new Contradiction({
      ...details,
      code: 'AppStoreConnectConflict',
      message: 'Apple says that the change conflicts with the current state (409)',
    });
  return undefined;
}
