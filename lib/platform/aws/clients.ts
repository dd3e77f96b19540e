import { StoreError } from '../errors';

/**
 * The options of every AWS client. The SDK has no time-out of its own, and `requestTimeout` alone only prints a
 * warning. Without `throwOnRequestTimeout` a silent endpoint would block a function until Lambda kills it. Two tries of
 * three seconds stay well below the shortest visibility timeout and the deadline guard of every function.
 */
const awsDefaults = {
  maxAttempts: 2,
  requestHandler: {
    connectionTimeout: 1_000,
    requestTimeout: 3_000,
    throwOnRequestTimeout: true,
    /** The longest idle time of a socket. The body of an answer has no other time-out. */
    socketTimeout: 3_000,
    /** The SDK's own limit is 50. Who reads the originals of an hour reads 64 at a time. */
    httpsAgent: { maxSockets: 64 },
  },
} as const;

/** For an emulator. On a busy machine it is late, which is no failure. */
export const emulatorDefaults = {
  ...awsDefaults,
  requestHandler: {
    ...awsDefaults.requestHandler,
    connectionTimeout: 30_000,
    requestTimeout: 30_000,
    socketTimeout: 30_000,
  },
} as const;

/** The SDK itself reads this variable, which no deployment sets. */
export const clientDefaults = process.env.AWS_ENDPOINT_URL === undefined ? awsDefaults : emulatorDefaults;

export const partitionOf = (region: string): string =>
  region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';

/** The name or code that the SDK or Node gave an error, if it is safe to log. */
function nameOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'Unknown';
  const { name, code } = error as { name?: unknown; code?: unknown };
  // The SDK names a reset connection a time-out.
  const isCoded = name === 'Error' || code === 'ECONNRESET' || code === 'EPIPE';
  const known = [isCoded ? code : name, code, name].find((text) => typeof text === 'string');
  return typeof known === 'string' && /^[A-Za-z0-9_.]{1,80}$/.test(known) ? known : 'Unknown';
}

export function statusOf(error: unknown): number | undefined {
  const status = (error as { $metadata?: { httpStatusCode?: unknown } } | null)?.$metadata?.httpStatusCode;
  return typeof status === 'number' ? status : undefined;
}

/** The name of an error that a client of the AWS SDK threw, for a call that `guarded` does not make. */
export const awsErrorName = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && '$metadata' in error ? nameOf(error) : undefined;

export const isAwsError = (error: unknown, name: string): boolean => nameOf(error) === name;

/** Makes any error a StoreError, such as `SQS.QueueDoesNotExist`. Drops AWS's text and request: they hold values. */
export const guarded =
  (service: string) =>
  async <T>(operation: string, call: () => Promise<T>): Promise<T> => {
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
  };
