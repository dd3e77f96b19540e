import { personOf } from '../../../lib/engine/jobs/person-hash';
import type { Person } from '../../../lib/operate/ops/search';
import { feedbackPerson } from '../../../lib/queues/feedback/message';
import { hashed } from '../../support/hash-people';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryObjects } from '../../support/memory-objects';
import { memoryTable } from '../../support/memory-table';
import { placeOfKey } from '../../support/places';
import { depsOf, erase } from '../world/code';
import { serviceQueue } from '../world/names';
import type { Ports, World } from '../world/types';
import { textOf } from '../world/watch';

/**
 * An erasure after all messages have come leaves nothing of the person in an erasable place, and changes nothing that
 * is not about one of the person's jobs. It erases copies, so that tests still see what the run has left.
 */
export async function erasedAreGone(world: World): Promise<string | undefined> {
  const persons = (world.plan.erasures ?? []).map(({ person }) => person);
  if (persons.length === 0) return undefined;
  const copies = await copiesOf(world);
  for (const person of persons) {
    const words = wordsOf(person);
    const before = textsOf(copies);
    const left = await eraseCopies(world, copies, person);
    const after = textsOf(copies);
    // A duplicate of an address may come in capitals.
    const has = (text = '') => words.some((word) => text.toLowerCase().includes(word));
    const isLeft = (key: string) =>
      left.has(key) ||
      world.watch.broken.has(key) ||
      placeOfKey(key, 'jobs', world.lanes.map(serviceQueue)) === 'files';
    const gone = [...after].find(([key, text]) => has(text) && !isLeft(key));
    if (gone) return `the erased are gone: ${gone[0]} still has ${words.find((word) => gone[1].includes(word))}`;
    const ids = [...before].flatMap(([key, text]) => (has(text) ? (key.match(ID) ?? []) : []));
    const isOwn = (key: string) =>
      ids.some((id) => key.includes(id)) || /^(lease#hours$|jobs\/_suppressed\/)/.test(key);
    const other = [...before.keys(), ...after.keys()].find((key) => before.get(key) !== after.get(key) && !isOwn(key));
    if (other) return `the erased are gone: an erasure changed ${other}, which is not about the person`;
  }
  return undefined;
}

const ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

export const wordsOf = ({ email, user }: Person): string[] => [
  ...(email === undefined ? [] : [email, ...hashed(personOf(email))]),
  ...(user === undefined ? [] : [user, ...hashed(feedbackPerson({ user: { id: user, email: '' } }))]),
];

type Stored = Pick<World['stores'], 'table' | 'objects'>;

async function copiesOf({ stores: { table, objects } }: World): Promise<Stored> {
  const copies = { table: memoryTable(), objects: memoryObjects() };
  for (const item of table.items()) await copies.table.put(item, 0);
  for (const key of objects.keys())
    await copies.objects.put(key, objects.bytes(key), objects.contentType(key) ?? '', objects.metadata(key));
  return copies;
}

/** The stored items and objects as texts, by key. */
export const textsOf = ({ table, objects }: Stored): Map<string, string> =>
  new Map([
    ...table.items().map((item) => [item.key, JSON.stringify(item)] as const),
    ...objects.keys().map((key) => [key, textOf(objects.bytes(key))] as const),
  ]);

/** Resolves to the keys of what it could not erase. */
async function eraseCopies(world: World, copies: Stored, person: Person): Promise<Set<string>> {
  const none = () => {};
  const ports = {
    ...copies,
    clock: memoryClock(world.kernel.now()),
    random: memoryRandom(),
    queues: { send: async () => ({ messageId: 'none' }) },
    log: { info: none, warn: none, error: none },
    metrics: { add: none, flush: async () => {} },
    events: { publish: async () => {} },
  } as unknown as Ports;
  const left = await erase(depsOf(world, ports), person);
  return new Set(left.map(({ key }) => key));
}
