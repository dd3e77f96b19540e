import {
  createRetryStrategy,
  type DurableExecutionClient,
  type DurableExecutionInvocationInput,
  DurableExecutionInvocationInputWithClient,
  type DurableLambdaHandler,
  JitterStrategy,
  type RetryDecision,
  retryPresets,
  StepSemantics,
  withDurableExecution,
} from '@aws/durable-execution-sdk-js';
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { type feedbackSteps, type Job, jobOf } from './rivals';

type RetryStrategy = (error: Error, attempt: number) => RetryDecision;

/** Errors after which the vendor certainly did nothing, so that another try is safe. */
const NOTHING_DONE = new Set(['TransientError', 'WaitError']);
const PERMANENT = 'PermanentError';
/** Retries for about a day, at most half an hour apart. */
const patient = createRetryStrategy({
  maxAttempts: 50,
  initialDelay: { seconds: 5 },
  maxDelay: { minutes: 30 },
  backoffRate: 2,
  jitter: JitterStrategy.NONE,
});

/**
 * The feedback job as a durable function. `careful`: the ticket is retried for a day, the mail is sent at most once,
 * and the job ends even if the mail is not proven. Otherwise each step has the SDK's defaults. `waited` gets the
 * seconds between two tries.
 */
export function durableFeedback(
  { ticket, mail, result }: ReturnType<typeof feedbackSteps>,
  { careful, waited }: { careful: boolean; waited: (seconds: number) => void },
): DurableLambdaHandler {
  const retry = (strategy: RetryStrategy): { retryStrategy: RetryStrategy } => ({
    retryStrategy: (error, attempt) => {
      const decision = strategy(error, attempt);
      if (decision.shouldRetry) waited(secondsOf(decision));
      return decision;
    },
  });
  const never: RetryDecision = { shouldRetry: false };
  const effects = retry(
    careful ? (error, n) => (error.name === PERMANENT ? never : patient(error, n)) : retryPresets.default,
  );
  const once = {
    semantics: StepSemantics.AtMostOncePerRetry,
    ...retry((error, n) => (NOTHING_DONE.has(error.name) ? patient(error, n) : never)),
  };
  return withDurableExecution(async (body: string, context) => {
    const job: Job = jobOf(body);
    const ticketId = await context.step('ticket', () => ticket(job), effects);
    const mailed = context.step('mail', () => mail(job, ticketId), careful ? once : effects);
    await (careful ? mailed.catch(() => {}) : mailed);
    await context.step('result', () => result(job, ticketId), effects);
  });
}

function secondsOf({ delay }: RetryDecision): number {
  const { hours = 0, minutes = 0, seconds = 0 }: Partial<Record<'hours' | 'minutes' | 'seconds', number>> = delay ?? {};
  return (hours * 60 + minutes) * 60 + seconds;
}

/**
 * Runs an execution to its end on the SDK's local runner. `mortal` resolves to `undefined` if the process died. Then
 * Lambda invokes the function again with the stored state, which the runner does not do by itself.
 */
export async function execute(
  handler: DurableLambdaHandler,
  body: string,
  mortal: <T>(run: () => Promise<T>) => Promise<T | undefined>,
): Promise<{ succeeded: boolean; operations: number }> {
  const handlerFunction: DurableLambdaHandler = async (event, context) => {
    const { durableExecutionClient } = event as DurableExecutionInvocationInputWithClient;
    let input: DurableExecutionInvocationInput = event;
    for (;;) {
      const process = mortalClient(durableExecutionClient, input.CheckpointToken);
      const received = new DurableExecutionInvocationInputWithClient(input, process.client);
      const answer = await mortal(() => handler(received, context));
      if (answer) return answer;
      input = { ...input, ...(await process.die(input.DurableExecutionArn)) };
    }
  };
  const runner = new LocalDurableTestRunner({ handlerFunction });
  const execution = await runner.run({ payload: body });
  // The start of an execution is an operation too.
  return { succeeded: execution.getStatus() === 'SUCCEEDED', operations: execution.getOperations().length + 1 };
}

/** The client of one invocation. After the process died, its calls have no effect. */
function mortalClient(client: DurableExecutionClient, firstToken: string) {
  let token = firstToken;
  let dead = false;
  const flights = new Set<Promise<unknown>>();
  const mortal: DurableExecutionClient = {
    getExecutionState: (request) => client.getExecutionState(request),
    checkpoint: async (request) => {
      if (dead) return new Promise(() => {});
      const flight = client.checkpoint(request);
      flights.add(flight);
      const answer = await flight.finally(() => flights.delete(flight));
      token = answer.CheckpointToken ?? token;
      return answer;
    },
  };
  return {
    client: mortal,
    /** Kills the process. Resolves to the state with which the next one starts. */
    async die(DurableExecutionArn: string) {
      dead = true;
      await Promise.allSettled(flights);
      const { Operations = [] } = await client.getExecutionState({
        DurableExecutionArn,
        CheckpointToken: token,
        Marker: '',
      });
      return { CheckpointToken: token, InitialExecutionState: { Operations, NextMarker: '' } };
    },
  };
}
