import { JobError } from '../errors';
import type { StoredError } from './row';

/** The longest message that is stored. Our own messages are one sentence. */
const MAX_MESSAGE = 500;

/** The part of an error that a row, a record, a log line and a DLQ attribute may hold. */
export function storedError(error: unknown): StoredError {
  // An unknown error's text may quote personal data, so none of it is passed on.
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
