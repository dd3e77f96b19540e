import { readFileSync } from 'node:fs';
import type { Packaged } from '../../../packages/local/template/package';
import { unexpected } from '../../support/iam';
import { type WatchedService, watchedService, withProperties } from '../../support/local-service';
import { localPackage, templateOf } from '../../support/packages';
import { allowedBy, HOLDERS, permissionRows, permissionTable, WORKERS } from '../../support/permissions';
import {
  isSecret,
  KEY_ID,
  keyUses,
  type RecordedCall,
  type Recorder,
  startRecorder,
} from '../../support/recorded-calls';
import { readSecrets, recordedCommands, recordedPrivacy, sixWeeksLater } from '../../support/recorded-people';
import { recordedTrouble, recordedWork } from '../../support/recorded-work';
import type { CompiledTemplate } from '../../support/sls';

const environment = process.env;
let recorder: Recorder;
let packaged: Packaged;
let prod: CompiledTemplate;
let service: WatchedService;
let problems: string[];
let remains: string[];

beforeAll(async () => {
  recorder = await startRecorder();
  const { url, targets } = recorder;
  const [compiled, local] = await Promise.all([templateOf('prod'), localPackage()]);
  prod = compiled;
  // On a busy machine, no function may run out of time.
  packaged = withProperties(local, {
    'AWS::Lambda::Function': { Timeout: 60 },
    'AWS::SQS::Queue': { VisibilityTimeout: 120 },
  });
  service = await watchedService(packaged, {
    endpointsOf: (endpoints) => {
      const { sqs, s3, dynamodb, aws } = endpoints;
      Object.assign(targets, { sqs, s3, dynamodb, events: aws, sns: aws, lambda: aws, monitoring: aws });
      return { ...endpoints, sqs: url, s3: url, dynamodb: url, aws: url };
    },
  });
  process.env = { ...environment, AWS_ENDPOINT_URL: url };
  const recorded = { packaged, service, recorder };
  const left = await recordedWork(recorded);
  problems = await recordedCommands(service, left);
  await recordedTrouble(recorded, left);
  await sixWeeksLater(service, left);
  remains = await recordedPrivacy(service);
  // From here on, every parameter is a secret.
  targets.ssm = '{"Parameter":{"Value":"a secret"}}';
  await readSecrets(prod);
  [allowed, allowedInProd] = [allowedBy(template()), allowedBy(prod)];
});
afterAll(async () => {
  process.env = environment;
  await service.stop();
  await recorder.close();
});

const template = () => ({ Resources: packaged.resources }) as Parameters<typeof allowedBy>[0];
let allowed: ReturnType<typeof allowedBy>;
let allowedInProd: ReturnType<typeof allowedBy>;
const calls = () => distinct(recorder.calls().filter(({ who }) => who in HOLDERS));

/** The calls that their caller's policy answers otherwise than expected. */
const wrong = (asked: readonly RecordedCall[], expected: boolean) =>
  unexpected((call) => (isSecret(call.resource) ? allowedInProd : allowed)(call.who)(call), asked, expected);

/** One call of each kind. What differs are ids and times. */
const distinct = (all: readonly RecordedCall[]): RecordedCall[] => [
  ...new Map(all.map((call) => [JSON.stringify(call).replace(/[0-9a-f-]{12,}|\d{2,}/g, ''), call])).values(),
];

test('all commands of reader and operator ran', () => {
  expect(problems).toEqual([]);
});

test('a person in every place is erased by the policy of privacy, and an operator may not do it', async () => {
  const own = calls().filter(({ who, action }) => who === 'privacy' && /DeleteObject|ListBucket$/.test(action));
  const isDelete = ({ action }: RecordedCall) => action === 's3:DeleteObject';
  const byOthers = ['operator', 'reader', 'producer'].flatMap((who) =>
    own.filter(isDelete).map((call) => ({ ...call, who })),
  );

  expect(remains).toEqual([]);
  expect(own.filter(isDelete).length).toBeGreaterThan(2);
  expect(await wrong(byOthers, false)).toEqual([]);
});

test('each recorded call is allowed by the policy of its caller', async () => {
  expect(await wrong(calls(), true)).toEqual([]);
});

