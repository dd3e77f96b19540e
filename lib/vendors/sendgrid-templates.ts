import { request } from './http';

/** What SendGrid says about a template: `usable`, or why it cannot be used or asked for. */
export type TemplateState = 'usable' | 'missing' | 'inactive' | 'key-refused' | 'not-allowed' | 'no-answer';

/**
 * Asks whether a dynamic template exists and has an active version. Never rejects. A key that may only send mail is not
 * allowed to ask. https://www.twilio.com/docs/sendgrid/api-reference/transactional-templates/retrieve-a-single-transactional-template
 */
export async function templateState(
  id: string,
  { endpoint, key, timeoutMs }: { endpoint: string; key: string; timeoutMs: number },
): Promise<TemplateState> {
  const call = { method: 'GET', url: `${endpoint}/v3/templates/${id}`, timeoutMs };
  const answer = await request({ ...call, headers: { Authorization: `Bearer ${key}` } }).catch(() => undefined);
  if (answer?.status === 200) return hasActiveVersion(answer.body) ? 'usable' : 'inactive';
  if (answer?.status === 404) return 'missing';
  if (answer?.status === 401) return 'key-refused';
  return answer?.status === 403 ? 'not-allowed' : 'no-answer';
}

function hasActiveVersion(body: unknown): boolean {
  const { versions } = (body ?? {}) as { versions?: { active?: unknown }[] };
  return Array.isArray(versions) && versions.some((version) => version?.active === 1);
}
