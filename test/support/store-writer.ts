/**
 * A writer in a process of its own, to be killed: `node store-writer.ts <what> <dir> <step|->`. It says `at <step>` and waits there for ever, or says
 * `acknowledged <n>` after each write.
 */
import { openAccessLog } from '../../stores/access-log.ts';
import type { Step } from '../../stores/durable.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { openLedger } from '../../stores/ledger.ts';
import { openRegistryEvents } from '../../stores/registry-events.ts';
import { chain } from './ledger-entries.ts';

const [what, dir = '', gate = '-', variant = 'a'] = process.argv.slice(2);

const say = (line: string) => process.stdout.write(`${line}\n`);
const onStep = (step: Step) => {
  if (step !== gate) return undefined;
  say(`at ${step}`);
  return new Promise<void>(() => setInterval(() => undefined, 60_000));
};

switch (what) {
  case 'ledger':
    await (await openLedger(dir, { onStep })).append(chain('inc-1', 20, variant));
    say('acknowledged 20');
    break;
  case 'evidence': {
    const evidence = await openEvidence(dir, { maxTotalBytes: 1e9, maxArtefactBytes: 1e9 }, { onStep });
    await evidence.put('x'.repeat(100_000), 'text/plain');
    say('acknowledged 1');
    break;
  }
  case 'index': {
    const evidence = await openEvidence(dir, { maxTotalBytes: 1e9, maxArtefactBytes: 1e9 });
    const ref = await evidence.put('x', 'text/plain');
    for (let n = 1; n <= 5_000; n++) {
      await evidence.record([
        { ref, name: `${variant}-${n}`, incident: 'inc-1', collector: 'c', source: 's', at: 'now' },
      ]);
      say(`acknowledged ${n}`);
    }
    break;
  }
  case 'access': {
    const log = await openAccessLog(dir, { maxRefusalsPerMinute: 10 });
    for (let n = 1; n <= 50_000; n++) {
      await log.append({ outcome: 'accepted', kind: 'alert', actor: 'a', detail: { n } });
      say(`acknowledged ${n}`);
    }
    break;
  }
  case 'registry-events': {
    const events = await openRegistryEvents(dir, {
      maxBytes: 20_000,
      maxAgeMs: 86_400_000,
      segmentBytes: 2_000,
    });
    const same = { at: '2026-01-01T00:00:00.000Z', action: 'push', actor: 'ci', address: '', agent: '' };
    for (let n = 1; n <= 50_000; n++) {
      const event = { ...same, id: `${n}`, repository: 'shop', tag: '', digest: '', image: true };
      await events.append('images', { events: [event] });
      say(`acknowledged ${n}`);
    }
    break;
  }
  default:
    throw new Error(`no such writer: ${what}`);
}
