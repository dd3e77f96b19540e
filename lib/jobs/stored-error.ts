import { JobError } from '../errors';
import type { StoredError } from './row';

/** Longest message that is stored; ours are a sentence. */
const MAX_MESSAGE = 500;

/** What of an error may stand in a row, a record, a log line and a DLQ attribute. */
export function storedError(error: unknown): StoredError {
  // An unknown error's text may quote anything: nothing of it is passed on.
  if (!(error instanceof JobError)) return { class: 'transient', code: 'Unexpected', message: 'an unexpected error' };
  const { code, message, vendor, status, field } = error;
  return {
    class: error.class,
    code,
    message: message.slice(0, MAX_MESSAGE),
    ...(vendor ? { vendor } : {}),
    ...(status ? { status } : {}),
    ...(field ? { field } : {}),
  };
}
