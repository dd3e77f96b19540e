import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';
import * as z from 'zod';
import { EVENT_SHAPE } from '../../lib/analytics/message';
import { campaignSchema, emailMessageSchema } from '../../lib/emails/message';
import { recipientSchema } from '../../lib/emails/recipients';
import { feedbackSchema } from '../../lib/feedback/message';
import { submitOptions } from '../../lib/submit/options';
import { uploadSchema } from '../../lib/submit/uploads';
import { inviteSchema, notifyBuildSchema, removeSchema } from '../../lib/testflight/message';
import { questionSchema } from './jobs';
import { connectionSchema } from './settings';
import { packingLimits } from './tracker';

const HERE = 'packages/producer';
/** What a caller imports: the package, and its folder `testing`. */
const ENTRIES = ['index', 'testing'];
/** A package that is copied into the bundle. It is an ES module only, which Node before 20.19 cannot require. */
const COPIED = 'uuid';

type Shape = z.core.JSONSchema.BaseSchema;

/** What describes the fields of the types that callers write, by the names of their declarations. */
export const SHAPES: Record<string, z.ZodType | Shape> = {
  ...{ feedbackSchema, emailMessageSchema, campaignSchema, recipientSchema, AnalyticsEvent: EVENT_SHAPE as never },
  ...{ inviteSchema, removeSchema, notifyBuildSchema, uploadSchema, packingLimits, questionSchema },
  connectionSchema: connectionSchema.partial(),
  ...{ JobOptions: submitOptions, SubmitOptions: submitOptions },
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

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
}

const readManifest = (file: string): Manifest => JSON.parse(readFileSync(file, 'utf8')) as Manifest;

/** Makes the package from the project in this folder, and packs it into `out`. Returns the tarball's path. */
export async function packProducer(out: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'producer-package-'));
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  try {
    const dependencies = await bundle(join(folder, 'dist'));
    write('package.json', JSON.stringify({ ...readManifest(`${HERE}/package.json`), ...dependencies }, null, 2));
    for (const page of ['README.md', 'fields.md']) cpSync(`${HERE}/${page}`, join(folder, page));
    cpSync(`node_modules/${COPIED}/LICENSE.md`, join(folder, `dist/licenses/${COPIED}.md`));
    // One copy of the code, so that `instanceof` works for a caller that both imports and requires the package.
    for (const [entry, types] of Object.entries(declarations(folder))) {
      for (const file of [`${entry}.mjs`, `${entry}.d.mts`]) write(`dist/${file}`, `export * from './${entry}.js';\n`);
      write(`dist/${entry}.d.ts`, types);
    }
    mkdirSync(out, { recursive: true });
    const [packed] = JSON.parse(run('npm', ['pack', folder, '--json', '--pack-destination', out])) as {
      filename: string;
    }[];
    return resolve(out, packed?.filename ?? '');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bundles our own code. Returns the project's version and the packages that the bundle imports, with versions. */
async function bundle(outdir: string): Promise<Manifest> {
  const { version, dependencies: shared } = readManifest('package.json');
  const dependencies = { ...shared, ...readManifest(`${HERE}/package.json`).dependencies };
  const common = { platform: 'node', target: 'node20', outdir, logLevel: 'warning' } as const;
  const { metafile } = await build({
    ...common,
    entryPoints: ENTRIES.map((entry) => `${HERE}/${entry}.ts`),
    bundle: true,
    external: Object.keys(dependencies).filter((name) => name !== COPIED),
    format: 'esm',
    splitting: true,
    chunkNames: '[name]-[hash]',
    metafile: true,
  });
  // esbuild shares code between entries in ES modules only. `import()` becomes `require`, which Jest supports too.
  await build({
    ...common,
    entryPoints: Object.keys(metafile.outputs),
    format: 'cjs',
    supported: { 'dynamic-import': false },
    allowOverwrite: true,
  });
  // `__toESM` copies all of Zod's names, once for each file of ours that imports it.
  for (const file of Object.keys(metafile.outputs))
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/__toESM\((require\("zod"\))\)/g, '$1'));
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  const outside = imports.filter(({ external, path }) => external && !isBuiltin(path));
  const names = new Set(outside.map(({ path }) => packageOf(path)));
  return {
    version,
    dependencies: Object.fromEntries([...names].sort().map((name) => [name, dependencies[name] ?? ''])),
  };
}

const packageOf = (path: string): string => path.split('/', path.startsWith('@') ? 2 : 1).join('/');

/**
 * The declarations of each entry. Those that `index` reaches are in one text. `testing` imports nothing but types of
 * `index`.
 */
function declarations(folder: string): Record<string, string> {
  const types = join(folder, 'types');
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = { types: ['node'], typeRoots: [resolve('node_modules/@types')] };
  const files = ENTRIES.map((entry) => resolve(`${HERE}/${entry}.ts`));
  writeFileSync(config, JSON.stringify({ extends: resolve('tsconfig.json'), files, include: [], compilerOptions }));
  const options = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', '.', '--outDir', types];
  run('node_modules/.bin/tsc', ['-p', config, ...options]);
  const index = joined(join(types, HERE, 'index.d.ts'));
  const testing = readFileSync(join(types, HERE, 'testing.d.ts'), 'utf8').replace("'./index'", "'./index.js'");
  rmSync(types, { recursive: true });
  rmSync(config);
  return { index, testing };
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
  return [...packages, ...used(texts.join('')).map(described)].join('');
}

/** Comments, texts, new names of exports, and names of fields. */
const NO_NAMES = /\/\*\*[\s\S]*?\*\/|'[^'\n]*'| as \w+|^ +\w+\??:/gm;

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
