// Who holds a TCP port, read from /proc: socket table → inode → the process with that inode open → its command line. Used to
// say "port 9400 is held by redis-server (pid 12)" instead of letting a service die with EADDRINUSE in its log.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { reasonOf } from './failure.ts';

const TCP_LISTEN = '0A';

export interface PortHolder {
  readonly pid: number;
  readonly command: string;
}

/** Socket inodes that listen on `port`, from the text of /proc/net/tcp or /proc/net/tcp6. */
export function listeningInodes(table: string, port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes: string[] = [];
  for (const line of table.split('\n').slice(1)) {
    // "  0: 0100007F:24B8 00000000:0000 0A …tx:rx tr:when retrnsmt uid timeout inode …"
    const fields = line.trim().split(/\s+/);
    const [local, state, inode] = [fields[1], fields[3], fields[9]];
    if (state === TCP_LISTEN && inode !== undefined && local?.endsWith(`:${hexPort}`)) inodes.push(inode);
  }
  return inodes;
}

/** The text of /proc/<pid>/cmdline (NUL-separated) as one line of at most `max` characters. */
export function commandLine(raw: string, max = 80): string {
  const line = raw.split('\0').join(' ').trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}

/** The process that listens on `port`; undefined when nobody does or it may not be seen (another user's process). */
export function portHolder(port: number, proc = '/proc'): PortHolder | undefined {
  const inodes = new Set(
    ['tcp', 'tcp6'].flatMap((table) => listeningInodes(readIfAllowed(`${proc}/net/${table}`) ?? '', port)),
  );
  if (inodes.size === 0) return undefined;
  const wanted = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  for (const name of readdirSync(proc)) {
    if (!/^\d+$/.test(name)) continue;
    if (openFiles(`${proc}/${name}/fd`).some((target) => wanted.has(target))) {
      return { pid: Number(name), command: commandLine(readIfAllowed(`${proc}/${name}/cmdline`) ?? '') };
    }
  }
  return undefined;
}

/** Whether nothing listens on 127.0.0.1:`port`, found by listening there for a moment. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const bindable = await new Promise<boolean>((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(new Error(`cannot probe port ${port}: ${reasonOf(error)}`));
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
  // A listener on another address of the same port (0.0.0.0 with SO_REUSEADDR) would still take our connections.
  return bindable && !(await accepts(port, host));
}

/** One sentence for each busy port: which part wanted it, who has it, which variable moves it. */
export function busyPortMessage(
  busy: readonly { readonly wantedBy: string; readonly port: number; readonly variable: string }[],
  holderOf: (port: number) => PortHolder | undefined = portHolder,
): string {
  const lines = busy.map(({ wantedBy, port, variable }) => {
    const holder = holderOf(port);
    const who =
      holder === undefined
        ? 'held by a process that this user may not see'
        : `held by pid ${holder.pid} (${holder.command === '' ? 'no command line' : holder.command})`;
    return `Port ${port}, wanted by ${wantedBy}, is ${who}: end that process, or set ${variable}.`;
  });
  return [...lines, 'MDS_PORT_BASE=<number> moves all ports of the stack at once. Nothing was started.'].join('\n');
}

function accepts(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.setTimeout(500, () => answer(false));
  });
}

function openFiles(directory: string): string[] {
  return listIfAllowed(directory).flatMap((fd) => {
    try {
      return [readlinkSync(`${directory}/${fd}`)];
    } catch {
      return []; // closed since it was listed
    }
  });
}

function listIfAllowed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // ended since it was listed, or another user's
  }
}

function readIfAllowed(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // ended since it was listed, or another user's
  }
}
