import * as z from 'zod';
import { json } from '../config/values';

const list = <T extends z.ZodType>(one: T) =>
  z.union([one, z.array(one)]).transform((value) => [value].flat() as z.output<T>[]);
const texts = list(z.union([z.string(), z.boolean()]).transform(String));

/** The parts of a statement that decide what it denies. */
const statement = z.object({
  Effect: z.string(),
  Principal: z.union([z.literal('*').transform(() => ['*']), z.object({ AWS: texts }).transform(({ AWS }) => AWS)]),
  Action: texts,
  Resource: texts,
  Condition: z.record(z.string(), z.record(z.string(), texts)),
});

const policySchema = json(z.object({ Statement: list(z.unknown()) }));

/** Whether a bucket's policy denies plain HTTP to every principal, for all objects of an instance's folder. */
export function deniesPlainHttp(policy: string | undefined, { arn, prefix }: { arn: string; prefix: string }): boolean {
  const { data: { Statement } = { Statement: [] } } = policySchema.safeParse(policy);
  return Statement.some((each) => {
    const { data } = statement.safeParse(each);
    return (
      data?.Effect === 'Deny' &&
      data.Principal.includes('*') &&
      data.Action.some((action) => ['*', 's3:*'].includes(action.toLowerCase())) &&
      data.Resource.some((resource) => ['*', `${arn}/*`, `${arn}*`, `${arn}/${prefix}/*`].includes(resource)) &&
      onlyPlainHttp(data.Condition)
    );
  });
}

/** Another condition would make the statement apply to fewer requests. */
function onlyPlainHttp(condition: Record<string, Record<string, string[]>>): boolean {
  const tests = Object.entries(condition).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, values]) => `${operator} ${key} ${values.join()}`.toLowerCase()),
  );
  return tests.length === 1 && /^bool(ifexists)? aws:securetransport false$/.test(tests[0] ?? '');
}

/** The statement for a bucket's policy. */
export const denyPlainHttp = (arn: string) => ({
  Sid: 'DenyPlainHttp',
  Effect: 'Deny',
  Principal: '*',
  Action: 's3:*',
  Resource: [arn, `${arn}/*`],
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});
