import type { Failure } from './fakes/failures';
import type { Lambda } from './lambda/runtime';

export interface Kill {
  /** The function whose process ends … */
  functionKey: string;
  /** … when a request of this kind reaches the vendor … */
  request: Pick<Failure, 'method' | 'path' | 'times'>;
  /** … while it works on a message with this text in it. */
  marker: string;
  /** Whether the vendor still does what it was asked to. */
  effect: boolean;
}

/**
 * A failure for a fake vendor: the process of the worker that calls is killed at once, with no chance to write
 * anything. Every await of a worker that matters is a request, so this is a crash at a chosen line.
 */
export function killingFailure(lambda: Pick<Lambda, 'kill'>, { functionKey, request, marker, effect }: Kill): Failure {
  return {
    ...request,
    bodyContains: marker,
    ...(effect ? { after: 'hang' } : { before: 'hang' }),
    // The last condition to be asked, so the request is the one that is meant.
    matches: () => {
      lambda.kill(functionKey, (event) => JSON.stringify(event).includes(marker));
      return true;
    },
  };
}
