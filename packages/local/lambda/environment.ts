import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { DeclaredFunction } from '../template/declared';

/** How an invocation ended. `value` is the function's answer, parsed from JSON. */
export type InvokeResult =
  | { kind: 'answer'; value: unknown }
  | { kind: 'failed'; reason: 'error' | 'timeout' | 'crash' }
  | { kind: 'throttled' };

export interface Invocation {
  function: string;
  functionName: string;
  result: Exclude<InvokeResult, { kind: 'throttled' }>;
  ms: number;
  cold: boolean;
  log: string[];
}

/** A process that runs a function's bundle, one invocation at a time, like an execution environment of Lambda. */
export type ExecutionEnvironment = ReturnType<typeof startEnvironment>;

interface Start {
  declared: DeclaredFunction;
  directory: string;
  /** The whole environment. The process inherits no variable of this one. */
  variables: Record<string, string>;
  logFile: string;
}

/** What boot.cjs sends, or how its process ended. It sends `error` also if the bundle does not load. */
type Message = { kind: 'ready' | 'error' | 'crash' | 'timeout' } | { kind: 'answer'; json: string };

/** Lambda gives ten seconds. A machine that starts several functions at once is slower. */
const INIT_LIMIT_MS = 60_000;

/** Starts an execution environment. It logs to a file: such writes are synchronous, so a kill loses no line. */
export function startEnvironment({ declared, directory, variables, logFile }: Start) {
  const dot = declared.handler.lastIndexOf('.');
  const bundle = join(directory, declared.handler.slice(0, dot));
  const output = openSync(logFile, 'a');
  const child = fork(join(__dirname, 'boot.cjs'), [bundle, declared.handler.slice(dot + 1)], {
    env: variables,
    execPath: process.execPath,
    execArgv: [`--max-old-space-size=${declared.memoryMb}`],
    stdio: ['ignore', output, output, 'ipc'],
    serialization: 'advanced',
  });
  closeSync(output);
  const nextLines = logReader(logFile);
  let alive = true;
  const ended = new Promise<void>((resolve) => {
    // Node emits 'error' when it cannot start the process or cannot send to it.
    for (const end of ['exit', 'error']) child.on(end, () => resolve());
  }).then(() => {
    alive = false;
  });
  const kill = () => {
    alive = false;
    child.kill('SIGKILL');
  };

  /** Waits for the next message. At the limit it kills the process and waits until that has ended. */
  async function until(limitMs: number): Promise<Message> {
    if (!alive) return { kind: 'crash' };
    let end: 'crash' | 'timeout' = 'crash';
    const timer = setTimeout(() => {
      end = 'timeout';
      kill();
    }, limitMs);
    const stopWaiting = new AbortController();
    const message = once(child, 'message', { signal: stopWaiting.signal }).then(([received]) => received as Message);
    try {
      return await Promise.race([message, ended.then(() => ({ kind: end }))]);
    } finally {
      clearTimeout(timer);
      stopWaiting.abort();
    }
  }

  // Listen at once, because the process may be ready before the first invocation.
  const initialisation = until(INIT_LIMIT_MS);
  let initialised = false;

  async function run(event: unknown): Promise<Invocation['result']> {
    const first = await initialisation;
    if (first.kind !== 'ready') {
      kill();
      return resultOf(first);
    }
    initialised = true;
    // A kill may have come meanwhile. A send to a killed process would count as its end.
    if (!alive) return { kind: 'failed', reason: 'crash' };
    const limitMs = declared.timeoutSeconds * 1000;
    const context = {
      awsRequestId: randomUUID(),
      functionName: declared.name,
      invokedFunctionArn: declared.arn,
      memoryLimitInMB: String(declared.memoryMb),
    };
    child.send({ event, context, deadline: Date.now() + limitMs });
    return resultOf(await until(limitMs));
  }

  return {
    async invoke(event: unknown): Promise<Invocation> {
      const cold = !initialised;
      const from = Date.now();
      const result = await run(event);
      const { key, name: functionName } = declared;
      return { function: key, functionName, result, ms: Date.now() - from, cold, log: nextLines() };
    },
    /** Kills the process at once. A running invocation ends as a crash. */
    kill,
    alive: () => alive,
    ended,
  };
}

function resultOf(message: Message): Invocation['result'] {
  if (message.kind === 'answer') return { kind: 'answer', value: JSON.parse(message.json) as unknown };
  return { kind: 'failed', reason: message.kind === 'ready' ? 'error' : message.kind };
}

/** Reads a growing file. Each call returns the lines since the last one. */
function logReader(file: string): () => string[] {
  let position = 0;
  return () => {
    const descriptor = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(descriptor).size - position);
      position += readSync(descriptor, bytes, { position });
      const lines = bytes.toString('utf8').split('\n');
      return lines.filter((line) => line !== '');
    } finally {
      closeSync(descriptor);
    }
  };
}
