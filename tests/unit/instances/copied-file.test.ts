import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readInstance } from '../../../lib/instances/read';
import { variablesOf } from '../../../lib/instances/variables';
import { contextOf } from '../../../resources/context';
import { functionPermissions } from '../../../resources/function-permissions';
import { changeInstance, FILLED_IN, instanceFolder } from '../../support/instances';

let root: string;
let remove: () => void;
beforeEach(() => {
  ({ root, remove } = instanceFolder());
  changeInstance(root, 'acme', { ...FILLED_IN, bucket: 'team-data', prefix: undefined });
  // A second client whose file is a copy of the first one's.
  writeFileSync(join(root, 'instances', 'globex.yml'), readFileSync(join(root, 'instances', 'acme.yml')));
});
afterEach(() => remove());

/** The objects, rows and queues that the functions of an instance may touch, with their wildcards. */
function touched(name: string): string[] {
  const instance = readInstance(name, root);
  const context = contextOf(instance, 'background-jobs');
  const statements = Object.values(functionPermissions({ rows: instance.rows, context }, variablesOf(instance))).flat();
  const text = JSON.stringify(statements.map(({ Resource, Condition }) => [Resource, Condition]));
  const arns = [...text.matchAll(/arn:[^"]+/g)].map(([arn]) => arn);
  return [...new Set(arns)].filter((arn) => /:(s3|sqs|dynamodb):/.test(arn));
}

/** Whether two patterns, in which `*` stands for any text, may match the same text. */
const meet = (one: string, other: string): boolean => {
  const [a, b] = [one, other].map((pattern) => pattern.split('*')[0] ?? '') as [string, string];
  const open = (pattern: string) => pattern.includes('*');
  return (open(one) && b.startsWith(a)) || (open(other) && a.startsWith(b)) || one === other;
};

test('a copied file without a prefix is another folder, and its functions touch nothing of the first client', () => {
  const [acme, globex] = [touched('acme'), touched('globex')];
  // Both may list the bucket, each under its own prefix only.
  const shared = acme.filter((arn) => globex.some((other) => meet(arn, other)));

  expect(acme.length).toBeGreaterThan(20);
  expect(shared.map((arn) => arn.split(':').at(-1))).toEqual(['team-data']);
});
