// Entry of the audit thread: the model is slow on purpose, and live delivery shall not wait for it.

import type { AuditCounts } from '../../../schemas/audit.ts';
import { type AuditTask, auditRange } from './range-audit.ts';

export default function run(task: AuditTask): AuditCounts {
  return auditRange(task);
}
