import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createSqsModel } from '../../packages/local/sqs/model';
import { startSqs } from '../../packages/local/sqs/server';
import type { Report } from './report';

/** Checks the local SQS with boto3, on which the AWS CLI is built too. moto needs it, so it is there. */
export async function checkBoto3({ check }: Pick<Report, 'check'>): Promise<void> {
  const model = createSqsModel({ now: Date.now, uuid: randomUUID, region: 'us-east-1', account: '000000000000' });
  const { url, close } = await startSqs({ model });
  try {
    const { stdout } = await promisify(execFile)('python3', [join(__dirname, 'sqs_boto3.py'), url]);
    for (const line of stdout.trim().split('\n')) check(...(JSON.parse(line) as [string, boolean, string]));
  } finally {
    await close();
  }
}
