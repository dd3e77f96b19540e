import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { DeclaredFunction } from '../template/declared';
import { logReader } from './log-reader';

/** How one invocation ended, as InvokeResult says it, and what the function wrote meanwhile. */
export interface Invocation {
  requestId: string;
  function: string;
  result: { kind: 'answer'; value: unknown } | { kind: 'failed'; reason: 'error' | 'timeout' | 'crash' };
  ms: number;
  cold: boolean;
  log: string[];
}

/** One process that runs a function's bundle, one invocation at a time, as Lambda keeps them. */
export interface ExecutionEnvironment {
  invoke(event: unknown): Promise<Invocation>;
  /** Ends it at once, in the middle of whatever it does; a running invocation ends as a crash. */
  kill(): void;
  /** False once it has ended, by whatever cause. */
  alive(): boolean;
  /** Resolves when the process is gone. */
  ended: Promise<void>;
}

interface Start {
  declared: DeclaredFunction;
  /** Where the function's artifact is unpacked. */
  directory: string;
  /** The whole environment: nothing of this process is inherited. */
  variables: Record<string, string>;
  logFile: string;
}

type Message = { kind: 'ready' | 'init-failed' | 'error' } | { kind: 'answer'; json: string };

const INIT_LIMIT_MS = 10_000;

/**
 * Starts an execution environment. Its output is a file and not a pipe: writes to a file are synchronous, so nothing
 * that was written before a kill is lost, and no answer overtakes its own log. Unlike Lambda it is not frozen between
 * invocations.
 */
export function startEnvironment({ declared, directory, variables, logFile }: Start): ExecutionEnvironment {
  const [module = '', exported = ''] = splitHandler(declared.handler);
  const output = openSync(logFile, 'a');
  const child = fork(join(__dirname, 'boot.cjs'), [join(directory, module), exported], {
    env: variables,
    execPath: process.execPath,
    execArgv: [`--max-old-space-size=${declared.memoryMb}`],
    stdio: ['ignore', output, output, 'ipc'],
    serialization: 'advanced',
  });
  closeSync(output);
  const log = logReader(logFile);
  let alive = true;
  const ended = new Promise<void>((resolve) => {
    // A process that could not be started at all, or no longer be spoken to, says 'error'.
    for (const end of ['exit', 'error']) child.on(end, () => resolve());
  }).then(() => {
    alive = false;
  });
  const kill = () => {
    alive = false;
    child.kill('SIGKILL');
  };

  async function nextMessage(): Promise<Message | 'exit'> {
    const stopWaiting = new AbortController();
    const message = once(child, 'message', { signal: stopWaiting.signal }).then(([received]) => received as Message);
    try {
      return await Promise.race([message, ended.then(() => 'exit' as const)]);
    } finally {
      stopWaiting.abort();
    }
  }

  /** Waits for the next message, or kills at the limit and waits for the process to be gone. */
  async function until(limitMs: number): Promise<Message | 'exit' | 'timeout'> {
    if (!alive) return 'exit';
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      kill();
    }, limitMs);
    const message = await nextMessage();
    clearTimeout(timer);
    return message === 'exit' && late ? 'timeout' : message;
  }

  // Listens from the start: the process may be ready before its first invocation comes.
  const initialisation = until(INIT_LIMIT_MS);
  let initialised = false;

  async function run(requestId: string, event: unknown): Promise<Invocation['result']> {
    if (!initialised) {
      const first = await initialisation;
      if (first === 'exit') return { kind: 'failed', reason: 'crash' };
      if (first === 'timeout' || first.kind !== 'ready') {
        kill();
        return { kind: 'failed', reason: first === 'timeout' ? 'timeout' : 'error' };
      }
      initialised = true;
    }
    const limitMs = declared.timeoutSeconds * 1000;
    const context = {
      awsRequestId: requestId,
      functionName: declared.name,
      functionVersion: '$LATEST',
      invokedFunctionArn: declared.arn,
      memoryLimitInMB: String(declared.memoryMb),
      logGroupName: `/aws/lambda/${declared.name}`,
      logStreamName: 'local',
    };
    child.send({ event, context, deadline: Date.now() + limitMs });
    const message = await until(limitMs);
    if (message === 'timeout') return { kind: 'failed', reason: 'timeout' };
    if (message === 'exit') return { kind: 'failed', reason: 'crash' };
    if (message.kind !== 'answer') return { kind: 'failed', reason: 'error' };
    return { kind: 'answer', value: JSON.parse(message.json) as unknown };
  }

  return {
    async invoke(event) {
      const requestId = randomUUID();
      const cold = !initialised;
      const from = Date.now();
      const result = await run(requestId, event);
      return { requestId, function: declared.key, result, ms: Date.now() - from, cold, log: log.next() };
    },
    kill,
    alive: () => alive,
    ended,
  };
}

/** `handlers/feedback.handler` → file without extension, name of the export. */
function splitHandler(handler: string): [string, string] {
  const dot = handler.lastIndexOf('.');
  return [handler.slice(0, dot), handler.slice(dot + 1)];
}
