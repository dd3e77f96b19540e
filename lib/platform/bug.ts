import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { relative } from 'node:path';
import { types } from 'node:util';
import { jsonOf } from './text';

const MOST_FRAMES = 8;
/** Only a class name of this form is logged, because any other text could be personal. */
const CLASS = /^[A-Z][A-Za-z]{0,40}(Error|Exception)$/;

/** What a log line may say of a bug: its class and where it was thrown. Its message may be personal, so it is not read. */
export function bugFacts(error: unknown): { error: string; frames: string } {
  const sites = types.isNativeError(error) ? callSites(error) : [];
  const frames = sites.flatMap((site) => placeOf(site) ?? []);
  return { error: classOf(error), frames: frames.slice(0, MOST_FRAMES).join(' < ') };
}

export function classOf(error: unknown): string {
  if (!types.isNativeError(error)) return typeof error;
  return CLASS.test(error.name) ? error.name : 'Error';
}

/** V8's own list of calls. The text of a stack begins with the message, in which a line may look like a call. */
function callSites(error: Error): NodeJS.CallSite[] {
  const { prepareStackTrace } = Error;
  let found: NodeJS.CallSite[] = [];
  Error.prepareStackTrace = ({ name }, sites) => {
    found = sites;
    // V8 keeps this as the stack, which Lambda logs of an error that a function throws on.
    return [name, ...sites.map((site) => `    at ${site}`)].join('\n');
  };
  try {
    void error.stack;
    return found;
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
}

function placeOf(site: NodeJS.CallSite): string | undefined {
  const file = site.getFileName();
  if (!file || file.startsWith('node:')) return undefined;
  const [line, column] = [site.getLineNumber() ?? 1, site.getColumnNumber() ?? 1];
  const { originalSource, originalLine = 0 } = (mapOf(file)?.findEntry(line - 1, column - 1) ?? {}) as Original;
  if (originalSource) return `${originalSource.replace(/^(\.\.\/)+/, '')}:${originalLine + 1}`;
  return `${relative(process.cwd(), file)}:${line}:${column}`;
}

/** Absent where a library has the place: the map leaves libraries out. */
type Original = { originalSource?: string; originalLine?: number };
const maps = new Map<string, SourceMap | undefined>();

/** The map of a bundle, which lies beside it in the function's zip. Only a bug reads it, so it costs no cold start. */
function mapOf(file: string): SourceMap | undefined {
  if (!maps.has(file)) maps.set(file, readMap(`${file}.map`));
  return maps.get(file);
}

function readMap(path: string): SourceMap | undefined {
  try {
    return new SourceMap(jsonOf(readFileSync(path, 'utf8')) as ConstructorParameters<typeof SourceMap>[0]);
  } catch {
    return undefined;
  }
}
