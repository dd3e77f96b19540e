import { Presets, SingleBar } from 'cli-progress';
import { askOn } from './ask';
import type { Output } from './command';

/** Output to the streams of this process. */
export const terminal: Output = {
  line: (text = '') => void process.stdout.write(`${text}\n`),
  json: (value) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
  note: (text) => void process.stderr.write(`${text}\n`),
  progress: (total) => {
    if (!process.stderr.isTTY) return { set: () => {}, stop: () => {} };
    const bar = new SingleBar({ stream: process.stderr, clearOnComplete: true }, Presets.shades_classic);
    bar.start(total, 0);
    return { set: (done) => bar.update(done), stop: () => bar.stop() };
  },
  exitCode: (code) => {
    process.exitCode = code;
  },
  ask: async (question) => {
    const { stdin: input, stderr: output } = process;
    return input.isTTY && output.isTTY ? askOn({ input, output }, question) : undefined;
  },
};
