import { requestOk } from '../platform/http';

/**
 * An alias replaces @sendgrid/client by this, because that client has no time-out, its network errors print the API key,
 * and it loads axios (270 KB). The library creates one client without arguments when it loads, and never uses it.
 */
export class Client {
  readonly #config;

  constructor(config?: { endpoint: string; apiKey: string; timeoutMs: number }) {
    this.#config = config;
  }

  /** Resolves as @sendgrid/client does. Rejects as `requestOk` does. */
  async request({ method, url, body }: { method: string; url: string; body?: unknown }) {
    if (!this.#config) throw new Error('a SendGrid client needs an endpoint and a key');
    const { endpoint, apiKey, timeoutMs } = this.#config;
    // Ignores the library's `headers`, which are the mail's. They must not become headers of the HTTP request.
    const headers = {
      Authorization: `Bearer ${apiKey}`,
      'Content-Type': 'application/json',
      Accept: 'application/json',
    };
    const answer = await requestOk({
      method,
      url: endpoint + url,
      headers,
      body: body === undefined ? body : JSON.stringify(body),
      timeoutMs,
    });
    return [{ statusCode: answer.status, headers: answer.headers, body: answer.body }, answer.body] as const;
  }
}
