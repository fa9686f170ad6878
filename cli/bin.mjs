#!/usr/bin/env node
// Plain JavaScript that Node 20 can read: it finds a Node that can run Firebreak, and hands over to it.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const needed = [24, 15];
const carrier = `node-${process.platform}-${process.arch}`;

/** Whether the running Node strips types and has the APIs that the dependencies need. */
function isNewEnough() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > needed[0] || (major === needed[0] && minor >= needed[1]);
}

/** The Node that the optional dependency brings for this system; undefined when it is not installed. */
function carriedNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${carrier}/package.json`);
    return join(dirname(manifest), 'bin', 'node');
  } catch {
    return undefined;
  }
}

/** Runs this file again under another Node, as if it had been run so at once: same terminal, signals and end. */
function handOver(node) {
  // A diagnostic report of this process would hold the environment, with its secrets.
  process.report.reportOnSignal = false;
  process.report.reportOnFatalError = false;
  process.report.reportOnUncaughtException = false;
  const child = spawn(node, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, FIREBREAK_HANDED_OVER: '1' },
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];
  const forward = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  child.on('error', (error) => refuse(`${node} cannot be run: ${error.message}`));
  child.on('exit', (code, signal) => {
    for (const name of signals) process.off(name, forward);
    if (signal === null) process.exitCode = code ?? 1;
    else process.kill(process.pid, signal);
  });
}

function refuse(why) {
  process.stderr.write(
    `firebreak: Node ${needed.join('.')} or newer is needed, and this is ${process.versions.node}: ${why}.\n` +
      `Install a newer Node, or install Firebreak's optional dependencies (npm install --include=optional).\n`,
  );
  process.exitCode = 1;
}

if (isNewEnough()) {
  delete process.env.FIREBREAK_HANDED_OVER;
  const { main } = await import('./main.ts');
  await main(process.argv);
} else if (process.env.FIREBREAK_HANDED_OVER === '1') {
  refuse('the one in node_modules is not new enough either');
} else {
  const node = carriedNode();
  if (node === undefined) refuse(`there is no ${carrier} in node_modules`);
  else handOver(node);
}
