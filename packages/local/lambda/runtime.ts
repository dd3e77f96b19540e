import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { REGION } from '../loopback';
import type { DeclaredFunction } from '../template/declared';

export type Lambda = ReturnType<typeof createLambda>;

interface LambdaOptions {
  functions: DeclaredFunction[];
  /** It has the unpacked code of each function in a folder with its key, and gets their logs. */
  directory: string;
  /** Variables that no template declares: credentials and endpoints. They override those of the template. */
  variables: (declared: DeclaredFunction) => Record<string, string>;
  onInvocation?: (invocation: Invocation) => void;
  patienceMs?: number;
}

/**
 * How much longer than its time-out a function may take here. A process of a busy machine is late, which is no crash.
 * The function still sees the time-out of the template. Time-out and patience are shorter than the visibility timeout of
 * every queue, so no message comes back to a second worker meanwhile.
 */
export const PATIENCE_MS = 40_000;

/** How an invocation ended. `value` is the function's answer, parsed from JSON. */
export type InvokeResult =
  | { kind: 'answer'; value: unknown }
  | { kind: 'failed'; reason: 'error' | 'timeout' | 'crash' }
  | { kind: 'throttled' };

export interface Invocation {
  function: string;
  result: Exclude<InvokeResult, { kind: 'throttled' }>;
  ms: number;
  cold: boolean;
  log: string[];
}

/** Runs the template's functions on this machine, with cold starts, time-outs, concurrency limits and crashes. */
export function createLambda(options: LambdaOptions) {
  const { functions, directory, variables: added, onInvocation, patienceMs = PATIENCE_MS } = options;
  mkdirSync(join(directory, 'logs'), { recursive: true });
  const environments = new Set<ExecutionEnvironment>();
  const environmentsOf = (key: string) => [...environments].filter(({ declared }) => declared.key === key);
  const kill = () => {
    for (const environment of environments) environment.kill();
  };
  process.on('exit', kill);
  let stopped = false;

  function start(declared: DeclaredFunction): ExecutionEnvironment {
    const env = {
      // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
      AWS_REGION: REGION,
      AWS_LAMBDA_FUNCTION_NAME: declared.FunctionName,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(declared.MemorySize),
      TZ: ':UTC',
      ...declared.environment,
      ...added(declared),
    };
    const environment = startEnvironment(declared, { directory, env, patienceMs });
    environments.add(environment);
    void environment.ended.then(() => environments.delete(environment));
    return environment;
  }

  return {
    /** Runs a function by its key in serverless.yml, in a warm environment if one is free. */
    async invoke(key: string, event: unknown): Promise<InvokeResult> {
      const declared = functions.find((each) => each.key === key);
      if (!declared) throw new Error(`there is no function ${key}`);
      const all = environmentsOf(key).filter(({ alive }) => alive());
      const idle = all.filter(({ running }) => !running());
      const { ReservedConcurrentExecutions: most = Infinity } = declared;
      // An event that comes during a stop must not start a process, which would keep this one alive.
      if (stopped || all.length - idle.length >= most) return { kind: 'throttled' };
      const invocation = await (idle.at(-1) ?? start(declared)).invoke(event);
      onInvocation?.(invocation);
      return invocation.result;
    },
    /** Kills the environments that run a matching event. Their invocations end as crashes. */
    kill(key: string, matches: (event: unknown) => boolean): void {
      for (const { running, kill } of environmentsOf(key)) if (running() && matches(running()?.event)) kill();
    },
    async stop(): Promise<void> {
      stopped = true;
      const ended = [...environments].map((environment) => environment.ended);
      kill();
      await Promise.all(ended);
      process.off('exit', kill);
    },
  };
}

/** A process that runs a function's bundle, one invocation at a time, like an execution environment of Lambda. */
type ExecutionEnvironment = ReturnType<typeof startEnvironment>;

/** What boot.cjs sends, or how its process ended. It sends `error` also if the bundle does not load. */
type Message = { kind: 'ready' | 'error' | 'crash' | 'timeout' } | { kind: 'answer'; json: string };

/** Lambda gives ten seconds. A machine that starts several functions at once is slower. */
const INIT_LIMIT_MS = 60_000;

type EnvironmentOptions = { directory: string; env: Record<string, string>; patienceMs: number };

function startEnvironment(declared: DeclaredFunction, options: EnvironmentOptions) {
  const logFile = join(options.directory, 'logs', `${declared.key}-${randomUUID()}.log`);
  const { child, ended, alive, kill, until } = startProcess(declared, options, logFile);
  let running: { event: unknown } | undefined;
  // Listen at once, because the process may be ready before the first invocation.
  const initialisation = until(INIT_LIMIT_MS);
  let cold = true;

  async function run(event: unknown): Promise<Invocation['result']> {
    let message = await initialisation;
    if (message.kind !== 'ready') kill();
    // A kill may have come meanwhile. A send to a killed process would count as its end.
    else if (!alive()) message = { kind: 'crash' };
    else {
      cold = false;
      const limitMs = declared.Timeout * 1000;
      const context = {
        awsRequestId: randomUUID(),
        functionName: declared.FunctionName,
        invokedFunctionArn: declared.arn,
        memoryLimitInMB: String(declared.MemorySize),
      };
      child.send({ event, context, deadline: Date.now() + limitMs });
      message = await until(limitMs + options.patienceMs);
    }
    if (message.kind === 'answer') return { kind: 'answer', value: JSON.parse(message.json) as unknown };
    return { kind: 'failed', reason: message.kind === 'ready' ? 'error' : message.kind };
  }

  return {
    declared,
    ended,
    alive,
    running: () => running,
    kill,
    async invoke(event: unknown): Promise<Invocation> {
      running = { event };
      const from = Date.now();
      const was = { function: declared.key, cold };
      const result = await run(event);
      const log = readFileSync(logFile, 'utf8')
        .split('\n')
        .filter((line) => line !== '');
      truncateSync(logFile);
      running = undefined;
      return { ...was, result, ms: Date.now() - from, log };
    },
  };
}

/** The process inherits no variable of this one. It logs to a file: such writes are synchronous, so a kill loses no line. */
function startProcess(declared: DeclaredFunction, { directory, env }: EnvironmentOptions, logFile: string) {
  const [, bundle = '', exported = ''] = /^(.*)\.(.*)$/.exec(declared.Handler) ?? [];
  const output = openSync(logFile, 'a');
  const child = fork(join(__dirname, 'boot.cjs'), [join(directory, declared.key, bundle), exported], {
    env,
    execPath: process.execPath,
    execArgv: [`--max-old-space-size=${declared.MemorySize}`],
    stdio: ['ignore', output, output, 'ipc'],
    serialization: 'advanced',
  });
  closeSync(output);
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
    const message = new Promise<Message>((resolve) => child.once('message', resolve));
    const first = await Promise.race([message, ended.then(() => ({ kind: end }))]);
    clearTimeout(timer);
    return first;
  }

  return { child, ended, alive: () => alive, kill, until };
}
