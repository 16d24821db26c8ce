// Whether a folder can hold a lock, for people who want to know before they use it: who owns it, who may write to it,
// and whether other machines share it. Decides by the rules of folder.ts, and makes nothing.
// Knows nothing of what lies in it.
// Invariant: a folder that is called fit is one that a candidate of this user can use.

import { constants } from 'node:fs';
import { access, lstat, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, messageOf } from '../../common/errors.ts';
import type { FolderState } from '../examination.ts';
import { refuseSharedFolder } from './folder.ts';

export async function examineFolder(folder: string): Promise<FolderState> {
  try {
    const isThere = await lstat(folder).then(() => true, ifMissing);
    if (isThere) await refuseSharedFolder(folder);
    const above = isThere ? folder : await nearest(dirname(folder));
    if (!(await stat(above)).isDirectory()) return { kind: 'unfit', why: `${above} is not a folder` };
    await access(above, constants.W_OK | constants.X_OK);
    return { kind: isThere ? 'fit' : 'absent', network: networkName((await statfs(above)).type) };
  } catch (error) {
    if (codeOf(error) === undefined) return { kind: 'unfit', why: messageOf(error) };
    return { kind: 'unfit', why: `the folder ${folder} cannot be used (${codeOf(error) ?? ''})` };
  }
}

/** The first that is there, on the way up: the root is. */
async function nearest(folder: string): Promise<string> {
  const isThere = await stat(folder).then(() => true, ifMissing);
  return isThere ? folder : await nearest(dirname(folder));
}

function ifMissing(error: unknown): false {
  if (codeOf(error) !== 'ENOENT') throw error;
  return false;
}

/** By its number in statfs(2), of those that are known to span machines. */
const networks: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x7461636f, 'OCFS2'],
  [0x01161970, 'GFS2'],
]);

export function networkName(type: number): string | undefined {
  return process.platform === 'linux' ? networks.get(type >>> 0) : undefined;
}
