/** The JSON:API bodies that we send to App Store Connect. They depend only on their arguments. */

interface Linkage<T extends string> {
  type: T;
  id: string;
}

const linkage = <T extends string>(type: T, id: string): Linkage<T> => ({ type, id });

/** `POST /v1/betaTesters`: creates a tester of the groups' app. */
export const testerBody = ({
  email,
  firstName,
  lastName,
  groups,
}: {
  email: string;
  firstName?: string | undefined;
  lastName?: string | undefined;
  groups: readonly string[];
}) => ({
  data: {
    type: 'betaTesters' as const,
    attributes: {
      email,
      ...(firstName === undefined ? {} : { firstName }),
      ...(lastName === undefined ? {} : { lastName }),
    },
    relationships: { betaGroups: { data: groups.map((id) => linkage('betaGroups', id)) } },
  },
});

/** `POST` and `DELETE` for a group's testers, `DELETE` for an app's testers. */
export const testersBody = (testers: readonly string[]) => ({ data: testers.map((id) => linkage('betaTesters', id)) });

/** `POST /v1/betaTesterInvitations`. Apple deprecates the tester's part, but without it the request names no tester. */
export const invitationBody = ({ app, tester }: { app: string; tester: string }) => ({
  data: {
    type: 'betaTesterInvitations' as const,
    relationships: {
      app: { data: linkage('apps', app) },
      betaTester: { data: linkage('betaTesters', tester) },
    },
  },
});

/** `POST /v1/buildBetaNotifications`. */
export const buildNotificationBody = (build: string) => ({
  data: {
    type: 'buildBetaNotifications' as const,
    relationships: { build: { data: linkage('builds', build) } },
  },
});
