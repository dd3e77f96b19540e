import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import Draft7 from 'ajv';
import Ajv, { type AnySchemaObject } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { RE2JS } from 're2js';
import { pages } from './pages';
import { SCHEMAS } from './schemas';

const jsonIn = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as AnySchemaObject;
const whole = readdirSync(SCHEMAS)
  .filter((file) => !['inputs.json', 'asyncapi.json'].includes(file))
  .map((file) => [file, jsonIn(`${SCHEMAS}/${file}`)] as const);
const all = [...whole, ...Object.entries(jsonIn(`${SCHEMAS}/inputs.json`) as Record<string, AnySchemaObject>)];

test('each schema has an id of its own, and the strict mode of Ajv accepts it', () => {
  const ids = whole.map(([, { $id }]) => $id);
  expect(new Set(ids.filter((id) => /^urn:[a-z-]+:[\w.-]+$/.test(id ?? ''))).size).toBe(whole.length);

  for (const [, schema] of all) expect(() => addFormats(new Ajv({ strict: true })).compile(schema)).not.toThrow();
});

test('each pattern compiles in JavaScript with and without its flag for Unicode, and in RE2', () => {
  const found = new Set<string>();
  JSON.stringify(all, (key, value) => {
    if (key === 'pattern' && typeof value === 'string') found.add(value);
    return value;
  });

  expect(found.size).toBeGreaterThan(20);
  for (const pattern of found) {
    expect(() => [new RegExp(pattern), new RegExp(pattern, 'u'), RE2JS.compile(pattern)]).not.toThrow();
    // Classes and escapes that these do not read alike.
    expect(pattern).not.toMatch(/\\[dwsupDWSP]|\(\?[=!<]/);
  }
});

test('the AsyncAPI document follows its specification, and describes each message', () => {
  const document = jsonIn(`${SCHEMAS}/asyncapi.json`);
  const specification = jsonIn(require.resolve('@asyncapi/specs/schemas/3.0.0-without-$id.json'));
  const ajv = addFormats(new Draft7({ strict: false, logger: false }));

  expect([ajv.validate(specification, document), ajv.errors]).toEqual([true, null]);
  expect(Object.keys(document.components.messages)).toHaveLength(whole.length);
});

const CHECK = `
import json, sys, warnings
from jsonschema import Draft202012Validator as Validator
warnings.simplefilter("error")
given = json.load(sys.stdin)
for schema in given["schemas"]:
    Validator.check_schema(schema)
for schema, message in given["messages"]:
    print(Validator(schema).is_valid(message))
`;

test('Python validates by the schemas', () => {
  const python = (script: string, input = '') => spawnSync('python3', ['-c', script], { encoding: 'utf8', input });
  if (python('import jsonschema').status !== 0)
    return void process.stderr.write('There is no python3 with jsonschema, so the schemas are not tried in Python.\n');
  const page = pages().find(({ file }) => file === 'docs/wire-format.md');
  const [example, dataOf] = (page?.blocks ?? []).flatMap(({ language, text }) =>
    language === 'json' ? [JSON.parse(text)] : [],
  );
  const examples = [example, ...Object.entries(dataOf).map(([type, data]) => ({ ...example, type, data }))];
  const messages = examples.flatMap((message) => {
    const { [`${message.type}.json`]: schema } = Object.fromEntries(whole);
    return [message, { ...message, source: 'a\nb' }].map((one) => [schema, one]);
  });

  const { stdout, stderr } = python(CHECK, JSON.stringify({ schemas: all.map(([, schema]) => schema), messages }));

  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual(examples.flatMap(() => ['True', 'False']));
});
