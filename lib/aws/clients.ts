/**
 * The options of every AWS client. The SDK has no time-out of its own, and `requestTimeout` alone only prints a
 * warning. Without `throwOnRequestTimeout` a silent endpoint would block a function until Lambda kills it. Two tries of
 * three seconds stay well below the shortest visibility timeout and the deadline guard of every function.
 */
export const clientDefaults = {
  maxAttempts: 2,
  requestHandler: {
    connectionTimeout: 1_000,
    requestTimeout: 3_000,
    throwOnRequestTimeout: true,
    /** The longest idle time of a socket. The body of an answer has no other time-out. */
    socketTimeout: 3_000,
  },
} as const;

export const partitionOf = (region: string): string =>
  region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
