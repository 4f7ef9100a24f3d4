/**
 * Opens the best backend and prints what it is. Run by tests with fewer permissions than they have.
 *
 * @module
 */

import { openBackend } from "../../../ffi/open_backend.ts";
import { probeBackends } from "../../../ffi/probe_backends.ts";

using backend = await openBackend("auto");
const { name, detail } = backend;
console.log(JSON.stringify({ name, detail, probes: await probeBackends() }));
