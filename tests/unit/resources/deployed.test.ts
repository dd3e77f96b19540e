import { readFileSync } from 'node:fs';
import { templateOf } from '../../support/packages';
import type { CompiledTemplate } from '../../support/sls';

/**
 * What CloudFormation would replace or rename a resource for, as it was deployed before instances had files. Never update
 * these files: a difference here deletes messages or rows in production.
 */
interface Deployed {
  Resources: Record<string, Record<string, unknown> & { Type: string }>;
  Exports: Record<string, string | null>;
}

const deployed = (stage: string) =>
  JSON.parse(readFileSync(`tests/fixtures/deployed/${stage}.json`, 'utf8')) as Deployed;

/** CloudFormation adds an index to a table in place, one with each deployment. */
const ADDED_INDEX = 'inGroup';
const withoutAdded = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.filter(({ IndexName, AttributeName }) => ![IndexName, AttributeName].includes(ADDED_INDEX))
    : value;

/** The same properties of the same resources, as the template of today has them. */
const asDeployed = ({ Resources }: CompiledTemplate, { Resources: before }: Deployed): Deployed['Resources'] =>
  Object.fromEntries(
    Object.entries(before).map(([id, kept]) => {
      const { Type = 'missing', Properties, ...rest } = Resources[id] ?? {};
      const now: Record<string, unknown> = { Type, ...rest, ...Properties };
      return [id, { Type, ...Object.fromEntries(Object.keys(kept).map((name) => [name, withoutAdded(now[name])])) }];
    }),
  );

test.each(['prod', 'staging'] as const)(
  'a deployment of %s renames and replaces no queue, table, function, role, topic or alarm',
  async (stage) => {
    const template = await templateOf(stage);
    const before = deployed(stage);

    expect(asDeployed(template, before)).toEqual(before.Resources);
    const exported = Object.entries(template.Outputs).map(([id, { Export }]) => [id, Export?.Name ?? null]);
    expect(Object.fromEntries(exported)).toMatchObject(before.Exports);
  },
);

test.each(['prod', 'staging'] as const)('%s has no queue, table or function that has not been there', async (stage) => {
  const { Resources } = await templateOf(stage);
  const held = ['AWS::SQS::Queue', 'AWS::DynamoDB::Table', 'AWS::Lambda::Function'];
  const ids = (resources: Record<string, { Type: string }>) =>
    Object.entries(resources).flatMap(([id, { Type }]) => (held.includes(Type) ? [id] : []));

  expect(ids(Resources)).toEqual(ids(deployed(stage).Resources));
});
