import { inspect } from 'node:util';
import { guarded } from '../../../../lib/platform/aws/clients';

const failing = (error: unknown) => guarded('SQS')('SendMessage', () => Promise.reject(error));
const named = (name: string, more: object = {}) => Object.assign(new Error('planted@example.com'), { name, ...more });
const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
const planted = { $response: { body: 'planted@example.com' }, request: { body: 'planted@example.com' } };

test.each<[string, unknown, object]>([
  [
    "AWS's name and status",
    named('QueueDoesNotExist', { $metadata: { httpStatusCode: 400 }, ...planted }),
    { code: 'SQS.QueueDoesNotExist', message: 'SQS SendMessage failed: QueueDoesNotExist', status: 400 },
  ],
  ["Node's code if the network failed", refused, { code: 'SQS.ECONNREFUSED' }],
  [
    'the reset of a connection, which the SDK names a time-out,',
    named('TimeoutError', { code: 'ECONNRESET' }),
    { code: 'SQS.ECONNRESET' },
  ],
  ['no name that contains a value', named('planted@example.com is bad'), { code: 'SQS.Unknown' }],
  ['nothing of a text', 'planted@example.com', { code: 'SQS.Unknown' }],
  ['nothing of nothing', undefined, { code: 'SQS.Unknown' }],
  ['nothing of null', null, { code: 'SQS.Unknown' }],
])('the error of a failed AWS call has %s, and nothing of text, request or answer', async (...[, error, expected]) => {
  const thrown: unknown = await failing(error).catch((rejection: unknown) => rejection);

  expect(thrown).toMatchObject({ name: 'StoreError', class: 'store', ...expected });
  expect(inspect(thrown, { depth: 10, showHidden: true })).not.toContain('planted');
});
