// What processes and control planes tell each other to manage a running service, through Redis. None of it is needed for events
// to flow; each key is written again by its owner until it is there.
//
//   errors:{hour}                  hash: group → ErrorGroup, hours since 1970    added to by processes, read by control planes
//   configurations                 set of `component/process`
//   configuration:{component}/{process}   ConfigurationReport, expires           written by the process every few seconds
//   settings:{component}           Settings: what was changed at run time         written by control planes, read by processes

import { type Static, Type } from 'typebox';

export const managementKeys = (prefix: string) => ({
  errors: (hour: number) => `${prefix}:errors:${hour}`,
  configurations: `${prefix}:configurations`,
  configuration: (component: string, processId: string) => `${prefix}:configuration:${component}/${processId}`,
  settings: (component: string) => `${prefix}:settings:${component}`,
});
export type ManagementKeys = ReturnType<typeof managementKeys>;

export const HOUR_MS = 3_600_000;
/** A day and a bit: what is asked for on the next morning. */
export const ERRORS_TTL_SECONDS = 90_000;
/** 2,000 groups of half a kilobyte are a megabyte of Redis an hour; more different errors than that are one error. */
export const MAX_ERROR_GROUPS = 2000;
/** Processes look for changed settings so often. */
export const SETTINGS_INTERVAL_MS = 1000;
export const REPORT_INTERVAL_MS = 5000;
export const REPORT_TTL_MS = 20_000;

const Count = Type.Integer({ minimum: 0 });

export const ErrorGroup = Type.Object({
  code: Type.String(),
  component: Type.String(),
  /** Empty: about no topic. */
  topic: Type.String(),
  /** Empty: of nobody in particular. */
  tenant: Type.String(),
  count: Count,
  firstMs: Count,
  lastMs: Count,
  /** One occurrence in words, without secrets. */
  sample: Type.String(),
});
export type ErrorGroup = Static<typeof ErrorGroup>;

export const SettingSource = Type.Enum(['default', 'environment', 'runtime']);

export const ReportedSetting = Type.Object({
  name: Type.String(),
  variable: Type.String(),
  /** Masked where it is secret; null: not set. */
  value: Type.Unknown(),
  source: SettingSource,
  isSecret: Type.Boolean(),
  isChangeable: Type.Boolean(),
  description: Type.String(),
  /** JSON Schema of the value, of changeable ones: what is checked before it is changed. */
  schema: Type.Optional(Type.Unknown()),
});
export type ReportedSetting = Static<typeof ReportedSetting>;

export const ConfigurationReport = Type.Object({
  component: Type.String(),
  processId: Type.String(),
  host: Type.String(),
  pid: Count,
  /** Of the settings that it has applied; 0: none. */
  revision: Count,
  settings: Type.Array(ReportedSetting),
  /** Settings that it could not apply, and why. */
  problems: Type.Array(Type.String()),
});
export type ConfigurationReport = Static<typeof ConfigurationReport>;

export const Settings = Type.Object({
  component: Type.String(),
  revision: Count,
  values: Type.Record(Type.String(), Type.Unknown()),
});
export type Settings = Static<typeof Settings>;
