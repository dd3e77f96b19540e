import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startService } from '../../lib/local/service';
import { packageService } from '../../lib/local/template/package';
import { MAILS_LOADS, mailsBesideCampaigns, waitOf } from '../simulation/scale/mails';
import { table } from './table';

const RECIPIENTS = 100_000;
const PART = 10_000;
const RATE = 2_500;
const EVERY_MS = 250;

const SIMULATED = 1_200;

/** How long a single mail takes to reach the vendor beside campaigns: simulated, and on this machine. */
export async function emailsPriority(): Promise<string> {
  return [await simulated(), '', await onThisMachine()].join('\n');
}

async function simulated(): Promise<string> {
  const rows: string[][] = [];
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  const percent = (part: number) => `${(100 * part).toFixed(1)} %`;
  for (const load of Object.values(MAILS_LOADS)) {
    const { waits, used, byCampaigns, busiest, violation } = await mailsBesideCampaigns(SIMULATED, load);
    if (violation) throw new Error(violation);
    rows.push([
      `${load.rate.toLocaleString('en')} a second, ${load.mails} mails a second`,
      ...[0.5, 0.99, 1].map((part) => seconds(waitOf(waits, part))),
      ...[used, byCampaigns, busiest].map(percent),
    ]);
  }
  return [
    `${SIMULATED.toLocaleString('en')} single mails beside two campaigns, in virtual time. "most" is sent in any two seconds, of the limit and one chunk.`,
    table(['limit', 'half within', 'p99', 'all', 'of the limit used', 'by campaigns', 'most'], rows),
  ].join('\n');
}

async function onThisMachine(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'local-package-'));
  const packaged = await packageService({ stage: 'local', output: directory });
  for (const { Properties } of Object.values(packaged.resources)) {
    const { Variables } = (Properties?.Environment ?? {}) as { Variables?: Record<string, unknown> };
    if (Variables && 'EMAIL_RATE' in Variables) Variables.EMAIL_RATE = String(RATE);
  }
  const service = await startService({ packaged });
  try {
    const post = async (path: string, body: object) => {
      const answer = await fetch(`${service.api}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (answer.status !== 202) throw new Error(`the API answered ${answer.status}`);
      return ((await answer.json()) as { id: string }).id;
    };
    const from = { email: 'news@example.com' };
    for (let first = 0; first < RECIPIENTS; first += PART)
      await post('/campaigns', {
        from,
        subject: 'S',
        text: 'T',
        recipients: Array.from({ length: PART }, (_, n) => ({ email: `user-${first + n}@example.com` })),
      });
    const begun = Date.now();
    const asked = new Map<string, number>();
    const campaign = () => service.sendgrid.mails.filter(({ customArgs }) => customArgs.campaign !== undefined).length;
    while (campaign() < RECIPIENTS && Date.now() - begun < 300_000) {
      const at = Date.now();
      asked.set(
        await post('/emails', { from, to: { email: `person-${asked.size}@example.com` }, subject: 'S', text: 'T' }),
        at,
      );
      await sleep(EVERY_MS);
    }
    const seconds = (Date.now() - begun) / 1000;
    const arrived = () => service.sendgrid.mails.filter(({ customArgs }) => asked.has(customArgs.job ?? '')).length;
    while (arrived() < asked.size && Date.now() - begun < 400_000) await sleep(EVERY_MS);
    const waits = service.sendgrid.mails
      .flatMap(({ customArgs, at }) =>
        asked.has(customArgs.job ?? '') ? [at - (asked.get(customArgs.job ?? '') ?? 0)] : [],
      )
      .sort((a, b) => a - b);
    const at = (part: number) =>
      `${((waits[Math.min(waits.length - 1, Math.floor(waits.length * part))] ?? 0) / 1000).toFixed(2)} s`;
    return [
      `Priority: ${campaign().toLocaleString('en')} recipients of ten campaigns in ${seconds.toFixed(0)} s at ${RATE.toLocaleString('en')} a second;`,
      `${asked.size} single mails meanwhile, ${waits.length} of them reached the vendor: half within ${at(0.5)}, p99 ${at(0.99)}, all ${at(1)}.`,
    ].join('\n');
  } finally {
    await service.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
