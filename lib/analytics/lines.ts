import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { sha256 } from '../jobs/envelope';

/** The origin of an object's events, which is the same on each line. */
export interface Origin {
  source: string | null;
  group: string | null;
  sequence: number | null;
}

/** Decompresses the NDJSON of one of our objects. */
export const textOf = (key: string, bytes: Uint8Array): Buffer =>
  key.endsWith('.zst') ? zstdDecompressSync(bytes) : gunzipSync(bytes);

/** The NDJSON of a message's own object. `undefined` if the object is not whole lines of ours. */
export function linesOf(key: string, bytes: Uint8Array): Buffer | undefined {
  try {
    const text = textOf(key, bytes);
    originOf(text);
    return text.at(-1) === 10 ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the origin from an object's first line. */
export function originOf(text: Buffer): Origin {
  const end = text.indexOf('\n');
  const { source, group, sequence } = JSON.parse(text.toString('utf8', 0, end < 0 ? text.length : end)) as Origin;
  return { source, group, sequence };
}

export function countLines(text: Buffer): number {
  let count = 0;
  for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) count++;
  return count;
}

/** The lines of each message of a compacted object, in order. `undefined` if the object is not whole lines of ours. */
export function messagesOf(key: string, bytes: Uint8Array): Map<string, Buffer> | undefined {
  try {
    return byMessage(textOf(key, bytes));
  } catch {
    return undefined;
  }
}

function byMessage(text: Buffer): Map<string, Buffer> {
  const messages = new Map<string, Buffer>();
  for (let at = 0; at < text.length; ) {
    const end = endOfLines(text, at, 1) ?? text.length;
    const line = text.subarray(at, end);
    const { job } = JSON.parse(line.toString('utf8')) as { job: string };
    messages.set(job, Buffer.concat([messages.get(job) ?? Buffer.alloc(0), line]));
    at = end;
  }
  return messages;
}

/** Whether the text is exactly the lines of these messages, in their order. */
export function agrees(text: Buffer, messages: readonly { events: number; sha256: string }[]): boolean {
  let at = 0;
  for (const { events, sha256: hash } of messages) {
    const end = endOfLines(text, at, events);
    if (end === undefined || sha256(text.subarray(at, end)) !== hash) return false;
    at = end;
  }
  return at === text.length;
}

function endOfLines(text: Buffer, start: number, count: number): number | undefined {
  let end = start;
  for (let line = 0; line < count; line++) {
    const newline = text.indexOf(10, end);
    if (newline < 0) return undefined;
    end = newline + 1;
  }
  return end;
}
