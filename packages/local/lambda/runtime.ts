import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DeclaredFunction } from '../template/declared';
import { type ExecutionEnvironment, type Invocation, type InvokeResult, startEnvironment } from './environment';

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
    const logFile = join(logs, `${declared.key}-${randomUUID()}.log`);
    return startEnvironment({ declared, directory: join(directory, declared.key), variables, logFile });
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
