import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLambda, type Invocation, type Lambda } from '../../../../packages/local/lambda/runtime';
import type { DeclaredFunction } from '../../../../packages/local/template/declared';
import { eventually } from '../../../support/eventually';
import { PATIENCE_MS } from '../../../support/patience.cjs';

const source = `
let runs = 0;
exports.handler = async (event, context) => {
  runs += 1;
  console.log('run ' + runs);
  if (event.throws) throw new Error('no');
  if (event.exits) process.exit(7);
  if (event.loops) for (;;);
  if (event.busyMs) for (const until = Date.now() + event.busyMs; Date.now() < until; );
  if (event.tells) require('node:fs').writeFileSync(event.tells, '');
  if (event.waitsFor) while (!require('node:fs').existsSync(event.waitsFor)) await new Promise((done) => setTimeout(done, 5));
  return { runs, pid: process.pid, env: process.env, left: context.getRemainingTimeInMillis(), name: context.functionName };
};
`;

const worker: DeclaredFunction = {
  ...{ key: 'worker', FunctionName: 'example-local-worker', Handler: 'index.handler', Timeout: 5, MemorySize: 128 },
  arn: 'arn:aws:lambda:us-east-1:000000000000:function:example-local-worker',
  environment: { FROM_TEMPLATE: 'yes', ENDPOINT: 'https://api.example.com' },
  schedule: undefined,
};

let directory: string;
let lambda: Lambda;
let invocations: Invocation[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lambda-'));
  mkdirSync(join(directory, 'worker'));
  writeFileSync(join(directory, 'worker', 'index.js'), source);
  invocations = [];
});

afterEach(async () => {
  await lambda.stop();
  rmSync(directory, { recursive: true });
});

function start({ patienceMs, ...over }: Partial<DeclaredFunction> & { patienceMs?: number } = {}): Lambda {
  lambda = createLambda({
    functions: [{ ...worker, ...over }],
    directory,
    variables: () => ({ ENDPOINT: 'http://127.0.0.1:1' }),
    onInvocation: (invocation) => invocations.push(invocation),
    ...(patienceMs !== undefined && { patienceMs }),
  });
  return lambda;
}

/** Resolves once a function has reached the point that the test waits for. */
async function told(file: string): Promise<void> {
  await eventually(() => existsSync(file), Boolean);
}

async function answer(event: object = {}): Promise<Record<string, unknown>> {
  const result = await lambda.invoke('worker', event);
  if (result.kind !== 'answer') throw new Error(`ended as ${JSON.stringify(result)}`);
  return result.value as Record<string, unknown>;
}

test('a function gets the variables of the template and the overrides, and none of this process', async () => {
  process.env.OF_THE_MACHINE = 'secret';
  start();

  const { env, name, left } = await answer();

  expect(env).toMatchObject({
    ...{ FROM_TEMPLATE: 'yes', ENDPOINT: 'http://127.0.0.1:1', AWS_REGION: 'us-east-1' },
    ...{ AWS_LAMBDA_FUNCTION_NAME: 'example-local-worker', AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128' },
  });
  expect(env).not.toHaveProperty('OF_THE_MACHINE');
  expect(name).toBe('example-local-worker');
  expect(left).toBeLessThanOrEqual(5000);
  delete process.env.OF_THE_MACHINE;
});

test.each([
  ['throws fails, and its environment stays warm', { throws: true }, 'error', 2],
  ['ends its process is a crash, and the next start is cold', { exits: true }, 'crash', 1],
  ['loops without end is killed, its log is kept, and the next start is cold', { loops: true }, 'timeout', 1],
])('a function that %s', async (_what, event, reason, runs) => {
  start(reason === 'timeout' ? { Timeout: 0.2, patienceMs: 1_500 } : {});

  expect(await lambda.invoke('worker', event)).toEqual({ kind: 'failed', reason });
  expect((await answer()).runs).toBe(runs);
  const [first, second] = invocations.map(({ cold, log }) => `${cold} ${log[0]}`);
  expect([first, second]).toEqual(['true run 1', `${runs === 1} run ${runs}`]);
});

test('a process that is busy for longer than its time-out is late, and does not crash', async () => {
  start({ Timeout: 0.2 });

  const { left, runs } = await answer({ busyMs: 500 });

  // The function sees the time-out of the template, as on Lambda.
  expect([left, runs]).toEqual([0, 1]);
});

test('a kill ends the invocation of one event as a crash and spares the others', async () => {
  start();
  const [running, open] = [join(directory, 'running'), join(directory, 'open')];
  const hit = lambda.invoke('worker', { job: 'a', tells: running, waitsFor: open });
  const spared = answer({ job: 'b', waitsFor: open });
  await told(running);

  lambda.kill('worker', (event) => (event as { job: string }).job === 'a');
  writeFileSync(open, '');

  expect(await hit).toEqual({ kind: 'failed', reason: 'crash' });
  expect((await spared).runs).toBe(1);
  expect(invocations.map(({ log }) => log)).toEqual([['run 1'], ['run 1']]);
});

test('a function above its reserved concurrency is throttled', async () => {
  start({ ReservedConcurrentExecutions: 1 });
  const open = join(directory, 'open');
  const running = answer({ waitsFor: open });

  const second = await lambda.invoke('worker', {});
  writeFileSync(open, '');

  expect(second).toEqual({ kind: 'throttled' });
  expect((await running).runs).toBe(1);
});

test('a bundle that does not load fails every invocation, and the log says why', async () => {
  writeFileSync(join(directory, 'worker', 'index.js'), 'throw new Error("broken bundle")');
  start();

  for (let times = 0; times < 2; times++)
    expect(await lambda.invoke('worker', {})).toEqual({ kind: 'failed', reason: 'error' });
  expect(invocations[1]?.log.join('\n')).toContain('broken bundle');
});

test('a stop leaves no busy or idle process behind, and starts none for an event that comes late', async () => {
  start();
  const idle = Number((await answer()).pid);
  const busy = lambda.invoke('worker', { waitsFor: join(directory, 'never') });

  await lambda.stop();

  expect(() => process.kill(idle, 0)).toThrow('ESRCH');
  expect(await busy).toEqual({ kind: 'failed', reason: 'crash' });
  expect(await lambda.invoke('worker', {})).toEqual({ kind: 'throttled' });
});

test('a busy environment ends when its service is killed', async () => {
  start();
  const running = join(directory, 'running');
  const event = { tells: running, waitsFor: join(directory, 'never') };
  const boot = join(process.cwd(), 'packages/local/lambda/boot.cjs');
  const orphan = fork(boot, [join(directory, 'worker', 'index'), 'handler'], { silent: true });
  await once(orphan, 'message');
  orphan.send({ event, context: {}, deadline: 0 });
  await told(running);

  orphan.disconnect();

  const [code] = await once(orphan, 'exit', { signal: AbortSignal.timeout(PATIENCE_MS) }).finally(() =>
    orphan.kill('SIGKILL'),
  );
  expect(code).toBe(0);
});
