import { once } from 'node:events';
import { createInterface, type ReadLineOptions } from 'node:readline/promises';
import { OperatorError } from '../../lib/operate/ops/operator';
import { visible } from '../../lib/platform/text';

export type Output = typeof terminal;

/**
 * Output to the streams of this process. A command's answer goes only to standard output, so that it can be piped.
 * Stored text cannot send commands to the terminal.
 */
export const terminal = {
  line: (text: string): void => void process.stdout.write(`${visible(text)}\n`),
  lines: (texts: readonly string[]): void => void texts.map(terminal.line),
  // In JSON, an escaped character is the same character.
  json: (value: unknown): void => void process.stdout.write(`${visible(JSON.stringify(value, null, 2))}\n`),
  note: (text: string): void => void process.stderr.write(`${visible(text)}\n`),
  /** Shows the progress on standard error, if that is a terminal, until all is done. */
  progress: (done: number, of: number, text = `${done} of ${of}`): void => {
    if (!process.stderr.isTTY) return;
    // The next line overwrites it. A longer one would wrap, and stay.
    const width = (process.stderr.columns || 80) - 1;
    process.stderr.write(`\r${(done < of ? text : '').slice(0, width).padEnd(width)}\r`);
  },
  /** Is aborted by the first Ctrl-C from now on. A second Ctrl-C ends the process as usual. */
  interrupted: (): AbortSignal => {
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    return stop.signal;
  },
  exitCode: (code: number): void => {
    process.exitCode = code;
  },
  /** Asks for a line on standard error. `undefined`: there is no terminal to ask on. */
  ask: async (question: string): Promise<string | undefined> => {
    const { stdin: input, stderr: output } = process;
    return input.isTTY && output.isTTY ? askOn({ input, output }, question) : undefined;
  },
};

/** Asks for a line. Returns an empty text if the input ends without one. */
export async function askOn(streams: ReadLineOptions, question: string): Promise<string> {
  const prompt = createInterface(streams);
  const asked = prompt.question(question).catch(() => {
    throw new OperatorError('You stopped the command at its question. Nothing was changed.');
  });
  const answer = await Promise.race([asked, once(prompt, 'close').then(() => '')]);
  prompt.close();
  return answer;
}

/** Lines of a table with aligned columns. Empty columns are left out, and so is a table without rows. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const kept = head.flatMap((_, column) => (rows.some((row) => row[column]) ? [column] : []));
  const lines = [head, ...rows].map((row) => kept.map((column) => row[column] ?? ''));
  const widths = kept.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
