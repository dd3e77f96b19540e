import type { Facts, Log, Metrics } from '../ports';

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
