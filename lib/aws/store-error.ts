import { StoreError } from '../errors';

type Service = 'DynamoDB' | 'S3' | 'SQS' | 'SSM' | 'SecretsManager';

/** What the SDK and Node put on their errors, as far as it is safe to repeat. */
function nameOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'Unknown';
  const { name, code } = error as { name?: unknown; code?: unknown };
  const known = [name === 'Error' ? code : name, code, name].find((text) => typeof text === 'string');
  return typeof known === 'string' && /^[A-Za-z0-9_.]{1,80}$/.test(known) ? known : 'Unknown';
}

function statusOf(error: unknown): number | undefined {
  const status = (error as { $metadata?: { httpStatusCode?: unknown } } | null)?.$metadata?.httpStatusCode;
  return typeof status === 'number' ? status : undefined;
}

/** AWS's name of an error, e.g. `ConditionalCheckFailedException`. */
export const isAwsError = (error: unknown, name: string): boolean => nameOf(error) === name;

/** True for an answer of this HTTP status, whatever the error is called. */
export const hasStatus = (error: unknown, status: number): boolean => statusOf(error) === status;

/**
 * Runs one call to a service; whatever it rejects with becomes a StoreError of code `{service}.{AWS's name}`, e.g.
 * `SQS.QueueDoesNotExist`, `DynamoDB.ECONNREFUSED`. AWS's own text and the error itself stay behind: the text quotes
 * values (keys, group ids, parts of an item), the error holds the request.
 */
export async function guarded<T>({
  service,
  operation,
  call,
}: {
  service: Service;
  operation: string;
  call: () => Promise<T>;
}): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const name = nameOf(error);
    const status = statusOf(error);
    throw new StoreError({
      code: `${service}.${name}`,
      message: `${service} ${operation} failed: ${name}`,
      ...(status === undefined ? {} : { status }),
    });
  }
}
