import { realSecret } from '../aws/secrets';
import { secret } from '../config/values';
import { StoreError } from '../errors';
import type { Instance } from '../instances/instance';
import type { Problem } from '../instances/problems';
import { type TemplateState, templateState } from '../vendors/sendgrid-templates';
import type { AwsConfig } from './serverless';

/** For each call to SendGrid. They run side by side. */
const TIMEOUT_MS = 5_000;

const RULES: Partial<Record<TemplateState, string>> = {
  missing: 'names a template that SendGrid does not have',
  inactive: 'names a template without an active version',
};

const NOT_CHECKED: Partial<Record<TemplateState, string>> = {
  'not-allowed': 'the API key may not read templates',
  'no-answer': 'SendGrid did not answer',
};

/**
 * Asks SendGrid for the templates of an instance's file, with the instance's own key. `notes`: what could not be checked,
 * which stops no deployment. Without templates the key is not read.
 */
export async function templateProblems(
  { settings: { sendgrid } }: Instance,
  config: AwsConfig,
): Promise<{ problems: Problem[]; notes: Problem[] }> {
  const { feedback, testflight, feedbackByLanguage = {} } = sendgrid?.templates ?? {};
  const languages = Object.entries(feedbackByLanguage).map(([language, id]) => [`feedbackByLanguage.${language}`, id]);
  const ids = [['feedback', feedback], ['testflight', testflight], ...languages].filter(([, id]) => id);
  const { endpoint = '', apiKey } = sendgrid ?? {};
  if (ids.length === 0 || apiKey === undefined) return { problems: [], notes: [] };
  // The key must not leave this machine in the clear.
  if (!/^(https:|http:\/\/127\.0\.0\.1:)/i.test(endpoint))
    return { problems: [], notes: [{ path: 'sendgrid.templates', rule: 'not checked: sendgrid.endpoint has no TLS' }] };

  const key = await realSecret(secret.parse(apiKey), config)().catch((error: unknown) => {
    if (error instanceof StoreError) return undefined;
    throw error;
  });
  const states = await Promise.all(
    ids.map(async ([name = '', id = '']) => {
      const path = `sendgrid.templates.${name}`;
      return { path, state: key && (await templateState(id, { endpoint, key, timeoutMs: TIMEOUT_MS })) };
    }),
  );
  const refused = states.some(({ state }) => state === 'key-refused');
  const found = states.flatMap(({ path, state }) => (state && RULES[state] ? { path, rule: RULES[state] } : []));
  return {
    problems: [
      ...(refused ? [{ path: 'sendgrid.apiKey', rule: 'names a key that SendGrid refuses (401)' }] : []),
      ...found,
    ],
    notes: states.flatMap(({ path, state }) => {
      const why = state ? NOT_CHECKED[state] : 'these credentials cannot read sendgrid.apiKey';
      return why === undefined ? [] : { path, rule: `not checked: ${why}` };
    }),
  };
}
