import './closed-pipe';
import { createInterface } from 'node:readline';
import { Presets, SingleBar } from 'cli-progress';
import { visible } from '../text';
import type { Output } from './command';

/** Output to the streams of this process. Stored text cannot send commands to the terminal. */
export const terminal: Output = {
  line: (text = '') => void process.stdout.write(`${visible(text)}\n`),
  // In JSON, an escaped character is the same character.
  json: (value) => void process.stdout.write(`${visible(JSON.stringify(value, null, 2))}\n`),
  note: (text) => void process.stderr.write(`${visible(text)}\n`),
  clear: () => void process.stdout.write(process.stdout.isTTY ? '\u001b[2J\u001b[H' : '\n'),
  progress: (total) => {
    if (!process.stderr.isTTY) return { set: () => {}, stop: () => {} };
    const bar = new SingleBar({ stream: process.stderr, clearOnComplete: true }, Presets.shades_classic);
    bar.start(total, 0);
    return { set: (done) => bar.update(done), stop: () => bar.stop() };
  },
  interrupted: () => {
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    return stop.signal;
  },
  exitCode: (code) => {
    process.exitCode = code;
  },
  ask: async (question) => {
    const { stdin: input, stderr: output } = process;
    return input.isTTY && output.isTTY ? askOn({ input, output }, question) : undefined;
  },
};

/** Asks for a line. The question goes to `output`. Returns an empty text if the input ends without a line. */
export const askOn = (
  { input, output }: { input: NodeJS.ReadableStream; output: NodeJS.WritableStream },
  question: string,
): Promise<string> =>
  new Promise((resolve) => {
    const prompt = createInterface({ input, output });
    prompt.once('close', () => resolve(''));
    prompt.question(question, (answer) => {
      resolve(answer);
      prompt.close();
    });
  });
