// Loaded into Node's guardian with --import: /proc is the folder that MADE_UP_PROC names, and a signal is a run of the
// script `signal` in it (made-up-proc.ts). Decides nothing.
// To check: everything else of the system stays as it is.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

const folder = process.env.MADE_UP_PROC;
const { openSync, readdirSync } = fs;
const there = (path) => (typeof path === 'string' ? path.replace(/^\/proc(?=\/|$)/, folder) : path);
fs.openSync = (path, ...more) => {
  if (/\d\/stat$/.test(path) && fs.existsSync(join(folder, 'blind'))) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
  return openSync(there(path), ...more);
};
fs.readdirSync = (path, ...more) => readdirSync(there(path), ...more);
syncBuiltinESMExports();
process.kill = (target, signal) => {
  spawnSync('sh', [join(folder, 'signal'), String(signal).replace(/^SIG/, ''), String(target)]);
  return true;
};
