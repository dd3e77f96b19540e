import { z } from 'zod';
import { multiLine, singleLine } from '../text';

export const TESTFLIGHT_QUEUE = 'testflight';
export const TESTFLIGHT_INVITE = 'testflight.invite.v1';
export const TESTFLIGHT_REMOVE = 'testflight.remove.v1';
export const TESTFLIGHT_NOTIFY_BUILD = 'testflight.notify-build.v1';

/** Apple's ids of apps are numbers … */
const appId = z.string().regex(/^[0-9]{1,20}$/, "must be Apple's id of an app, digits");
/** … and those of all else UUIDs. */
const uuid = (what: string) => z.guid(`must be Apple's id of ${what}, a UUID`).toLowerCase();
const email = z.email().max(254);
/** A tester's groups, each once; more than a person is ever put into by hand. */
const groups = z
  .array(uuid('a group'))
  .min(1)
  .max(10)
  .refine((ids) => new Set(ids).size === ids.length, 'must not hold a group twice');

/** A branded mail of our own, beside Apple's. */
const notification = z.strictObject({
  /** What the app is called to testers. */
  appName: singleLine(100),
  /** What to tell them, e.g. what to look at. */
  message: multiLine(4_000).optional(),
  url: z
    .url({ protocol: /^https$/, hostname: z.regexes.domain, error: 'must be an https URL' })
    .max(2_000)
    .optional(),
});

/** The data of `testflight.invite.v1`. The groups belong to the app. */
export const inviteSchema = z.strictObject({
  app: appId,
  email,
  firstName: singleLine(50).optional(),
  lastName: singleLine(50).optional(),
  groups,
  /** Invites who was invited before once more. */
  resend: z.boolean().default(false),
  notification: notification.optional(),
});

/** The data of `testflight.remove.v1`: out of some groups, or of the app and so of all its groups. */
export const removeSchema = z.discriminatedUnion('from', [
  z.strictObject({ app: appId, email, from: z.literal('app') }),
  z.strictObject({ app: appId, email, from: z.literal('groups'), groups }),
]);

/** The data of `testflight.notify-build.v1`. */
export const notifyBuildSchema = z.strictObject({ app: appId, build: uuid('a build') });

export type Invite = z.infer<typeof inviteSchema>;
export type InviteInput = z.input<typeof inviteSchema>;
export type Remove = z.infer<typeof removeSchema>;
export type RemoveInput = z.input<typeof removeSchema>;
export type NotifyBuild = z.infer<typeof notifyBuildSchema>;

/** The message group: what is asked of one app happens in that order, one call at a time. */
export const testflightGroup = ({ app }: { app: string }): string => app;
