import { realSecret } from '../../../lib/platform/aws/secrets';
import { secret as secretSchema } from '../../../lib/platform/config/functions';
import { fakeAws } from '../../support/fake-aws';

const ARN = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:token-AbCdEf';

/** Parameter Store and Secrets Manager in one, with only what a secret needs. */
async function startStore() {
  const calls: { action: string | undefined; input: Record<string, unknown> }[] = [];
  const values: Record<string, string> = {};
  const { config, close } = await fakeAws(({ body, action }) => {
    const input = JSON.parse(body) as Record<string, unknown>;
    calls.push({ action, input });
    const Value = values[String(input.Name ?? input.SecretId)];
    if (Value === undefined) return [400, '{"__type":"ParameterNotFound","message":"planted-text"}'];
    return [200, JSON.stringify(action === 'GetParameter' ? { Parameter: { Value } } : { SecretString: Value })];
  });
  return { calls, values, config, close };
}

describe('a secret', () => {
  let store: Awaited<ReturnType<typeof startStore>>;
  const secretAt = (reference: string) => realSecret(secretSchema.parse(reference), store.config);

  beforeEach(async () => {
    store = await startStore();
  });
  afterEach(() => store.close());

  it('may be a plain value, even with a colon', async () => {
    expect(await secretAt('the-token')()).toBe('the-token');
    expect(await secretAt('a:token')({ fresh: true })).toBe('a:token');

    expect(store.calls).toEqual([]);
  });

  it.each([
    ['Parameter Store, decrypted', 'ssm', '/my/token', 'GetParameter', { Name: '/my/token', WithDecryption: true }],
    ['Secrets Manager by name or ARN', 'secretsmanager', ARN, 'GetSecretValue', { SecretId: ARN }],
  ])('comes from %s', async (_where, prefix, name, action, input) => {
    store.values[name] = 'the-token';

    expect(await secretAt(`${prefix}:${name}`)()).toBe('the-token');

    expect(store.calls).toEqual([{ action, input }]);
  });

  it('is fetched once for callers at the same time, and again when it must be fresh', async () => {
    store.values['/t'] = 'first';
    const secret = secretAt('ssm:/t');

    expect(await Promise.all([secret(), secret()])).toEqual(['first', 'first']);
    expect(await secret()).toBe('first');
    expect(store.calls).toHaveLength(1);

    store.values['/t'] = 'second';
    expect(await secret()).toBe('first');
    expect(await Promise.all([secret({ fresh: true }), secret({ fresh: true })])).toEqual(['second', 'second']);
    expect(await secret()).toBe('second');
    expect(store.calls).toHaveLength(2);
  });

  it('is fetched again after a failed fetch', async () => {
    const secret = secretAt('ssm:/t');
    const failed = secret();
    await expect(failed).rejects.toMatchObject({ name: 'StoreError', code: 'SSM.ParameterNotFound' });
    await expect(failed).rejects.not.toThrow(/planted/);

    store.values['/t'] = 'there now';

    expect(await secret()).toBe('there now');
  });

  it.each([
    ['with white space around it', 'ssm:/t', ' the-token\n', 'the-token'],
    ['as JSON with one value', 'secretsmanager:t', '{"api_key":"the-token"}', 'the-token'],
    ['as one of several values of JSON', 'secretsmanager:t#b', '{"a":"1","b":"the-token "}', 'the-token'],
    ['in braces that are no JSON', 'ssm:/t', '{the-token}', '{the-token}'],
    ['as JSON with several values', 'secretsmanager:t', '{"a":"planted","b":"2"}', undefined],
    ['under another key', 'secretsmanager:t#c', '{"a":"planted"}', undefined],
    ['as text, while its reference names a key', 'secretsmanager:t#c', 'planted', undefined],
    ['as a number', 'secretsmanager:t', '{"a":1}', undefined],
  ])('is read if it is stored %s', async (_how, reference, stored, expected) => {
    store.values[/[^:#]+(?=#|$)/.exec(reference)?.[0] ?? ''] = stored;
    const read = secretAt(reference)();

    if (expected !== undefined) return expect(await read).toBe(expected);
    await expect(read).rejects.toMatchObject({ code: 'SecretUnclear', message: expect.stringContaining(reference) });
    await expect(read).rejects.not.toThrow(/planted/);
  });

  it('is an error that names the reference if the value is empty', async () => {
    store.values['/t'] = '';

    await expect(secretAt('ssm:/t')()).rejects.toMatchObject({
      name: 'StoreError',
      code: 'SecretMissing',
      message: expect.stringContaining('ssm:/t'),
    });
  });
});
