import { useState } from 'preact/hooks';
import { RECIPIENT_WORDS } from '../../ops/recipient-words';
import type { CampaignLine, CampaignPage, Campaigns } from '../views';
import { Action } from './action';
import { Failure, State, Table, Time, useAsk } from './parts';
import { addressOf, go, jobAddress, Link, usePlace } from './router';

/** Campaigns, or one of them. */
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
          head={['Campaign', 'Name', 'Status', 'Released', 'A second', 'Accepted (UTC)', 'Ends about']}
        >
          {data.campaigns.map((campaign) => (
            <tr key={campaign.id}>
              <td class="id">
                <Link to={addressOf('/console/campaigns', { id: campaign.id })}>{campaign.id}</Link>
              </td>
              <td>{campaign.name ?? ''}</td>
              <td>
                <State state={campaign.status} />
              </td>
              <td>
                <Released campaign={campaign} />
              </td>
              <td class="number">{campaign.perSecond?.toFixed(1) ?? ''}</td>
              <td>
                <Time at={campaign.accepted} />
              </td>
              <td>
                <Time at={campaign.ended ?? campaign.endsAbout} />
              </td>
            </tr>
          ))}
        </Table>
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
  if (!campaign) return error ? <Failure error={error} /> : <p>Loading …</p>;
  const { report } = campaign;
  return (
    <>
      <p class="id">
        {campaign.id} <State state={campaign.status} /> {campaign.name ?? ''}
      </p>
      <p>
        <Released campaign={campaign} />
        {campaign.perSecond ? `, ${campaign.perSecond.toFixed(1)} a second` : ''}
        {campaign.endsAbout ? (
          <>
            , ends about <Time at={campaign.endsAbout} /> (an estimate by the rate so far, without pauses)
          </>
        ) : null}
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
            onDone={(text) => {
              setDone(text);
              reload();
            }}
          />
        ))}
      </div>
      <h2>Recipients</h2>
      <dl>
        {(Object.entries(RECIPIENT_WORDS) as [keyof typeof RECIPIENT_WORDS, string][]).map(([kind, name]) => (
          <Count key={kind} name={name} count={report[kind]} />
        ))}
        <Count name="rejected before" count={report.rejected} />
        <Count name="duplicates" count={report.duplicates} />
      </dl>
      <h2>SendGrid reported</h2>
      <dl>
        {Object.entries(report.events).map(([name, count]) => (
          <Count key={name} name={name} count={count} />
        ))}
      </dl>
      {Object.keys(report.events).length === 0 ? <p>Nothing yet.</p> : null}
      {[...report.jobs.unknown, ...report.jobs.refused].length > 0 ? <h2>Chunks that need an operator</h2> : null}
      <ul>
        {[...report.jobs.unknown, ...report.jobs.refused].slice(0, 20).map((chunk) => (
          <li key={chunk}>
            <Link to={jobAddress('emails', chunk)}>{chunk}</Link>
          </li>
        ))}
      </ul>
    </>
  );
}

const Count = ({ name, count }: { name: string; count: number }) => (
  <div>
    <dt>{name}</dt>
    <dd>{count.toLocaleString('en')}</dd>
  </div>
);
