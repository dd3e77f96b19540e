import { useState } from 'preact/hooks';
import type { PersonFound } from '../people';
import { Action } from './action';
import { useSend } from './api';
import { Card, Empty, Facts, Failure, jobLink, Title } from './parts';
import { counted } from './text';

const FIELDS = { email: 'Address', user: "Caller's id" };
const ABOUT = 'What the service holds about one person. The page shows places and counts, no data.';

/** Nothing that is typed here gets into the address. */
export function PeoplePage() {
  const [person, setPerson] = useState({ email: '', user: '' });
  const [found, setFound] = useState<PersonFound>();
  const { send, busy, failure } = useSend();
  const find = (scan: boolean) => () => send('person', { ...person, scan }, setFound);
  const named = person.email.trim() !== '' || person.user.trim() !== '';
  return (
    <>
      <Title text="People" about={ABOUT} />
      <Card title="Find">
        <div class="body stack">
          <div class="row">
            {Object.entries(FIELDS).map(([name, label]) => (
              <label key={name} class="filter">
                {label}
                <input
                  autocomplete="off"
                  onInput={({ currentTarget: { value } }) => {
                    setPerson({ ...person, [name]: value });
                    setFound(undefined);
                  }}
                />
              </label>
            ))}
            <button type="button" class="primary" disabled={!named || busy} onClick={find(false)}>
              Find jobs
            </button>
            <button type="button" disabled={!named || busy} onClick={find(true)}>
              Search the bucket too
            </button>
            {named && <Action label="Erase" action="person.erase" input={person} tone="danger" />}
          </div>
          <p class="quiet">
            Give both if the person has both. The bucket is read as a whole: a million records take about 7 minutes and
            0.41 USD. An audit object says that you looked, without the person.
          </p>
          <Failure error={failure} />
          {busy && <p aria-live="polite">Searching …</p>}
        </div>
      </Card>
      {found && <Found {...found} />}
    </>
  );
}

const Found = ({ places, jobs, tickets, unread, suppressed }: PersonFound) => (
  <Card title={places.length === 0 ? 'Nothing was found' : 'Found'}>
    {places.length === 0 ? (
      <Empty what="Nothing about this person.">Rows of jobs are kept for 45 days after the end.</Empty>
    ) : (
      <Facts kind="numbers" facts={{ ...Object.fromEntries(places), 'tickets in Zendesk': tickets.length }} />
    )}
    <ul class="list">
      {suppressed && <li>{`The address gets no mail of campaigns: ${suppressed}`}</li>}
      {jobs.map(({ queue, id }) => (
        <li key={id}>
          {queue} {jobLink(queue, id)}
        </li>
      ))}
      {unread.length > 0 && <li>{`${counted(unread.length, 'object')} could not be read: ${unread.join('; ')}`}</li>}
    </ul>
  </Card>
);
