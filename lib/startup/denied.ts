import { codeOf } from '../errors';
import type { Facts, Log, Metrics, Table } from '../ports';

/** The codes of calls that AWS refused, and of secrets that are missing or cannot be decrypted (lib/aws/store-error.ts). */
const DENIED =
  /\.(Kms|KMS\.)?AccessDenied|\.AuthorizationError|^(SSM|SecretsManager)\.(ParameterNotFound|ResourceNotFoundException|InvalidKeyId|DecryptionFailure)/;

/** A log that counts each line about such a call as `AccessDenied`. Every code that a function meets is in a line. */
export function countingDenied(log: Log, metrics: Metrics): Log {
  const counted =
    (write: Log['error']): Log['error'] =>
    (message: string, facts?: Facts) => {
      if (DENIED.test(String(facts?.code ?? ''))) metrics.add('AccessDenied', 1, 'Count', {});
      write(message, facts);
    };
  return { info: counted(log.info), warn: counted(log.warn), error: counted(log.error) };
}

/**
 * The table for a function whose role may be older than its code, for example after `sls deploy function`. If the role
 * allows no update, the update changes nothing, and its caller reads the item. The log line sets off the alarm about denied
 * access.
 */
export const withoutUpdates = (table: Table, log: Log): Table => ({
  ...table,
  update: (key, change) =>
    table.update(key, change).catch((error: unknown) => {
      const code = codeOf(error);
      if (code !== 'DynamoDB.AccessDeniedException') throw error;
      log.warn('the role of this function may not update rows, so each claim takes a call more', { code });
      return undefined;
    }),
});
