import { expect, test } from '@jest/globals';
import { compileRoutes } from '../../../gateway/routes.ts';
import { terminalShell } from '../../support/falco-alerts.ts';
import { compiledPlaybooks, routesText, startTestGateway } from '../../support/gateway.ts';
import { FakeIncidents } from '../../support/incident-port.ts';

const labelled = `
- name: labelled
  match: alert.fields['team.label'] == 'red'
  playbook: FB-001
  inputs: { cluster: "\${{ alert.cluster }}", namespace: "\${{ alert.namespace }}" }
  mode: simulate
`;

test.each([
  ['another route takes it', `${labelled}${routesText}`, 202, 'approve'],
  ['no other route takes it', labelled, 422, undefined],
])('a route whose field the sender left out: %s', async (_what, text, status, mode) => {
  const incidents = new FakeIncidents();
  const gateway = await startTestGateway({
    incidents,
    overrides: { routes: compileRoutes({ file: 'routes.yaml', text }, compiledPlaybooks()) },
  });
  try {
    const response = await gateway.app.inject({
      method: 'POST',
      url: '/v1/alerts/falco',
      headers: { authorization: `Bearer ${gateway.tokens.bound}`, 'content-type': 'application/json' },
      payload: terminalShell,
    });
    expect(response.statusCode).toBe(status);
    if (status === 422) expect(response.json()).toMatchObject({ code: 'FB1209' });
    expect(incidents.all().map(({ input }) => input.mode)).toEqual(mode === undefined ? [] : [mode]);
  } finally {
    await gateway.close();
  }
});

test.each(['automatic', 'approve'])(
  'a person may open in mode %s only if somebody else decides',
  async (mode) => {
    const incidents = new FakeIncidents();
    const gateway = await startTestGateway({ incidents });
    try {
      const response = await gateway.app.inject({
        method: 'POST',
        url: '/v1/incidents',
        headers: { authorization: `Bearer ${gateway.tokens.ana}` },
        payload: {
          playbook: 'FB-001',
          inputs: { cluster: 'prod', namespace: 'shop' },
          mode,
          severity: 'critical',
          reason: 'now',
        },
      });
      expect(response.statusCode).toBe(mode === 'approve' ? 202 : 422);
      expect(incidents.all()).toHaveLength(mode === 'approve' ? 1 : 0);
      if (mode !== 'approve') return;
      const [run] = incidents.all();
      expect(run?.input.opening.payload).toMatchObject({
        severity: 'critical',
        approvals: { quarantine: { from: ['responders'], count: 1 } },
        release: gateway.dependencies.policy.release,
      });
      expect(run?.input.opening.payload).not.toHaveProperty('about');
    } finally {
      await gateway.close();
    }
  },
);
