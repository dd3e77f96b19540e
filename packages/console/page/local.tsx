import { useState } from 'preact/hooks';
import type { LocalTools } from '../deps';
import { jobAddress } from './api';
import { Answer, Failure, tellDone, useSend } from './parts';

export function LocalPage() {
  const [sent, setSent] = useState<{ queue: string; id: string }>();
  const { send, failure } = useSend();
  const breaks = (body: { vendor: string; how?: string }) => send('local/break', body, () => tellDone(''));
  return (
    <Answer path="local" everyMs={2_000}>
      {(page: ReturnType<LocalTools['page']>) => (
        <>
          <h2>Send a job</h2>
          <div class="row">
            {page.samples.map((sample) => (
              <button type="button" key={sample} onClick={() => send('local/send', { sample }, setSent)}>
                {sample}
              </button>
            ))}
          </div>
          <p role="status">
            {sent && 'Sent: '}
            {sent && <a href={jobAddress(sent.queue, sent.id)}>{`${sent.queue} ${sent.id}`}</a>}
          </p>
          <Failure error={failure} />
          {page.vendors.map(({ name: vendor, breaks: on, fails }) => (
            <section key={vendor} aria-label={vendor}>
              <h2>{vendor}</h2>
              <div class="row">
                {page.breaks.map((how) => (
                  <button
                    type="button"
                    key={how}
                    aria-pressed={on.includes(how)}
                    onClick={() => breaks({ vendor, how })}
                  >
                    {how}
                  </button>
                ))}
                <button type="button" disabled={!fails} onClick={() => breaks({ vendor })}>
                  Recover
                </button>
              </div>
              <a href={`/fakes/${vendor}`}>What it has taken</a>
            </section>
          ))}
        </>
      )}
    </Answer>
  );
}
