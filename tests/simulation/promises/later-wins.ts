import { ofKind } from '../../support/history';
import { APPS } from '../vendors/vendors';
import type { Input } from '../world/callers';
import { idOf, serviceQueue } from '../world/names';
import type { World } from '../world/types';
import { type Promised, rowOf } from './rest';

/**
 * Of two commands about one tester, app and group, the later accepted one wins. So the last command about a group, if
 * it succeeded, decided whether the tester is in it, and a superseded command has a later one.
 */
export const laterWins: Promised = (world, inputs) => {
  const { queue, watch, vendors } = world;
  // What an operator sends in place of a job is a command of its own.
  const sent = [...inputs, ...unanswered(world, inputs)].flatMap((input): Pick<Input, 'spec' | 'index' | 'id'>[] => {
    const by = rowOf(watch, serviceQueue(world), input)?.replacedBy;
    return by === undefined ? [input] : [input, { ...input, id: by }];
  });
  const commands = sent
    .flatMap((input) => {
      const wanted = queue.wanted?.(input.spec, input.index);
      const row = rowOf(watch, serviceQueue(world), input);
      const first = watch.firsts.get(input.id);
      if (!wanted || !row || !first) return [];
      // Its sender died before it had the number of a message that SQS then dead-lettered untried. The return has its
      // own.
      const isLost = row.firstSequence === undefined && row.history.some(ofKind('returned'));
      return [{ ...wanted, row, place: (isLost ? row.deliveries[0]?.sequence : undefined) ?? first.sequence }];
    })
    .sort((a, b) => a.place.localeCompare(b.place));

  for (const [at, { row, app, email, groups, member }] of commands.entries()) {
    if (row.reason !== 'superseded') continue;
    const later = commands.slice(at + 1).filter((other) => other.app === app && other.email === email);
    const covers = (other: (typeof commands)[number]) =>
      other.groups === undefined ||
      (groups === undefined ? other.member : groups.some((id) => other.groups?.includes(id)));
    if (!later.some(covers))
      return `later wins: ${row.id} (member ${member}) is superseded, and no later command covers it`;
  }
  for (const { id: app, groups } of APPS)
    for (const email of new Set(commands.map((command) => command.email)))
      for (const group of groups) {
        const last = commands.findLast(
          (command) => command.app === app && command.email === email && (command.groups ?? groups).includes(group),
        );
        if (last?.row.state !== 'succeeded') continue;
        const tester = vendors.apple.testers.find((one) => one.app === app && one.email === email);
        const isMember = tester?.groups.includes(group) === true;
        if (isMember !== last.member)
          return `later wins: ${last.row.id} was accepted last, and the tester is ${isMember ? 'in' : 'not in'} the group`;
      }
  return undefined;
};

/** Commands whose callers got no acceptance. SQS may have taken their messages. */
const unanswered = (world: World, inputs: readonly Input[]): Input[] =>
  world.plan.jobs.flatMap((spec, index) =>
    inputs.some((input) => input.index === index) ? [] : [{ spec, index, id: idOf(world, index) }],
  );
