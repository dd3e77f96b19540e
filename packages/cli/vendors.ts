import { sendgrid } from '../../lib/mail/sendgrid';
import { realSecret } from '../../lib/platform/aws/secrets';
import { secret } from '../../lib/platform/config/functions';
import { JobError, type Vendor } from '../../lib/platform/errors';
import { requestOk, vendorCalls } from '../../lib/platform/http';
import { feedbackEnv } from '../../lib/queues/feedback/config';
import { realZendesk } from '../../lib/queues/feedback/zendesk';
import { realAppStoreConnect } from '../../lib/queues/testflight/app-store-connect';
import { testflightEnv } from '../../lib/queues/testflight/config';
import type { AwsConfig, Environment } from './target';

const TIMEOUT_MS = 10_000;
const NOBODY = 'sls-check-live';

/** Makes one harmless call to each vendor of these functions, with the secret that they use. `said`: what it has shown. */
export async function askVendors(env: Environment, config: AwsConfig) {
  const at = (name: string) => env[name] ?? '';
  const secretAt = (name: string) => realSecret(secret.parse(at(name)), config);
  const limits = { timeoutMs: TIMEOUT_MS };
  const asks: [Vendor, string, () => Promise<string>][] = [
    [
      'zendesk',
      'ZENDESK_TOKEN',
      async () => {
        const [endpoint, email] = [at('ZENDESK_ENDPOINT'), at('ZENDESK_EMAIL')];
        await realZendesk({ endpoint, email, token: secretAt('ZENDESK_TOKEN') }).findTicket(NOBODY, limits);
        return `it takes the token of ${email}, who may search tickets`;
      },
    ],
    [
      'sendgrid',
      'SENDGRID_API_KEY',
      async () => {
        const endpoint = feedbackEnv.shape.SENDGRID_ENDPOINT.parse(env.SENDGRID_ENDPOINT || undefined);
        const url = `${endpoint.replace(/\/+$/, '')}/v3/scopes`;
        const calling = vendorCalls({ dialect: sendgrid, secret: secretAt('SENDGRID_API_KEY'), now: Date.now });
        const { body } = await calling('repeatable', TIMEOUT_MS, (attempt) =>
          requestOk({ ...limits, method: 'GET', url, headers: { Authorization: `Bearer ${attempt.secret}` } }),
        );
        if (JSON.stringify(body)?.includes('"mail.send"')) return 'it takes the key, which may send mail';
        throw new Error('it takes the key, which may not send mail (it lacks the scope mail.send)');
      },
    ],
    [
      'app-store-connect',
      'APP_STORE_CONNECT_PRIVATE_KEY',
      async () => {
        const [app = '0'] = /\d+/.exec(at('APPS')) ?? [];
        const store = realAppStoreConnect({
          endpoint: testflightEnv.shape.APP_STORE_CONNECT_ENDPOINT.parse(env.APP_STORE_CONNECT_ENDPOINT || undefined),
          issuerId: at('APP_STORE_CONNECT_ISSUER_ID'),
          keyId: at('APP_STORE_CONNECT_KEY_ID'),
          privateKey: secretAt('APP_STORE_CONNECT_PRIVATE_KEY'),
        });
        await store.findTester({ app, email: `${NOBODY}@example.com` }, limits);
        return 'it takes the key, which may search testers';
      },
    ],
  ];
  const used = asks.filter(([, name]) => at(name) !== '');
  const saidBy = (error: Error) => (error instanceof JobError ? `${error.message} (${error.code})` : error.message);
  return Promise.all(
    used.map(([vendor, , ask]) =>
      ask().then(
        (said) => ({ vendor, works: true, said }),
        (error: Error) => ({ vendor, works: false, said: saidBy(error) }),
      ),
    ),
  );
}
