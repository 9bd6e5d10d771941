// The control plane as a process.

import { runProcess } from '../platform/lifecycle.ts';
import { ControlPlaneConfig } from './config.ts';
import { startControlPlane } from './control-plane.ts';

await runProcess('control', ControlPlaneConfig, startControlPlane);
