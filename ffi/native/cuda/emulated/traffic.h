// What a program asks of the emulated device: launches, copies, memory. And the idle device, which does nothing of it.
//
// SALIENT_EMULATED_IDLE=1: kernels are not run and memory is never filled, so that what a run takes is what the host
// takes: TypeScript, the calls, copies and files. Results mean nothing; large memory reads as zeros, small memory as
// small positive numbers.
// SALIENT_EMULATED_TRAFFIC=FILE: at its end the program writes to FILE, as JSON, how often and for how many bytes it has
// asked, and the launches of each kernel.
#pragma once

#include <cstddef>

namespace emulated {

// Whether the device is idle.
bool idle();

enum class Asked { Allocate, Free, Upload, Stage, Download, Move, Fill, Synchronize };

void note(Asked what, size_t bytes);
void note_launch(const char* name);

}  // namespace emulated
