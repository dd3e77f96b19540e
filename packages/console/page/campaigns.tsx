import type { CampaignPage, Campaigns } from '../api';
import { Action } from './action';
import { addressOf, jobAddress, param } from './api';
import { Answer, Facts, State, Table, Time } from './parts';

export function CampaignsPage() {
  const id = param('id');
  if (id === '') return <List day={param('day')} />;
  return (
    <Answer path={addressOf('campaign', { id })} everyMs={5_000}>
      {(campaign: CampaignPage) => <One campaign={campaign} />}
    </Answer>
  );
}

const List = ({ day }: { day: string }) => (
  <>
    <form>
      <label>
        Accepted on the day (UTC)
        <input name="day" pattern="\d{4}-\d\d-\d\d" placeholder="2026-01-31" defaultValue={day} />
      </label>
    </form>
    <p class="quiet">Without a day, the campaigns that have not ended.</p>
    <Answer path={addressOf('campaigns', { day })} everyMs={5_000}>
      {({ campaigns, more }: Campaigns) => (
        <>
          {more ? <p class="quiet">There are more campaigns than these.</p> : null}
          <Table
            label="Campaigns"
            none="No campaigns."
            rows={campaigns}
            id={({ id }) => id}
            columns={{
              Campaign: ({ id }) => <a href={addressOf('/console/campaigns', { id })}>{id}</a>,
              Name: ({ name }) => name,
              Status: ({ status }) => <State state={status} />,
              Sent,
              'Accepted (UTC)': ({ accepted }) => <Time at={accepted} />,
              Ended: ({ ended }) => <Time at={ended} />,
            }}
          />
        </>
      )}
    </Answer>
  </>
);

const Sent = ({ progress: { sent, perSecond, endsAt }, recipients }: Campaigns['campaigns'][number]) => (
  <>
    <progress aria-label="Sent" max={recipients} value={sent} /> {sent} of {recipients} sent
    {perSecond === undefined ? null : `, ${perSecond} a second, ends about `}
    {endsAt === undefined ? null : <Time at={endsAt} />}
  </>
);

const LABELS = { pause: 'Pause', resume: 'Resume', cancel: 'Cancel' };

function One({ campaign }: { campaign: CampaignPage }) {
  const { id, can, status, name, recipientsByOutcome, report } = campaign;
  const { events, jobs, rejected, duplicates, why } = report;
  const chunks = [...jobs.unknown, ...jobs.refused];
  return (
    <>
      <p class="id">
        {id} <State state={status} /> {name}
      </p>
      {why === undefined ? null : <p>{why}</p>}
      <p>
        <Sent {...campaign} />
      </p>
      <div class="row">
        {can.map((decision) => (
          <Action key={decision} label={LABELS[decision]} action={`campaign.${decision}`} input={{ id }} />
        ))}
      </div>
      <h2>Recipients</h2>
      <Facts facts={{ ...recipientsByOutcome, 'rejected before': rejected, duplicates }} />
      <h2>SendGrid reported</h2>
      <Facts facts={events} />
      {Object.keys(events).length === 0 ? <p>Nothing yet.</p> : null}
      {chunks.length > 0 ? <h2>Chunks that need an operator</h2> : null}
      <ul>
        {chunks.slice(0, 20).map((chunk) => (
          <li key={chunk}>
            <a href={jobAddress('emails', chunk)}>{chunk}</a>
          </li>
        ))}
      </ul>
    </>
  );
}
