import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { DeclaredFunction } from '../template/declared';

export type Lambda = ReturnType<typeof createLambda>;

interface LambdaOptions {
  functions: DeclaredFunction[];
  /** It has the unpacked code of each function in a folder with its key, and gets their logs. */
  directory: string;
  region: string;
  /** Variables that no template declares: credentials and endpoints. They override those of the template. */
  variables: (declared: DeclaredFunction) => Record<string, string>;
  onInvocation?: (invocation: Invocation) => void;
}

interface Pool {
  declared: DeclaredFunction;
  idle: ExecutionEnvironment[];
  busy: Map<ExecutionEnvironment, unknown>;
}

/** Runs the template's functions on this machine, with cold starts, time-outs, concurrency limits and crashes. */
export function createLambda({ functions, directory, region, variables: added, onInvocation }: LambdaOptions) {
  const logs = join(directory, 'logs');
  mkdirSync(logs, { recursive: true });
  const pools = new Map<string, Pool>(
    functions.map((declared) => [declared.key, { declared, idle: [], busy: new Map() }]),
  );

  function poolOf(key: string): Pool {
    const pool = pools.get(key);
    if (!pool) throw new Error(`no function ${key}; the functions are ${[...pools.keys()].join(', ')}`);
    return pool;
  }

  function start(declared: DeclaredFunction): ExecutionEnvironment {
    const variables = {
      // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
      AWS_REGION: region,
      AWS_LAMBDA_FUNCTION_NAME: declared.name,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(declared.memoryMb),
      TZ: ':UTC',
      ...declared.environment,
      ...added(declared),
    };
    const code = join(directory, declared.key);
    return startEnvironment(declared, { code, variables, logFile: join(logs, `${declared.key}-${randomUUID()}.log`) });
  }

  const all = () => [...pools.values()].flatMap(({ idle, busy }) => [...idle, ...busy.keys()]);
  const kill = () => {
    for (const environment of all()) environment.kill();
  };
  process.on('exit', kill);
  let stopped = false;

  return {
    /** Runs a function by its key in serverless.yml, in a warm environment if one is free. */
    async invoke(key: string, event: unknown): Promise<InvokeResult> {
      const pool = poolOf(key);
      const { reservedConcurrency = Number.POSITIVE_INFINITY } = pool.declared;
      // An event that comes during a stop must not start a process, which would keep this one alive.
      if (stopped || pool.busy.size >= reservedConcurrency) return { kind: 'throttled' };
      pool.idle = pool.idle.filter((environment) => environment.alive());
      const environment = pool.idle.pop() ?? start(pool.declared);
      pool.busy.set(environment, event);
      try {
        const invocation = await environment.invoke(event);
        onInvocation?.(invocation);
        return invocation.result;
      } finally {
        pool.busy.delete(environment);
        if (environment.alive()) pool.idle.push(environment);
      }
    },
    kill(key: string, matches: (event: unknown) => boolean): void {
      for (const [environment, event] of poolOf(key).busy) if (matches(event)) environment.kill();
    },
    async stop(): Promise<void> {
      stopped = true;
      const ended = all().map((environment) => environment.ended);
      kill();
      await Promise.all(ended);
      process.off('exit', kill);
    },
  };
}

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
type ExecutionEnvironment = ReturnType<typeof startEnvironment>;

interface Start {
  /** Folder of the function's code. */
  code: string;
  /** The whole environment. The process inherits no variable of this one. */
  variables: Record<string, string>;
  logFile: string;
}

/** What boot.cjs sends, or how its process ended. It sends `error` also if the bundle does not load. */
type Message = { kind: 'ready' | 'error' | 'crash' | 'timeout' } | { kind: 'answer'; json: string };

/** Lambda gives ten seconds. A machine that starts several functions at once is slower. */
const INIT_LIMIT_MS = 60_000;

/** Starts an execution environment. It logs to a file: such writes are synchronous, so a kill loses no line. */
function startEnvironment(declared: DeclaredFunction, { code, variables, logFile }: Start) {
  const dot = declared.handler.lastIndexOf('.');
  const bundle = join(code, declared.handler.slice(0, dot));
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
