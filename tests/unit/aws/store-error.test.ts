import { inspect } from 'node:util';
import { guarded } from '../../../lib/aws/clients';

const failing = (error: unknown) => guarded('SQS')('SendMessage', () => Promise.reject(error));

const thrown = async (error: unknown): Promise<unknown> => failing(error).catch((rejection: unknown) => rejection);

describe('the error of a failed AWS call', () => {
  it('is a StoreError with service, AWS name and status', async () => {
    const aws = Object.assign(new Error('no such queue'), {
      name: 'QueueDoesNotExist',
      $metadata: { httpStatusCode: 400 },
    });

    await expect(failing(aws)).rejects.toMatchObject({
      name: 'StoreError',
      class: 'store',
      code: 'SQS.QueueDoesNotExist',
      message: 'SQS SendMessage failed: QueueDoesNotExist',
      status: 400,
    });
  });

  it("has Node's code if the network failed", async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });

    await expect(failing(refused)).rejects.toMatchObject({ code: 'SQS.ECONNREFUSED' });
  });

  it('contains nothing from the text, the request or the answer', async () => {
    const aws = Object.assign(new Error('Value planted@example.com is invalid'), {
      name: 'InvalidParameterValue',
      $response: { body: 'planted@example.com' },
      request: { body: 'planted@example.com' },
    });

    const error = await thrown(aws);

    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('planted');
  });

  it.each([
    ['a name that contains a value', Object.assign(new Error('x'), { name: 'planted@example.com is bad' })],
    ['text instead of an error', 'planted@example.com'],
    ['nothing', undefined],
    ['null', null],
  ])('is Unknown for %s', async (_, error) => {
    await expect(failing(error)).rejects.toMatchObject({ code: 'SQS.Unknown' });
  });
});
