import { Command } from 'commander';
import { exitCodes } from '../failure.ts';
import { examples } from '../help.ts';
import { note, print } from '../output.ts';
import type { GlobalOptions } from '../options.ts';

const id = 'inc-0123456789abcdef-abc234';

interface KeyOptions extends GlobalOptions {
  key: string;
}

/** `firebreak audit …`: export needs the state directory; all else only a bundle and a public key. */
export function auditCommand(): Command {
  const audit = new Command('audit').description('Export an incident, and prove offline what happened.');
  audit.addCommand(exporting());
  audit.addCommand(verify());
  audit.addCommand(replay());
  audit.addCommand(timeline());
  audit.addCommand(publicKey());
  return audit;
}

function exporting(): Command {
  const command = new Command('export')
    .description('Write the bundle of a closed incident: ledger, history, evidence, seals, access log.')
    .argument('<incident>', 'its id')
    .option('-o, --out <dir>', 'a directory that is not there yet; default: named after the incident')
    .action(async (incident: string, _: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions & { out?: string }>();
      const { exportIncident, renderExported } = await import('../../audit/export.ts');
      const { openExistingState } = await import('../state.ts');
      const { state } = await openExistingState(options.config);
      const exported = await exportIncident({ state, incident, outDir: options.out ?? incident });
      print(options, exported, () => renderExported(exported));
    });
  return examples(command, [
    [`firebreak audit export ${id} --out bundle`, 'then hand over the directory, and the key another way'],
  ]);
}

function verify(): Command {
  const command = withBundle(
    'verify',
    'Judge a bundle, offline: signatures, every part, then the workflow run again.',
  ).action(async (bundle: string, _: object, self: Command) => {
    const options = self.optsWithGlobals<KeyOptions>();
    const { verifyBundle } = await import('../../audit/verify.ts');
    const { renderReport } = await import('../../audit/report.ts');
    const key = await keyFile(options.key);
    note('Verifying; the workflow is run again, which takes some seconds …');
    const report = await verifyBundle(bundle, key);
    print(options, report, () => renderReport(report));
    if (!report.ok) process.exitCode = exitCodes.failed;
  });
  return examples(command, [
    [
      'firebreak audit verify bundle --key ledger.pub.pem',
      'ends with 1 and names each finding when something is wrong',
    ],
  ]);
}

function replay(): Command {
  const command = withBundle(
    'replay',
    'Run the workflow of a bundle again, and tell what it did step by step.',
  ).action(async (bundle: string, _: object, self: Command) => {
    const options = self.optsWithGlobals<KeyOptions>();
    const { renderReplay, replayBundle } = await import('../../audit/replay.ts');
    const key = await keyFile(options.key);
    note('Running the workflow again …');
    const replayed = await replayBundle(bundle, key);
    print(options, replayed, () => renderReplay(replayed));
    if (!replayed.report.ok) process.exitCode = exitCodes.failed;
  });
  return examples(command, [
    ['firebreak audit replay bundle --key ledger.pub.pem', 'as the history says it went'],
  ]);
}

function timeline(): Command {
  const command = withBundle(
    'timeline',
    'Print the timeline of an incident as Markdown, from its verified bundle.',
  ).action(async (bundle: string, _: object, self: Command) => {
    const options = self.optsWithGlobals<KeyOptions>();
    const { renderTimeline, timelineOf } = await import('../../audit/timeline.ts');
    const key = await keyFile(options.key);
    note('Running the workflow again …');
    const told = await timelineOf(bundle, key);
    print(options, told, () => renderTimeline(told));
    if (!told.verified) process.exitCode = exitCodes.failed;
  });
  return examples(command, [
    [
      'firebreak audit timeline bundle --key ledger.pub.pem > timeline.md',
      'for the report after the incident',
    ],
  ]);
}

function publicKey(): Command {
  const command = new Command('public-key')
    .description('Print the public key that seals ledgers and exports, as PEM: what an auditor has to trust.')
    .action(async (_: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions>();
      const { openExistingState } = await import('../state.ts');
      const { state } = await openExistingState(options.config);
      const { publicKey: key, publicKeyPem: pem } = state.ledgerSigner;
      print(options, { ...key, pem }, () => pem);
    });
  return examples(command, [
    ['firebreak audit public-key > ledger.pub.pem', 'give it to auditors before there is an incident'],
  ]);
}

function withBundle(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<bundle>', 'the directory that `audit export` wrote')
    .requiredOption('-k, --key <file>', 'public key to trust, as `audit public-key` printed it');
}

async function keyFile(file: string): Promise<string> {
  const { readText } = await import('../../worker/read-text.ts');
  return readText('--key', file);
}
