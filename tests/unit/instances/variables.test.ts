import { environmentSchemas } from '../../../lib/config/functions';
import { readInstance } from '../../../resources/instances/read';
import { environmentOf, secretSettings } from '../../../resources/instances/variables';
import { templateOf } from '../../support/packages';

/** npm start sets the first, and the AWS library for logs reads the second. */
const OTHERS = ['RECONCILE_EVERY', 'POWERTOOLS_SERVICE_NAME'];

/** An instance with every setting, so that its functions have every variable. */
const known = { ...readInstance('local') };
known.settings = {
  ...known.settings,
  kmsKey: 'own',
  sender: { ...known.settings.sender, domains: ['example.com', 'example.org'] },
  sendgrid: {
    ...known.settings.sendgrid,
    dailyCap: 1_000,
    templates: { feedback: 'd-1', feedbackByLanguage: { de: 'd-2', 'pt-BR': 'd-3' }, testflight: 'd-4' },
  },
  appStoreConnect: { ...known.settings.appStoreConnect, apps: ['1', '2'] },
  notify: { ...known.settings.notify, runbook: 'https://example.com' },
  analytics: { ...known.settings.analytics, noAddressesFrom: '2027-01-01T00:00:00Z', columns: { price: 'number' } },
};

test.each(Object.entries(environmentSchemas))(
  'the file of %s gives each variable that the function reads, and no other one',
  (key, { shape }) => {
    const given = Object.keys(environmentOf(known, key));

    expect(Object.keys(shape).filter((name) => !given.includes(name) && !OTHERS.includes(name))).toEqual([]);
    expect(given.filter((name) => !(name in shape) && !OTHERS.includes(name))).toEqual([]);
  },
);

test('lists and tables are text in a variable', () => {
  expect(environmentOf(known, 'feedback')).toMatchObject({
    FEEDBACK_TEMPLATES: 'de=d-2,pt-BR=d-3',
    FEEDBACK_TAGS: 'app',
    RETRY_WAITS: '1,2',
  });
  expect(environmentOf(known, 'hours')).toMatchObject({ ANALYTICS_COLUMNS: 'price=number' });
});

test('the checks see the environment that Serverless compiles', async () => {
  const prod = await templateOf('prod');
  const instance = readInstance('mht-api');
  const changed = {
    ...instance,
    settings: { ...instance.settings, events: { bus: 'own' } },
  };

  for (const [key, id] of [
    ['feedback', 'Feedback'],
    ['emailEvents', 'EmailEvents'],
    ['reconciler', 'Reconciler'],
  ] as const)
    expect(prod.Resources[`${id}LambdaFunction`]?.Properties.Environment).toEqual({
      Variables: environmentOf(changed, key),
    });
});

test('the secrets of a function are those of its own file', () => {
  expect(secretSettings(readInstance('mht-api'), ['alarms'])).toEqual([
    { path: 'notify.discord', value: 'ssm:/example/discord-webhook-url' },
  ]);
});
