import { createHmac } from 'node:crypto';
import { sha256 } from '../../../../lib/engine/jobs/envelope';
import { hashesWith, personHashes } from '../../../../lib/engine/jobs/person-hash';
import { StoreError } from '../../../../lib/platform/errors';
import { memoryClock } from '../../../support/memory-clock';

const KEY = 'a'.repeat(32);
const OTHER = 'b'.repeat(64);
const WHO = 'feedback:email:jane@example.com';

/** A secret that an operator can change, and whose store can fail. */
function aSecret(first: string) {
  const state = { text: first, reads: 0, fails: false };
  const read = async () => {
    state.reads++;
    if (state.fails) throw new StoreError({ code: 'SSM.TimeoutError', message: 'no answer' });
    return state.text;
  };
  return { state, read };
}

test('the hash depends on the key, and only who has it can compute it', () => {
  const [written, ...earlier] = hashesWith([KEY])(WHO);

  expect(written).toMatch(/^[0-9a-f]{32}$/);
  expect(written).not.toBe(sha256(WHO).slice(0, 32));
  expect(hashesWith([OTHER])(WHO)[0]).not.toBe(written);
  expect(earlier).toEqual([]);
});

test('each purpose has a key of its own: who may make the groups of feedback makes no owner, person or salt', () => {
  const hmac = (key: string, text: string) => createHmac('sha256', key).update(text).digest('hex').slice(0, 64);
  const groupKey = hmac(KEY, 'feedback');
  const made = (text: string) => hmac(groupKey, text).slice(0, 32);

  expect(hashesWith([KEY])(WHO)[0]).toBe(made(WHO));
  for (const text of ['owner:shop', 'person:jane@example.com', 'payload:feedback:1', 'mailed:jane@example.com'])
    expect(hashesWith([KEY])(text)[0]).not.toBe(made(text));
});

test('of two keys the first writes, and hashes of both are looked for', async () => {
  const secret = aSecret(`${OTHER},${KEY}`);

  const hashes = await personHashes(secret.read, memoryClock())();

  expect(hashes(WHO)).toEqual([hashesWith([OTHER])(WHO)[0], hashesWith([KEY])(WHO)[0]]);
});

test('the key is read once in five minutes, also by calls side by side, so that a new key needs no restart', async () => {
  const clock = memoryClock();
  const secret = aSecret(KEY);
  const hashPeople = personHashes(secret.read, clock);

  await Promise.all([hashPeople(), hashPeople()]);
  secret.state.text = OTHER;
  const before = await hashPeople();
  clock.advance(5 * 60_000);
  const after = await hashPeople();

  expect(secret.state.reads).toBe(2);
  expect(before(WHO)[0]).toBe(hashesWith([KEY])(WHO)[0]);
  expect(after(WHO)[0]).toBe(hashesWith([OTHER])(WHO)[0]);
});

test('a known key stays in use while its store does not answer', async () => {
  const clock = memoryClock();
  const secret = aSecret(KEY);
  const hashPeople = personHashes(secret.read, clock);
  const known = await hashPeople();
  secret.state.fails = true;
  clock.advance(5 * 60_000);

  expect((await hashPeople())(WHO)).toEqual(known(WHO));
});

test('without any answer from its store there is no hash, and the next call tries again', async () => {
  const secret = aSecret(KEY);
  secret.state.fails = true;
  const hashPeople = personHashes(secret.read, memoryClock());

  await expect(hashPeople()).rejects.toMatchObject({ class: 'store', code: 'SSM.TimeoutError' });
  secret.state.fails = false;

  expect((await hashPeople())(WHO)).toHaveLength(1);
});

const WRONG_KEYS = ['short', '', `${KEY},short`, `${KEY},${OTHER},${KEY}x`];

test.each(WRONG_KEYS)('the key %j is refused without a word of it in the error', async (text) => {
  const error: unknown = await personHashes(aSecret(text).read, memoryClock())().catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ class: 'store', code: 'HashKeyInvalid' });
  expect(String(error)).not.toContain('short');
  expect(String(error)).not.toContain(KEY);
});
