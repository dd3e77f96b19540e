import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';
import * as z from 'zod';
import { submitOptions } from '../../lib/engine/submit/options';
import { EVENT_SHAPE } from '../../lib/queues/analytics/message';
import { campaignSchema, emailMessageSchema } from '../../lib/queues/emails/message';
import { recipientSchema } from '../../lib/queues/emails/recipients';
import { feedbackSchema } from '../../lib/queues/feedback/message';
import { inviteSchema, notifyBuildSchema, removeSchema } from '../../lib/queues/testflight/message';
import { uploadSchema } from '../../lib/queues/uploads';
import { callLimits } from './calls';
import { questionSchema } from './jobs';
import { connectionSchema } from './real-producer';
import { packingLimits } from './tracker';

const HERE = 'packages/producer';

type Shape = z.core.JSONSchema.BaseSchema;

/** What describes the fields of the types that callers write, by the names of their declarations. */
export const SHAPES: Record<string, z.ZodType | Shape> = {
  feedbackSchema,
  emailMessageSchema,
  campaignSchema,
  recipientSchema,
  AnalyticsEvent: EVENT_SHAPE as never,
  inviteSchema,
  removeSchema,
  notifyBuildSchema,
  uploadSchema,
  packingLimits,
  questionSchema,
  callLimits,
  CallLimits: callLimits,
  connectionSchema: connectionSchema.partial(),
  JobOptions: submitOptions,
  SubmitOptions: submitOptions,
};

type Field = [path: string, field: Shape, required: boolean];

/** All fields by their paths. Those of an entry of a list, or of a choice, belong to the field that holds it. */
export function fieldsOf(shape: z.ZodType | Shape, before = ''): Field[] {
  if (shape instanceof z.ZodType)
    return fieldsOf(z.toJSONSchema(shape, { io: 'input', unrepresentable: 'any' }), before);
  const { properties = {}, required = [], items, anyOf = [], oneOf = [] } = shape;
  const own = Object.entries(properties).flatMap(([name, field]): Field[] => {
    const path = `${before}${name}`;
    return typeof field === 'object' ? [[path, field, required.includes(name)], ...fieldsOf(field, `${path}.`)] : [];
  });
  const choices = [...anyOf, ...oneOf].map((choice) => fieldsOf(choice as Shape, before));
  const isRequired = (path: string) => choices.every((one) => one.some(([name, , needed]) => name === path && needed));
  return [
    ...own,
    ...(items ? fieldsOf(items as Shape, before) : []),
    ...choices.flat().map(([path, field]): Field => [path, field, isRequired(path)]),
  ];
}

const readManifest = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string; dependencies: object };

