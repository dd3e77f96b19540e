import http from 'node:http';
import { controlPlane, EMAIL_EVENTS } from '../../../packages/local/control-plane';
import { eventBridge } from '../../../packages/local/emulators';
import { createMetrics } from '../../../packages/local/functions';
import { close, listen } from '../../../packages/local/loopback';

test.each([
  [{ kind: 'answer', value: { statusCode: 204 } }, 204],
  [{ kind: 'failed', reason: 'timeout' }, 502],
  [{ kind: 'throttled' }, 429],
] as const)(
  "SendGrid's events go to their function as they are, and %j is answered with %i",
  async (result, status) => {
    const events: object[] = [];
    const invoke = async (_key: string, event: unknown) => {
      events.push(event as object);
      return result;
    };
    const unused = { mappings: [], metrics: createMetrics(), bridge: eventBridge([]) };
    const server = http.createServer(controlPlane({ lambda: { invoke }, ...unused }));
    const url = `${await listen(server, 0)}${EMAIL_EVENTS}`;

    const answer = await fetch(url, { method: 'POST', body: '[ "ä" ]', headers: { 'X-Signed': 'yes' } });
    await close(server);

    const body = Buffer.from('[ "ä" ]').toString('base64');
    expect(answer.status).toBe(status);
    expect(events).toMatchObject([{ headers: { 'x-signed': 'yes' }, body, isBase64Encoded: true }]);
  },
);
