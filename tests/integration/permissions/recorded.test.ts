import { readFileSync } from 'node:fs';
import { mapEach } from '../../../lib/concurrency';
import type { Packaged } from '../../../packages/local/template/package';
import { watchedService, withProperties } from '../../support/local-service';
import { localPackage, templateOf } from '../../support/packages';
import {
  allowedBy,
  HOLDERS,
  permissionRows,
  permissionTable,
  secretRows,
  staleReasons,
  WORKERS,
} from '../../support/permissions';
import { createRecorder, type RecordedCall } from '../../support/recorded-calls';
import { type RecordedService, recordedCommands, recordedTrouble, recordedWork } from '../../support/recorded-work';

const recorder = createRecorder();
const environment = process.env;
let packaged: Packaged;
let service: RecordedService['service'];
let problems: string[];

beforeAll(async () => {
  // On a busy machine, no function may run out of time.
  packaged = withProperties(await localPackage(), {
    'AWS::Lambda::Function': { Timeout: 60 },
    'AWS::SQS::Queue': { VisibilityTimeout: 120 },
  });
  let seen: RecordedService['seen'] | undefined;
  service = await watchedService(packaged, {
    endpointsOf: async (endpoints) => {
      const { sqs, s3, dynamodb, eventbridge } = endpoints;
      seen = {
        ...endpoints,
        sqs: await recorder.through('sqs', sqs),
        s3: await recorder.through('s3', s3),
        dynamodb: await recorder.through('dynamodb', dynamodb),
        eventbridge: await recorder.through('events', eventbridge),
      };
      return seen;
    },
  });
  if (!seen) throw new Error('the functions have no endpoints');
  process.env = {
    ...environment,
    AWS_ENDPOINT_URL_SQS: seen.sqs,
    AWS_ENDPOINT_URL_S3: seen.s3,
    AWS_ENDPOINT_URL_DYNAMODB: seen.dynamodb,
    AWS_ENDPOINT_URL_EVENTBRIDGE: seen.eventbridge,
  };
  const recorded = { packaged, service, seen, recorder };
  const left = await recordedWork(recorded);
  problems = [
    ...(await recordedCommands(recorded, 'reader', left)),
    ...(await recordedCommands(recorded, 'operator', left)),
  ];
  await recordedTrouble(recorded, left);
});
afterAll(async () => {
  process.env = environment;
  await service.stop();
  recorder.close();
});

const template = () => ({ Resources: packaged.resources }) as Parameters<typeof allowedBy>[0];
const calls = () => distinct(recorder.calls().filter(({ who }) => who in HOLDERS));

/** The calls that their caller's policy answers otherwise than expected. */
async function wrong(asked: readonly RecordedCall[], expected: boolean, of = template()): Promise<string[]> {
  const answers = await mapEach(asked, 1, async (call) =>
    (await allowedBy(of, call.who)(call)).length > 0 === expected ? [] : [JSON.stringify(call)],
  );
  return answers.flat();
}

/** One call of each kind. What differs are ids and times. */
const distinct = (all: readonly RecordedCall[]): RecordedCall[] => [
  ...new Map(all.map((call) => [JSON.stringify(call).replace(/[0-9a-f-]{12,}|\d{2,}/g, ''), call])).values(),
];

test('all commands of reader and operator ran', () => {
  expect(problems).toEqual([]);
});

test('each recorded call is allowed by the policy of its caller', async () => {
  expect(await wrong(calls(), true)).toEqual([]);
});

test('each permission was used, or has a reason', async () => {
  const rows = [...permissionRows(template(), calls()), ...secretRows(await templateOf('prod'), [])];

  const unexplained = rows.filter(({ used, reason }) => !used && reason === undefined);
  expect(unexplained.map(({ who, action, name }) => `${who.join()} ${action} ${name}`)).toEqual([]);
  expect(staleReasons(rows)).toEqual([]);
});

test('the table in resources/permissions.md is that of the templates', async () => {
  const rows = [...permissionRows(template(), []), ...secretRows(await templateOf('prod'), [])];

  // npm run permissions writes it.
  expect(readFileSync('resources/permissions.md', 'utf8')).toContain(permissionTable(rows));
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

test('an operator may write an audit object, and no operator may replace one', async () => {
  const audits = calls().filter(({ action, resource }) => action === 's3:PutObject' && resource.includes('/_audit/'));

  expect(audits.map(({ who, context }) => ({ who, context }))).toEqual([
    { who: 'operator', context: { 's3:if-none-match': ['*'] } },
  ]);
  expect(
    await wrong(
      audits.map(({ context: _, ...replacing }) => replacing),
      false,
    ),
  ).toEqual([]);
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