/** Makes the package from the project in this folder, and packs it into `out`. Returns the tarball's path. */
export async function packProducer(out: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'producer-package-'));
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  const manifest = { ...readManifest(HERE), version: readManifest('.').version };
  try {
    await build({
      entryPoints: [`${HERE}/index.ts`],
      outfile: join(folder, 'dist/index.js'),
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      // Names stay, for stacks.
      minifySyntax: true,
      minifyWhitespace: true,
      external: Object.keys(manifest.dependencies),
      // `import()` becomes `require`, which Jest supports too.
      supported: { 'dynamic-import': false },
      logLevel: 'warning',
    });
    // esbuild copies zod's list of exports for each file that imports it, which takes 5 ms to load.
    const code = readFileSync(join(folder, 'dist/index.js'), 'utf8');
    write('dist/index.js', code.replaceAll('__toESM(require("zod"))', 'require("zod")'));
    write('dist/index.d.ts', declarations(folder));
    // One copy of the code, so that `instanceof` works for a caller that both imports and requires the package.
    for (const file of ['index.mjs', 'index.d.mts']) write(`dist/${file}`, `export * from './index.js';\n`);
    const schemas = schemasOf();
    write('dist/schemas.js', schemas.code);
    write('dist/schemas.mjs', "export * from './schemas.js';\n");
    for (const file of ['schemas.d.ts', 'schemas.d.mts']) write(`dist/${file}`, schemas.types);
    write('package.json', JSON.stringify(manifest, null, 2));
    for (const page of ['README.md', 'fields.md']) cpSync(`${HERE}/${page}`, join(folder, page));
    // It is in the bundle: an ES module, which Node before 20.19 cannot require.
    cpSync('node_modules/uuid/LICENSE.md', join(folder, 'dist/licenses/uuid.md'));
    mkdirSync(out, { recursive: true });
    const [packed] = JSON.parse(run('npm', ['pack', folder, '--json', '--pack-destination', out])) as {
      filename: string;
    }[];
    return resolve(out, packed?.filename ?? '');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The files of docs/schemas as a module, which loads only when it is imported. A part that is twice is written once. */
function schemasOf(): { code: string; types: string } {
  const read = (name: string) => JSON.parse(readFileSync(`docs/schemas/${name}.json`, 'utf8')) as Shape;
  const names = readdirSync('docs/schemas').map((file) => file.replace('.json', ''));
  const types = names.filter((name) => /\.v\d+$/.test(name));
  const messages = Object.fromEntries(types.map((type) => [type, read(type)]));
  const modules: [name: string, what: string, value: object][] = [
    ['messages', 'The messages of other senders, by their types.', messages],
    ['jobEnded', 'The event about the end of a job.', read('job-ended.event')],
    ['inputs', "What the producer's functions take, by their names, and a `recipient`.", read('inputs')],
    ['asyncapi', 'The queues and the bus as an AsyncAPI 3 document.', read('asyncapi')],
  ];
  const written = new Map<string, string>();
  const codeOf = (value: unknown): string => {
    const text = JSON.stringify(value);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return text;
    const entries = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}:${codeOf(one)}`);
    return written.get(text) ?? `{${entries.join()}}`;
  };
  let code = '';
  for (const [name, , value] of modules) {
    code += `exports.${name}=${codeOf(value)};\n`;
    written.set(JSON.stringify(value), `exports.${name}`);
    if (value !== messages) continue;
    for (const [type, message] of Object.entries(messages)) {
      written.set(JSON.stringify(message), `exports.messages["${type}"]`);
      written.set(JSON.stringify(message.properties?.data), `exports.messages["${type}"].properties.data`);
    }
  }
  const typeOf = (value: object) => Object.keys(value).map((key) => `  readonly '${key}': unknown;\n`);
  const declared = modules.map(([name, what, value]) => [
    `/** ${what} */\nexport declare const ${name}: {\n`,
    ...[...typeOf(value), '};\n'],
  ]);
  return { code, types: declared.flat().join('') };
}

function declarations(folder: string): string {
  const types = join(folder, 'types');
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = { types: ['node'], typeRoots: [resolve('node_modules/@types')] };
  const files = [resolve(`${HERE}/index.ts`)];
  writeFileSync(config, JSON.stringify({ extends: resolve('tsconfig.json'), files, include: [], compilerOptions }));
  const options = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', '.', '--outDir', types];
  // Each checker checks the shared types again: four take twice the CPU of one.
  run('node_modules/.bin/tsc', ['-p', config, '--checkers', '1', ...options]);
  return joined(join(types, HERE, 'index.d.ts'));
}

/** Puts a file's text after its imports. Only the entry exports. Names are distinct, and no import renames one. */
function joined(entry: string): string {
  const packages = new Set<string>();
  const texts: string[] = [];
  const seen = new Set<string>();
  const add = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const addImported = (path: string) => add(`${join(dirname(file), path.replace(/\.ts$/, ''))}.d.ts`);
    const inline = /\bimport\(['"](\.[^'"]+)['"]\)\./g;
    const source = readFileSync(file, 'utf8').replaceAll(inline, (_, path: string) => {
      addImported(path);
      return '';
    });
    const text = source.replaceAll(
      /^(import|export)( [^;]*?) from ['"]([^'"]+)['"];\n/gm,
      (statement: string, word: string, names: string, path: string) => {
        if (path.startsWith('.')) addImported(path);
        else packages.add(statement.replace('import type ', 'import '));
        return word === 'export' && file === entry ? `export${names};\n` : '';
      },
    );
    texts.push(file === entry ? text : text.replaceAll(/^export (\{\};\n)?/gm, ''));
  };
  add(entry);
  const statements = used(texts.join(''));
  const needed = new Set(statements.flatMap((statement) => statement.replaceAll(NO_NAMES, '').match(/\w+/g) ?? []));
  const imported = [...packages].filter((statement) =>
    statement
      .split(' from ')[0]
      ?.match(/\w+/g)
      ?.some((name) => !['import', 'type', 'as'].includes(name) && needed.has(name)),
  );
  return [...imported, ...statements.map(described)].join('');
}

/** Comments, texts, new names of exports, and names of fields. */
const NO_NAMES = /\/\*\*[\s\S]*?\*\/|'[^'\n]*'|"[^"\n]*"| as \w+|^ +\w+\??:/gm;

/** The statements of a text of declarations that its exports need. */
function used(text: string): string[] {
  const statements = text.match(/(?:^\/\*\*[\s\S]*?\*\/\n)*^[a-z].*\n(?:^[ }].*\n)*/gm) ?? [];
  const named = new Map(statements.map((statement) => [nameIn(statement), statement]));
  const needed = new Set(statements.filter((statement) => statement.startsWith('export')));
  // A set iterates over what is added meanwhile.
  for (const statement of needed)
    for (const [word] of statement.replaceAll(NO_NAMES, '').matchAll(/\w+/g)) {
      const other = named.get(word);
      if (other) needed.add(other);
    }
  return statements.filter((statement) => needed.has(statement));
}

/** Puts the description of each field over it, where editors look for it. tsc drops the comments of a schema. */
function described(statement: string): string {
  const shape = SHAPES[nameIn(statement)];
  if (!shape) return statement;
  const texts = new Map(fieldsOf(shape).map(([path, { description }]) => [path, description]));
  const path: string[] = [];
  return statement.replaceAll(/^( +)(\w+)\??: /gm, (line, indent: string, name: string) => {
    path.splice(indent.length / 4 - 1, path.length, name);
    const text = texts.get(path.join('.'));
    return text ? `${indent}/** ${text} */\n${line}` : line;
  });
}

const nameIn = (statement: string): string =>
  /^(?:declare |abstract )*(?:class|const|function|interface|type) (\w+)/m.exec(statement)?.[1] ?? '';

function run(command: string, args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `${stdout}${stderr}`}`);
  return stdout;
}

/** `npm run pack:producer` prints the tarball's path. */
if (require.main === module) void packProducer('dist').then((file) => process.stdout.write(`${file}\n`));
