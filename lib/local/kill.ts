import type { Failure } from './fakes/failures';
import type { Lambda } from './lambda/runtime';

export interface Kill {
  /** The function whose worker process is killed. */
  functionKey: string;
  /** The request that triggers the kill when it reaches the vendor. */
  request: Pick<Failure, 'method' | 'path' | 'times'>;
  /** Text in the message that the worker handles at that time. */
  marker: string;
  /** Whether the request still takes effect at the vendor. */
  effect: boolean;
}

/**
 * A failure for a fake vendor that kills the calling worker at once, before it can write anything. Every await that
 * matters in a worker is a request, so a test can crash the worker at a chosen line.
 */
export function killingFailure(lambda: Pick<Lambda, 'kill'>, { functionKey, request, marker, effect }: Kill): Failure {
  return {
    ...request,
    bodyContains: marker,
    ...(effect ? { after: 'hang' } : { before: 'hang' }),
    // The fake checks this last, so it runs only for the chosen request.
    matches: () => {
      lambda.kill(functionKey, (event) => JSON.stringify(event).includes(marker));
      return true;
    },
  };
}
