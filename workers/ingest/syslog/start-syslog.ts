// Syslog over TCP (RFC 6587), or over TLS (RFC 5425): listens, and lets in who may send. Syslog has no credentials by itself:
// the client's address must be in the allow-list, and where that is not enough each message carries an API key.

import { readFileSync } from 'node:fs';
import { BlockList, createServer, isIP, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Authenticator } from '../../../platform/identity/authenticator.ts';
import type { Logger } from '../../../platform/log.ts';
import type { Metrics } from '../../../platform/metrics.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { DEFAULT_TENANT } from '../../../schemas/identity/identity.ts';
import type { Admission } from '../admission.ts';
import type { IngestConfig } from '../config.ts';
import type { Intake } from '../intake.ts';
import type { EventMapper } from '../mapping/compile.ts';
import { type SyslogOptions, serveSyslog } from './connection.ts';

export interface StartSyslogOptions {
  readonly config: IngestConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly admission: Admission;
  readonly authenticator: Authenticator;
  readonly intake: Intake;
  readonly map: () => EventMapper;
}

export interface SyslogServer {
  readonly port: number;
  close(): Promise<void>;
}

/** A sender that is silent for so long is asked by TCP whether it is still there. */
const KEEP_ALIVE_MS = 60_000;

/** @returns null when no port is configured */
export async function startSyslog(options: StartSyslogOptions): Promise<SyslogServer | null> {
  const { config, log, metrics } = options;
  if (config.ingestSyslogPort === -1) return null;
  const settings = settingsOf(config);
  const stopping = new AbortController();
  const open = new Map<Socket, Promise<void>>();
  const refused = metrics.counter('syslog_refused_total', 'Syslog connections that were closed at once', ['reason']);
  const lost = metrics.counter(
    'syslog_lost_total',
    'Messages that were read, and not written before the process ended',
  );
  const connections = metrics.gauge('syslog_connections', 'Open syslog connections');
  connections.set(0);
  const serveOptions: SyslogOptions = {
    log,
    maxMessageBytes: config.ingestSyslogMessageBytes,
    signal: stopping.signal,
    map: options.map,
    writerFor: writerFor(options, settings),
    onLost: (events) => lost.inc(events),
  };
  const onConnection = (socket: Socket): void => {
    socket.on('error', (error) => log.debug({ reason: reasonOf(error) }, 'syslog connection failed'));
    const address = socket.remoteAddress ?? '';
    const isAllowed = settings.allowed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
    const isFull = open.size >= config.ingestSyslogConnections;
    if (!isAllowed || isFull) {
      refused.inc({ reason: isAllowed ? 'full' : 'address' });
      log.warn({ address, isAllowed, isFull }, 'syslog connection refused');
      return void socket.destroy();
    }
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const served = serveSyslog(socket, serveOptions).finally(() => {
      open.delete(socket);
      connections.set(open.size);
    });
    open.set(socket, served);
    connections.set(open.size);
  };
  const server = settings.tls ? createTlsServer(settings.tls, onConnection) : createServer(onConnection);
  server.maxConnections = 2 * config.ingestSyslogConnections; // those of a handshake too
  const port = await listen(server, config.host, config.ingestSyslogPort);
  log.info({ port, tls: settings.tls !== null, topic: config.ingestSyslogTopic }, 'syslog door open');
  return {
    port,
    close: async () => {
      server.close();
      stopping.abort();
      await Promise.all(open.values());
    },
  };
}

interface Settings {
  readonly tenant: string;
  readonly topic: string;
  readonly allowed: BlockList;
  readonly tls: TlsOptions | null;
}

/** @throws MdsError `MDS_CONFIG_INVALID` with all that is wrong */
function settingsOf(config: IngestConfig): Settings {
  const problems: string[] = [];
  const allowed = new BlockList();
  for (const cidr of config.ingestSyslogAllow) {
    const [address = '', bits] = cidr.split('/');
    const family = isIP(address);
    const width = family === 6 ? 128 : 32;
    const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (family === 0 || !(prefix <= width)) problems.push(`MDS_INGEST_SYSLOG_ALLOW: ${cidr} is no address and no CIDR`);
    else allowed.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
  const parts = config.ingestSyslogTopic.split('/');
  const topic = parts.at(-1) ?? '';
  const tenant = parts.length > 1 ? (parts[0] ?? '') : DEFAULT_TENANT;
  if (topic === '' || tenant === '' || parts.length > 2) {
    problems.push('MDS_INGEST_SYSLOG_TOPIC: it must be a topic, or tenant/topic');
  }
  const tls = tlsOf(config, problems);
  if (problems.length > 0) throw new MdsError('MDS_CONFIG_INVALID', { problems });
  return { tenant, topic, allowed, tls };
}

function tlsOf(config: IngestConfig, problems: string[]): TlsOptions | null {
  const { ingestSyslogTlsCert: cert, ingestSyslogTlsKey: key, ingestSyslogTlsClientCa: ca } = config;
  if (cert === '' && key === '' && ca === '') return null;
  if (cert === '' || key === '')
    problems.push('MDS_INGEST_SYSLOG_TLS_CERT and MDS_INGEST_SYSLOG_TLS_KEY: both are needed');
  const read = (file: string): Buffer | undefined => {
    if (file === '') return undefined;
    try {
      return readFileSync(file);
    } catch (error) {
      problems.push(`syslog over TLS: ${reasonOf(error)}`);
      return undefined;
    }
  };
  const [certBytes, keyBytes, caBytes] = [read(cert), read(key), read(ca)];
  return {
    ...(certBytes === undefined ? {} : { cert: certBytes }),
    ...(keyBytes === undefined ? {} : { key: keyBytes }),
    ...(caBytes === undefined ? {} : { ca: caBytes, requestCert: true, rejectUnauthorized: true }),
    minVersion: 'TLSv1.2',
  };
}

/** Without tokens the operator's configuration is the grant: these addresses write to this topic. */
function writerFor({ config, admission, authenticator, intake }: StartSyslogOptions, settings: Settings) {
  return async (token: string | null) => {
    if (!config.ingestSyslogToken) {
      return async (events: readonly unknown[]) => {
        const known = await admission.topic(settings.tenant, settings.topic);
        return intake.takeObjects('syslog', known, events);
      };
    }
    const identity = await authenticator.authenticate(token);
    return async (events: readonly unknown[]) => {
      const known = await admission.known(identity, settings.topic);
      return intake.takeObjects('syslog', known, events);
    };
  };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', (error) => {
    const isBusy = 'code' in error && error.code === 'EADDRINUSE';
    const details = { port, service: 'syslog', holder: '', variable: 'MDS_INGEST_SYSLOG_PORT' };
    reject(isBusy ? new MdsError('MDS_PORT_BUSY', details, { cause: error }) : error);
  });
  server.listen(port, host, () => {
    const address = server.address();
    resolve(typeof address === 'object' && address !== null ? address.port : port);
  });
  return promise;
}
