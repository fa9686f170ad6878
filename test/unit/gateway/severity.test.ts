import { expect, test } from '@jest/globals';
import { FakeIncidents } from '../../support/incident-port.ts';
import { compiledPlaybooks, startTestGateway } from '../../support/gateway.ts';

test.each([
  ['medium', undefined, 'medium'],
  ['medium', 'critical', 'critical'],
  [undefined, undefined, 'high'],
] as const)('a playbook of severity %s that is run with %s opens as %s', async (own, asked, severity) => {
  const incidents = new FakeIncidents();
  const playbooks = new Map(
    [...compiledPlaybooks()].map(([id, one]) => [
      id,
      { ...one, playbook: { ...one.playbook, ...(own === undefined ? {} : { severity: own }) } },
    ]),
  );
  const gateway = await startTestGateway({ incidents, overrides: { playbooks } });
  try {
    const response = await gateway.app.inject({
      method: 'POST',
      url: '/v1/incidents',
      headers: { authorization: `Bearer ${gateway.tokens.ana}` },
      payload: {
        playbook: 'FB-001',
        inputs: { cluster: 'prod', namespace: 'shop' },
        reason: 'Odd traffic',
        ...(asked === undefined ? {} : { severity: asked }),
      },
    });
    expect(response.statusCode).toBe(202);
    expect(incidents.all()[0]?.input).toMatchObject({ severity, opening: { payload: { severity } } });
  } finally {
    await gateway.close();
  }
});
