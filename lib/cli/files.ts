import { readFile } from 'node:fs/promises';
import { OperatorError } from '../ops/operator';

/** A file that an operator named, as text. Rejects with an OperatorError if it cannot be read. */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** The error for an operator, if a file cannot be opened. Any other error stays as it is. */
export function unreadable(file: string, error: unknown): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  // Node has codes for the system's errors, and for a name with a zero byte.
  return /^E[A-Z]+$|^ERR_INVALID_ARG_VALUE$/.test(code)
    ? new OperatorError(`${file}: cannot be read (${code}).`)
    : error;
}

/** A file with JSON that an operator named. Rejects with an OperatorError if it is not JSON. */
export async function readJson(file: string): Promise<unknown> {
  const text = await readText(file);
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may be personal.
    throw new OperatorError(`${file}: is not JSON.`);
  }
}