test('each permission was used, but for those that no run on this machine can use', () => {
  const rows = permissionRows(template(), prod, calls());

  // The record has no job of a queue that only the local stage has.
  const ran = rows.filter(({ who }) => who.some((one) => HOLDERS[one]?.some((id) => id in prod.Resources)));
  const unproven = ran.filter(({ used, reason }) => used === (reason !== undefined));
  expect(unproven.map(({ who, action, name }) => `${who.join()} ${action} ${name}`)).toEqual([]);
});

test('the table in resources/permissions.md is that of the templates', () => {
  // npm run permissions writes it.
  expect(readFileSync('resources/permissions.md', 'utf8')).toContain(permissionTable(template(), prod));
});

test("no caller may make its calls on another instance's queues, items and objects", async () => {
  const elsewhere = calls().flatMap((call, index) => {
    const others = [
      call.resource.replace(/\blocal-/, 'other-'),
      call.resource.replace(/\bjobs\//, 'other/'),
      call.resource.replace(/\b0{12}\b/, '111111111111'),
    ].filter((resource) => resource !== call.resource);
    // One of them for each call, in turn.
    const resource = others[index % others.length];
    return resource === undefined ? [] : [{ ...call, resource }];
  });

  expect(elsewhere.length).toBeGreaterThan(50);
  expect(await wrong(elsewhere, false)).toEqual([]);
});

const isKeyUse = ({ resource }: RecordedCall) => resource.endsWith('key/JobsKey');

test('every object is written with the customer key, uploads included', () => {
  const puts = calls().filter(({ action }) => action === 's3:PutObject');

  expect(new Set(puts.map(({ context }) => context?.[`s3:${KEY_ID}`]?.[0]))).toEqual(new Set(['alias/local-jobs']));
  expect(new Set(puts.map(({ who }) => who)).size).toBeGreaterThan(8);
});

test('Lambda may decrypt what it polls for each worker', async () => {
  const polls = WORKERS.flatMap((who) => {
    const resource = `arn:aws:sqs:us-east-1:000000000000:local-${who}.fifo`;
    return keyUses({ action: 'sqs:ReceiveMessage', resource }).map((use) => ({ ...use, who }));
  });

  expect(polls).toHaveLength(WORKERS.length);
  expect(await wrong(polls, true)).toEqual([]);
});

test('no caller may use the customer key for the data of another instance, or itself', async () => {
  const uses = calls().filter(isKeyUse);
  const others = uses.flatMap(({ context = {}, ...use }) => {
    const [about = '', values = []] = Object.entries(context).find(([key]) => key.includes('Context')) ?? [];
    const { 'kms:ViaService': _, ...direct } = context;
    const other = values.map((value) => value.replace('local-', 'other-'));
    return [direct, { ...context, [about]: other }].map((context) => ({ ...use, context }));
  });

  expect(others.length).toBeGreaterThan(50);
  expect(await wrong(others, false)).toEqual([]);
});

test('people may write audit objects and may not replace one. A reader may put nothing else', async () => {
  const puts = calls().filter(({ action }) => action === 's3:PutObject');
  const audits = puts.filter(({ resource }) => resource.includes('/_audit/'));
  const context = { 's3:if-none-match': ['*'] };

  expect(audits).toMatchObject([
    { who: 'reader', context },
    { who: 'operator', context },
    { who: 'privacy', context },
  ]);
  const others = puts.filter((put) => !audits.includes(put)).map((put) => ({ ...put, context, who: 'reader' }));
  expect(await wrong(others, false)).toEqual([]);
  const replacing = audits.map(({ context: _, ...call }) => call);
  expect(await wrong(replacing, false)).toEqual([]);
});

test('no worker may make the calls of another worker on its queue, rows and objects', async () => {
  const foreign = calls().flatMap((call) => {
    const about = JSON.stringify([call.resource, call.context]);
    if (!WORKERS.includes(call.who) || !new RegExp(`[-/#"]${call.who}[-/#.]`).test(about)) return [];
    return WORKERS.flatMap((who) => (who === call.who ? [] : [{ ...call, who }]));
  });

  expect(foreign.length).toBeGreaterThan(50);
  expect(await wrong(foreign, false)).toEqual([]);
});
