/**
 * Records golden histories: `node test/support/record-golden.ts [case …]`. One folder a case and version, `test/replay/golden/<case>-<version>/`, with
 * the history and the ledger. A folder that exists is never written again: a workflow change must replay it, or be a `patched()` one.
 */
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyText } from '../../audit/history.ts';
import { canonical } from '../../domain/json.ts';
import { Engine, type OpenIncident } from './engine.ts';
import { Switchboard } from './switchboard.ts';

const golden = fileURLToPath(new URL('../replay/golden/', import.meta.url));
const world = new Switchboard();
const actions = [world.action(), world.action('test.read', false)];
const held = (incident: OpenIncident) => incident.until(({ status }) => status === 'holding');

/** Each runs an incident to its end. Between them they go through every part of the workflow. */
const cases: { [name: string]: (engine: Engine) => Promise<OpenIncident> } = {
  async released(engine) {
    const incident = await engine.open({
      actions,
      namespace: 'released',
      steps: [{}, { uses: 'test.read' }],
    });
    await incident.decide('ada');
    await held(incident);
    await incident.release();
    return incident;
  },
  async denied(engine) {
    const incident = await engine.open({ actions, namespace: 'denied' });
    await incident.decide('ada', { verdict: 'deny', reason: 'a drill' });
    return incident;
  },
  async expired(engine) {
    const approve = { from: ['responders'], count: 1, withinMs: 300, otherwise: 'escalate' as const };
    return engine.open({ actions, namespace: 'expired', steps: [{ approve }] });
  },
  async 'two-persons'(engine) {
    const approve = { from: ['responders'], count: 2, withinMs: 60_000, otherwise: 'deny' as const };
    const incident = await engine.open({ actions, namespace: 'two', steps: [{ approve }] });
    await incident.decide('ada');
    await incident.decide('ben');
    await held(incident);
    await incident.release();
    return incident;
  },
  async 'taken-over'(engine) {
    const incident = await engine.open({ actions, namespace: 'taken' });
    await incident.decide('ada');
    await held(incident);
    await incident.command('ada', 'takeover');
    world.gone.add('taken');
    await incident.command('ada', 'handback');
    return incident;
  },
  async 'failed-then-released'(engine) {
    world.verdict = 'failed';
    const incident = await engine.open({ actions, namespace: 'failed' });
    await incident.decide('ada');
    await incident.until(({ steps }) => steps[0]?.status === 'failed');
    world.verdict = 'verified';
    await incident.release();
    return incident;
  },
  simulated: (engine) => engine.open({ actions, namespace: 'simulated', mode: 'simulate' }),
  refused: (engine) => engine.open({ actions, namespace: 'kube-system' }),
};

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(cases);
const engine = await Engine.start();
try {
  await engine.work(actions);
  for (const name of wanted) {
    const dir = join(golden, `${name}-${version}`);
    const run = cases[name];
    if (run === undefined) throw new RangeError(`no case ${name}: ${Object.keys(cases).join(', ')}`);
    if (
      await access(dir).then(
        () => true,
        () => false,
      )
    ) {
      console.log(`${name}-${version} is there already`);
      continue;
    }
    const incident = await run(engine);
    const outcome = await incident.handle.result();
    const entries = await engine.state.ledger.read(incident.incident);
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'history.json'), historyText(await incident.handle.fetchHistory()));
    await writeFile(join(dir, 'ledger.jsonl'), entries.map((entry) => `${canonical(entry)}\n`).join(''));
    console.log(`${name}-${version}: ${String(outcome)}, ${entries.length} entries`);
  }
} finally {
  await engine.stop();
}
