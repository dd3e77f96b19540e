import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { npmScripts, sendFeedback } from '../../support/npm-scripts';

const { path, service } = npmScripts();

test('npm start serves requests, and stops cleanly on Ctrl-C', async () => {
  const { running, api } = await service();
  const { status } = await sendFeedback(api);
  await running.says(/outcome=succeeded/);

  expect([status, await running.end('SIGINT', { group: true })]).toEqual([202, 0]);
  expect(running.output()).toContain('Stopped.');
  expect(existsSync(join(path, '.local/service.json'))).toBe(false);
});
