/** The server refused a call, or did not answer. The message is for the operator. */
export class CallError extends Error {
  override readonly name = 'CallError';
  constructor(
    message: string,
    /** The HTTP status. 0: no answer. */
    readonly status: number,
  ) {
    super(message);
  }
}

const TOKEN = 'token';

/** Takes the token from the address and removes it there, so that it is in no bookmark. */
export function takeToken(): void {
  const [, token] = /^#token=(.+)$/.exec(location.hash) ?? [];
  if (token === undefined) return;
  // Only for this tab until the server has judged it. A wrong one must not replace the one that works.
  sessionStorage.setItem(TOKEN, token);
  history.replaceState(null, '', location.pathname + location.search);
}

/** Calls the API. With a body it is a POST. Rejects with a CallError. */
export async function call(path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const offered = sessionStorage.getItem(TOKEN);
  const response = await fetch(`/console/api/${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
    headers: {
      'x-console': '1',
      'content-type': 'application/json',
      authorization: `Bearer ${offered ?? localStorage.getItem(TOKEN) ?? ''}`,
    },
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new CallError('The console does not answer. Is it still running?', 0);
  });
  if (offered !== null) {
    sessionStorage.removeItem(TOKEN);
    if (response.status === 401) return call(path, body, signal);
    // Kept for this origin, port included. It is worthless once the console stops.
    localStorage.setItem(TOKEN, offered);
  }
  if (response.ok) return response;
  const { error = `The console answered ${response.status}.` } = (await response.json().catch(() => ({}))) as {
    error?: string;
  };
  throw new CallError(error, response.status);
}

/** The JSON that the API answers. */
export const ask = async <T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> =>
  (await (await call(path, body, signal)).json()) as T;
