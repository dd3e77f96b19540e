import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
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

/** npm shows and checks where a package comes from. Only a workflow of GitHub knows it. */
const repository = (name = process.env.GITHUB_REPOSITORY) =>
  name ? { repository: { type: 'git', url: `git+https://github.com/${name}.git`, directory: HERE } } : {};

/** Makes the package from the project in this folder, and packs it into `out`. Returns the tarball's path. */
export async function packProducer(out: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'producer-package-'));
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  const manifest = { ...readManifest(HERE), version: readManifest('.').version, ...repository() };
  try {
    write('package.json', JSON.stringify(manifest, null, 2));
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
    for (const page of ['README.md', 'fields.md']) cpSync(`${HERE}/${page}`, join(folder, page));
    cpSync('LICENSE', join(folder, 'LICENSE'));
    // It is in the bundle: an ES module, which Node before 20.19 cannot require.
    cpSync('node_modules/uuid/LICENSE.md', join(folder, 'dist/licenses/uuid.md'));
    cpSync('node_modules/@opentelemetry/api/LICENSE', join(folder, 'dist/licenses/opentelemetry-api.txt'));
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

/** What the exports of the entry need of all declarations. tsc writes one file a module, which API Extractor joins. */
function declarations(folder: string): string {
  const file = (name: string) => join(folder, name);
  const write = (name: string, value: object) => writeFileSync(file(name), JSON.stringify(value));
  const compilerOptions = { types: ['node'], typeRoots: [resolve('node_modules/@types')] };
  const files = [resolve(`${HERE}/index.ts`)];
  write('tsconfig.json', { extends: resolve('tsconfig.json'), files, include: [], compilerOptions });
  write('api-extractor.json', {
    projectFolder: folder,
    newlineKind: 'lf',
    mainEntryPointFilePath: file(`types/${HERE}/index.d.ts`),
    dtsRollup: { enabled: true, untrimmedFilePath: file('joined.d.ts') },
    apiReport: { enabled: false },
    docModel: { enabled: false },
    tsdocMetadata: { enabled: false },
  });
  // Each checker checks the shared types again: four take twice the CPU of one.
  const options = ['--checkers', '1', '--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', '.'];
  run('node_modules/.bin/tsc', ['-p', file('tsconfig.json'), ...options, '--outDir', file('types')]);
  // Where the declarations find zod.
  symlinkSync(resolve('node_modules'), file('node_modules'), 'junction');
  run('node_modules/.bin/api-extractor', ['run', '--local', '--config', file('api-extractor.json')]);
  const statements = /^(?:export )?(?:declare )?(?:const|interface|type) (\w+).*\n(?: .*\n)*/gm;
  return readFileSync(file('joined.d.ts'), 'utf8').replaceAll(statements, described);
}

/** Puts the description of each field over it, where editors look for it. tsc drops the comments of a schema. */
function described(statement: string, declared: string): string {
  const shape = SHAPES[declared];
  if (!shape) return statement;
  const texts = new Map(fieldsOf(shape).map(([path, { description }]) => [path, description]));
  const path: string[] = [];
  return statement.replaceAll(/^( +)(\w+)\??: /gm, (line, indent: string, name: string) => {
    path.splice(indent.length / 4 - 1, path.length, name);
    const text = texts.get(path.join('.'));
    return text ? `${indent}/** ${text} */\n${line}` : line;
  });
}

function run(command: string, args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `${stdout}${stderr}`}`);
  return stdout;
}

/** `npm run pack:producer` prints the tarball's path. */
if (require.main === module) void packProducer('dist').then((file) => process.stdout.write(`${file}\n`));
