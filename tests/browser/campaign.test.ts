import { testedConsole } from '../support/console';
import { aContent, CAMPAIGN, startEmails } from '../support/emails';
import { browserTest, opens, openTab, violations } from './page';

browserTest('the page of a campaign shows what one recipient reads on request, and its HTML as text', async () => {
  const emails = opens(await startEmails());
  const html = '<p>Hi {{name}}</p><script>window.hacked = 1</script>';
  await emails.campaign({ content: aContent({ templateId: undefined, subject: 'News', text: 'Hi {{name}}', html }) });
  const { url, host } = opens(await testedConsole(emails.engine));
  const { page, problems } = await openTab();
  await page.goto(url);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.goto(`http://${host}/console/campaigns?id=${CAMPAIGN}`);
  await page.getByLabel('Recipient, from 1 to 30').fill('12');
  expect(await page.content()).not.toContain('user-11@example.com');

  await page.getByRole('button', { name: 'Show the mail' }).click();

  await page.getByText('user-11@example.com').waitFor();
  await page.getByText('Hi User 11', { exact: true }).waitFor();
  await page.getByText('<p>Hi User 11</p><script>').waitFor();
  expect(await page.evaluate('window.hacked')).toBeUndefined();
  expect(await violations(page)).toEqual([]);
  expect(problems).toEqual([]);
});
