import { checkMessage, type TakenMessage } from './discord-rules';
import type { FakeRequest, Reply } from './exchange';
import { type FakeServer, startFake } from './server';

export interface FakeDiscord extends FakeServer {
  /** The messages that the webhook accepted, in order. */
  messages: TakenMessage[];
  /** Set DISCORD_WEBHOOK_URL to this URL. */
  webhook: string;
}

const PATH = '/api/webhooks/1/local-token';

/** Discord on 127.0.0.1, with one webhook. Any other path answers 404, like a deleted webhook. */
export async function startFakeDiscord({ port }: { port?: number } = {}): Promise<FakeDiscord> {
  const messages: TakenMessage[] = [];
  const handle = ({ method, path, query, body }: FakeRequest): Reply => {
    if (path !== PATH) return { status: 404, headers: {}, json: { message: 'Unknown Webhook', code: 10_015 } };
    if (method !== 'POST') return { status: 405, headers: {}, json: { message: '405: Method Not Allowed', code: 0 } };
    const checked = checkMessage(json(body));
    if ('problems' in checked)
      return {
        status: 400,
        headers: {},
        json: { message: 'Invalid Form Body', code: 50_035, errors: checked.problems },
      };
    messages.push(checked.message);
    return query.wait === 'true'
      ? { status: 200, headers: {}, json: { id: String(messages.length), type: 0 } }
      : { status: 204, headers: {} };
  };
  const server = await startFake({ port, handle, state: () => ({ messages }) });
  return { ...server, messages, webhook: `${server.url}${PATH}` };
}

function json(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
