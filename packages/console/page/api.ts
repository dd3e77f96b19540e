const TOKEN = 'token';

/** Takes the token from the address and removes it there, so that it is in no bookmark. */
export function takeToken(): void {
  const [, token] = /^#token=(.+)$/.exec(location.hash) ?? [];
  if (token === undefined) return;
  // Only for this tab until the server has judged it. A wrong one must not replace the one that works.
  sessionStorage.setItem(TOKEN, token);
  history.replaceState(null, '', location.pathname + location.search);
}

/** Calls the API, which answers JSON. With a body it is a POST. A rejection has a message for the operator. */
export async function ask<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
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
    throw new Error('The console does not answer. Is it still running?');
  });
  if (offered !== null) {
    sessionStorage.removeItem(TOKEN);
    if (response.status === 401) return ask(path, body, signal);
    // Kept for this origin, port included. It is worthless once the console stops.
    localStorage.setItem(TOKEN, offered);
  }
  if (response.ok) return (await response.json()) as T;
  const { error = `The console answered ${response.status}.` } = (await response.json().catch(() => ({}))) as {
    error?: string;
  };
  throw new Error(error);
}
