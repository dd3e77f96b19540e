import { randomInt } from 'node:crypto';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { close, listen } from '../../../packages/local/loopback';
import { exampleFeedback, exampleWithService, type RunningExample } from '../../support/installed-example';

const started = exampleWithService();

/** A killed process leaves its requests without an answer, or with a part of one. */
function unanswered(error: unknown): undefined {
  // Jest's own realm has other classes of these names.
  if (!['TypeError', 'SyntaxError'].includes((error as Error).name)) throw error;
}

/** Passes requests on to `target`. It resets those that `resets` names before they have any effect. */
async function resettingProxy(target: string, resets: () => boolean) {
  const server = http.createServer((request, response) => {
    if (resets()) {
      request.socket.destroy();
      return;
    }
    const { method, headers, url = '/' } = request;
    const onward = http.request(new URL(url, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  return { url: await listen(server, 0), close: () => close(server) };
}

test('killed at random points, the example loses no job whose 202 a client received, and makes none twice', async () => {
  const seed = Number(process.env.EXAMPLE_SEED ?? randomInt(2 ** 31));
  process.stdout.write(`EXAMPLE_SEED=${seed}\n`);
  const draw = <T>(arbitrary: fc.Arbitrary<T>) => fc.sample(arbitrary, { seed, numRuns: 1 })[0] as T;
  const kills = draw(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 3, maxLength: 3 }));
  // While SQS resets connections, a message stays unsent for a while. An answer that did not wait for it would lose it.
  const resets = draw(fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 100, maxLength: 100 }));
  const { service } = started;
  let asked = 0;
  const sqs = await resettingProxy(service.endpoints.sqs, () => resets[asked++ % resets.length] === 0);
  const next = await Promise.all(kills.map(() => started.start({ AWS_ENDPOINT_URL_SQS: sqs.url })));
  started.current = next.shift() as RunningExample;
  const accepted = new Map<string, string>();

  /** A client sends its jobs one after another, and sends each again with its key until it is answered. */
  const client = async (name: number) => {
    for (let n = 0; n < 5; n++) {
      const key = `client-${name}-${n}`;
      while (!accepted.has(key)) {
        const headers = { 'idempotency-key': key };
        const answer = await started.ask('POST', '/feedback', exampleFeedback(key), headers).catch(unanswered);
        if (answer?.status === 202) accepted.set(key, String(answer.json.id));
        else await pause(1);
      }
    }
  };
  const clients = Promise.all([1, 2, 3].map(client));
  for (const following of next) {
    await pause(kills.pop());
    const killed = started.current.end('SIGKILL');
    started.current = following;
    await killed;
  }
  await clients;
  await pause(kills.pop());
  await started.current.end('SIGKILL');
  await sqs.close();

  expect(new Set(accepted.values()).size).toBe(15);
  for (const [key, id] of accepted) {
    const { state, reason, error } = await service.recorded(id);
    expect([key, state, reason, error]).toEqual([key, 'succeeded', undefined, undefined]);
    expect([key, service.zendesk.tickets.filter(({ external_id }) => external_id === id).length]).toEqual([key, 1]);
  }
});
