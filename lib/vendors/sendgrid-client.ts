import { NotOk, request } from './http';

export interface ClientConfig {
  endpoint: string;
  apiKey: string;
  timeoutMs: number;
}

/**
 * What @sendgrid/mail sends through, instead of @sendgrid/client: that one has no time-out, and its network errors
 * print the API key. By an alias in the bundles and in the tests it also takes its place as a module, which keeps axios
 * (270 KB) out; the library then makes one by itself, without arguments, and the adapter never uses that one.
 */
export class Client {
  readonly #config: ClientConfig | undefined;

  constructor(config?: ClientConfig) {
    this.#config = config;
  }

  /** Resolves as @sendgrid/client does. Rejects with NotOk for an answer outside 2xx, with NoAnswer for none. */
  async request({ method, url, body }: { method: string; url: string; body: unknown }) {
    if (!this.#config) throw new Error('a SendGrid client needs an endpoint and a key');
    const { endpoint, apiKey, timeoutMs } = this.#config;
    // `headers` of the mail are left out on purpose: the library would send them as HTTP headers too.
    const headers = {
      Authorization: `Bearer ${apiKey}`,
      'Content-Type': 'application/json',
      Accept: 'application/json',
    };
    const answer = await request({ method, url: endpoint + url, headers, body: JSON.stringify(body), timeoutMs });
    if (answer.status < 200 || answer.status > 299) throw new NotOk(answer);
    return [{ statusCode: answer.status, headers: answer.headers, body: answer.body }, answer.body] as const;
  }
}
