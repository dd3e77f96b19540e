import { useState } from 'preact/hooks';
import { RECIPIENT_WORDS } from '../../ops/campaign-view';
import type { CampaignLine, CampaignPage, Campaigns } from '../views';
import { Action } from './action';
import { Facts, Failure, State, Table, Time, useAsk, Waiting } from './parts';
import { addressOf, go, jobAddress, Link, usePlace } from './router';

export function CampaignsPage() {
  const { params } = usePlace();
  const id = params.get('id');
  return id ? <One id={id} key={id} /> : <List day={params.get('day') ?? ''} />;
}

function List({ day }: { day: string }) {
  const { data, error } = useAsk<Campaigns>(addressOf('campaigns', { day }), 5_000);
  return (
    <>
      <label>
        Accepted on the day (UTC)
        <input
          type="date"
          defaultValue={day}
          onChange={(event) => go(addressOf('/console/campaigns', { day: event.currentTarget.value }))}
        />
      </label>
      <p class="hint">Without a day, the campaigns that have not ended.</p>
      <Failure error={error} />
      {data?.campaigns.length === 0 ? <p>No campaigns.</p> : null}
      {data && data.campaigns.length > 0 ? (
        <Table
          label="Campaigns"
          head={['Campaign', 'Name', 'Status', 'Released', 'Accepted (UTC)', 'Ended']}
          rows={data.campaigns.map((campaign) => [
            campaign.id,
            [
              <Link key="id" to={addressOf('/console/campaigns', { id: campaign.id })}>
                {campaign.id}
              </Link>,
              campaign.name,
              <State key="status" state={campaign.status} />,
              <Released key="released" campaign={campaign} />,
              <Time key="accepted" at={campaign.accepted} />,
              <Time key="ended" at={campaign.ended} />,
            ],
          ])}
        />
      ) : null}
    </>
  );
}

const Released = ({ campaign: { released, recipients } }: { campaign: CampaignLine }) => (
  <>
    <progress aria-label="Released" max={recipients} value={released} /> {released} of {recipients} released
  </>
);

const LABELS = { pause: 'Pause', resume: 'Resume', cancel: 'Cancel' };

function One({ id }: { id: string }) {
  const { data: campaign, error, reload } = useAsk<CampaignPage>(addressOf('campaign', { id }), 5_000);
  const [done, setDone] = useState<string>();
  if (!campaign) return <Waiting error={error} />;
  const acted = (text: string) => {
    setDone(text);
    reload();
  };
  const { events, jobs, rejected, duplicates, ...report } = campaign.report;
  const recipients = Object.entries(RECIPIENT_WORDS) as [keyof typeof RECIPIENT_WORDS, string][];
  const chunks = [...jobs.unknown, ...jobs.refused];
  return (
    <>
      <p class="id">
        {campaign.id} <State state={campaign.status} /> {campaign.name ?? ''}
      </p>
      <p>
        <Released campaign={campaign} />
      </p>
      <Failure error={error} />
      <p role="status">{done}</p>
      <div class="buttons">
        {campaign.can.map((decision) => (
          <Action
            key={decision}
            label={LABELS[decision]}
            action={`campaign.${decision}`}
            input={{ id }}
            onDone={acted}
          />
        ))}
      </div>
      <h2>Recipients</h2>
      <Facts
        facts={[
          ...recipients.map(([kind, name]) => [name, countText(report[kind])] as const),
          ['rejected before', countText(rejected)],
          ['duplicates', countText(duplicates)],
        ]}
      />
      <h2>SendGrid reported</h2>
      <Facts facts={Object.entries(events).map(([name, count]) => [name, countText(count)])} />
      {Object.keys(events).length === 0 ? <p>Nothing yet.</p> : null}
      {chunks.length > 0 ? <h2>Chunks that need an operator</h2> : null}
      <ul>
        {chunks.slice(0, 20).map((chunk) => (
          <li key={chunk}>
            <Link to={jobAddress('emails', chunk)}>{chunk}</Link>
          </li>
        ))}
      </ul>
    </>
  );
}

const countText = (count: number): string => count.toLocaleString('en');
