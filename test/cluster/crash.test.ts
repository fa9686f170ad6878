import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { resources } from '../../activities/kubernetes/resources.ts';
import { sha256 } from '../../domain/json.ts';
import { incidentWorkflowId } from '../../workflows/contract.ts';
import { changesBy } from '../support/audit-log.ts';
import { drive, EngineProcess, killAllStanding, settingsFor } from '../support/crash.ts';
import { Engine } from '../support/engine.ts';
import { checkLedger } from '../support/ledger-check.ts';
import {
  createNamespace,
  engineUser,
  openHouse,
  pod,
  policiesOf,
  policy,
  responderGroup,
  type House,
} from '../support/quarantine-house.ts';
import { Watch } from '../support/watch.ts';

const watch = new Watch((boundary) =>
  boundary
    .replace(/\.[a-z0-9.]+\.k8s\.io\//, '/')
    .replace(/firebreak-freeze-[0-9a-f-]+/, 'freeze')
    .replace(/release-[a-z0-9-]+/, 'kit'),
);
const processes: EngineProcess[] = [];
let house: House;
let engine: Engine;

beforeAll(async () => {
  [house, engine] = await Promise.all([openHouse(), Engine.start()]);
}, 180_000);
afterAll(async () => {
  await Promise.all(processes.map((process) => process.kill()));
  await engine.stop();
  await house.close();
}, 60_000);

const idOf = (namespace: string) => incidentWorkflowId(sha256(namespace));

const at = (namespace: string) => ({ ...resources.networkPolicies, namespace });

/** A namespace in which an allow-all policy and one for DNS stand beside a deny-all. */
async function furnish(namespace: string): Promise<unknown> {
  await createNamespace(house.admin, namespace);
  const both = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };
  const specs = {
    deny: both,
    'allow-all': { ...both, ingress: [{}], egress: [{}] },
    dns: { podSelector: {}, policyTypes: ['Egress'], egress: [{ ports: [{ protocol: 'UDP', port: 53 }] }] },
  };
  for (const [name, spec] of Object.entries(specs))
    await house.admin.create(at(namespace), policy(namespace, name, spec, { annotations: { owner: 'web' } }));
  await house.admin.create({ ...resources.pods, namespace }, pod(namespace, 'web-1'));
  return policiesOf(house.admin, namespace);
}

const open = (namespace: string) =>
  engine.open({
    actions: [house.quarantine],
    namespace,
    key: namespace,
    steps: [{ with: { literal: { cluster: 'shop-1', namespace } } }],
  });

const changes = () => changesBy(house.kubernetes.auditLogFile, engineUser, { withNamespaces: true });

test('an engine that is killed anywhere in a quarantine or its release changes nothing twice and restores it all', async () => {
  const kubeconfig = await house.kubernetes.kubeconfigFor(engineUser);
  const settings = await settingsFor(engine, {
    kind: 'kubernetes',
    clusters: [{ name: 'shop-1', environment: 'staging', kubeconfig }],
    responderGroup,
  });
  const begin = async (): Promise<EngineProcess> => {
    const worker = await EngineProcess.start(settings, watch);
    processes.push(worker);
    return worker;
  };
  const worker = await begin();

  const before = await furnish('undisturbed');
  const undisturbed = await open('undisturbed');
  expect(await drive(watch, undisturbed)).toBe('released');
  expect(await policiesOf(house.admin, 'undisturbed')).toEqual(before);
  const changesOfOne = (await changes()).length;
  const places = watch
    .seen(undisturbed.workflowId)
    .filter((place) => /^kubernetes\.quarantine-namespace\.(apply|undo):/.test(place))
    // How often it looks whether the freeze has come varies.
    .filter((place) => !/:await .*#([2-9]|\d\d)/.test(place));
  expect(places.map((place) => place.replace('kubernetes.quarantine-namespace.', ''))).toEqual(
    expect.arrayContaining([
      'apply:recorded#1',
      'apply:create configmaps/kit#1',
      'apply:create networkpolicies/firebreak-quarantine#1',
      'apply:created validatingadmissionpolicybindings/freeze#1',
      'apply:await freeze#1',
      'apply:delete networkpolicies/allow-all#1',
      'apply:deleted networkpolicies/dns#1',
      'apply:returning#1',
      'undo:restore networkpolicies/allow-all#1',
      'undo:restored networkpolicies/dns#1',
      'undo:deleted networkpolicies/firebreak-quarantine#1',
      'undo:deleted validatingadmissionpolicies/freeze#1',
      'undo:delete configmaps/kit#1',
      'undo:await lift#1',
      'undo:returning#1',
    ]),
  );

  const killed = places.map((place, index) => ({ place, namespace: `at-${index}` }));
  for (const { place, namespace } of killed) watch.stopAt(idOf(namespace), place);
  const furnished = await Promise.all(killed.map(({ namespace }) => furnish(namespace)));
  const incidents = await Promise.all(killed.map(({ namespace }) => open(namespace)));
  const stopped = incidents.map((incident, index) => ({
    workflowId: incident.workflowId,
    place: places[index] ?? '',
    driving: drive(watch, incident),
  }));
  const { ended } = await killAllStanding(watch, worker, stopped, begin);

  const seen = await Promise.all(
    killed.map(async ({ place, namespace }, index) => ({
      place,
      ended: ended[index],
      policies: await policiesOf(house.admin, namespace),
    })),
  );
  expect(seen).toEqual(
    killed.map(({ place }, index) => ({
      place,
      ended: { status: 'fulfilled', value: 'released' },
      policies: furnished[index],
    })),
  );
  const made = await changes();
  expect(made.filter((change, index) => made.indexOf(change) !== index)).toEqual([]);
  expect(made.length).toBe(changesOfOne * (killed.length + 1));
  for (const incident of incidents) await checkLedger(engine, incident);
}, 240_000);
