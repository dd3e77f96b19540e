import { createReadStream } from 'node:fs';
import { InvalidRecipientsError } from '../emails/invalid-recipients';
import { type Bytes, fromCsv, type Read } from '../emails/recipients';
import { OperatorError } from '../ops/operator';
import type { InviteInput } from '../testflight/message';
import { unreadable } from './files';

type Person = Pick<InviteInput, 'email' | 'firstName' | 'lastName'>;

/** A row of a file of testers. Only its form has been checked. `line` counts from 1, including the header. */
export type TesterRow = { line: number; person: Person } | { line: number; problem: string };

const COLUMNS = ['firstName', 'lastName'];

/** Reads a CSV file. Its header names email and, optionally, firstName and lastName. */
export async function readTesters(file: string): Promise<TesterRow[]> {
  try {
    return await testersOf(createReadStream(file));
  } catch (error) {
    if (error instanceof InvalidRecipientsError) throw new OperatorError(`${file}: ${error.message}.`);
    throw unreadable(file, error);
  }
}

/** The rows of such a file. Rejects with an InvalidRecipientsError if the header is invalid. */
export async function testersOf(bytes: Bytes): Promise<TesterRow[]> {
  const rows: TesterRow[] = [];
  for await (const reads of fromCsv(bytes)) rows.push(...reads.map(testerRow));
  return rows;
}

function testerRow(read: Read): TesterRow {
  const { line } = read;
  if ('broken' in read) return { line, problem: read.broken };
  const { email, data = {}, ...more } = read.value as { email: string; data?: Record<string, string> };
  const known = Object.keys(more).length === 0 && Object.keys(data).every((column) => COLUMNS.includes(column));
  return known
    ? { line, person: { email, ...data } }
    : { line, problem: `the only columns are email, ${COLUMNS.join(' and ')}` };
}
