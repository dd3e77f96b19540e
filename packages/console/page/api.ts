const TOKEN = 'token';

const [, given] = /^#token=(.+)$/.exec(location.hash) ?? [];
if (given !== undefined) {
  // For this origin, port included. It is worthless once the console stops.
  localStorage.setItem(TOKEN, given);
  // So that it is in no bookmark.
  history.replaceState(null, '', location.pathname + location.search);
}

/** Calls the API, which answers JSON. With a body it is a POST. A rejection has a message for the operator. */
export async function ask<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await fetch(`/console/api/${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
    headers: {
      'x-console': '1',
      'content-type': 'application/json',
      authorization: `Bearer ${localStorage.getItem(TOKEN)}`,
    },
  }).catch(() => {
    throw new Error('The console does not answer. Is it still running?');
  });
  const answer = (await response.json()) as T & { error: string };
  if (response.ok) return answer;
  throw new Error(answer.error);
}

/** The parameters of this page's address that are not empty. They hold the filters. */
export const params = Object.fromEntries(
  [...new URLSearchParams(location.search)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value),
) as Partial<Record<string, string>>;
export const param = (name: string): string => params[name] ?? '';

export const addressOf = (path: string, given: Record<string, string | undefined>): string =>
  `${path}?${new URLSearchParams(Object.entries(given).flatMap(([name, value]) => (value ? [[name, value]] : [])))}`;

export const jobAddress = (queue: string, id: string): string => addressOf('/console/job', { queue, id });
