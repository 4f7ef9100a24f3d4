// Whether kernels that have never run on a device work on this one, found out where a fault or an endless wait does no harm.
#pragma once

namespace bench {

// Runs this program again with --probe and waits for it, so long at most; the lines that it reports are this program's too.
bool probe_in_child();

// What the child does: small products by every kernel of sm_90a, checked. The program's exit status.
int probe();

}  // namespace bench
