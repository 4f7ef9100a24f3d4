// Runs the threads of a block as fibers of one thread of the host, in turns that end where a thread waits.
//
// A thread that never waits needs no stack of its own: a stack serves one thread after the other until one of
// them waits on it. Exact about who must arrive where; a block that cannot go on ends the program.
#include "../simt.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <type_traits>
#include <vector>

#include <sys/mman.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#include "emulated_memory.h"
#include "race_check.h"
#include "traffic.h"

#if defined(__x86_64__)
// Saves what a function must keep, stores the stack pointer at *from and goes on at the stack pointer `to`.
extern "C" void simt_switch(void** from, void* to);
asm(R"(
.text
.globl simt_switch
.hidden simt_switch
.type simt_switch, @function
simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simt_switch, .-simt_switch
)");
#endif

namespace simt {

Place place;
size_t most_shared = kSharedOfEvery;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kStack = 512 * 1024;
#else
constexpr size_t kStack = 128 * 1024;
#endif

// A suspended flow of control.
struct Context {
#if defined(__x86_64__)
  void* pointer = nullptr;
#else
  ucontext_t context{};
#endif
  void* fake = nullptr;   // of the address sanitizer
  void* fiber = nullptr;  // of the thread sanitizer
};

struct Stack {
  unsigned char* memory;
  Context context;
  Stack() {
    context.fiber = race_check::create();
    void* mapped = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) std::abort();
    memory = static_cast<unsigned char*>(mapped);
  }
};

enum class State { Unstarted, Ready, AtBlock, AtWarp, AtCondition, Ended };

struct Thread {
  State state = State::Unstarted;
  Stack* stack = nullptr;
  unsigned parity = 0;
  unsigned mask = 0;  // that it waits for
  const std::function<bool()>* condition = nullptr;
};

struct Warp {
  unsigned living = 0, arrived = 0;
  uint64_t slots[2][32] = {};
  unsigned barriers = 0;
};

struct Block {
  const char* name = "";
  const std::function<void()>* body = nullptr;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  size_t arrived = 0, ended = 0;
  size_t current = 0;
  size_t barriers = 0;
};

std::mutex running;
Block block;
Context scheduler;
std::vector<std::unique_ptr<Stack>> stacks;
std::vector<Stack*> idle;
std::vector<unsigned char> dynamic;
const void* scheduler_bottom = nullptr;
size_t scheduler_size = 0;

// Tokens of what orders memory: a block's begin and end, its barriers in turns, and those of each of its warps.
char block_begins, block_ends, block_tokens[2], warp_tokens[32][8];

std::optional<std::mt19937> lots;

// SALIENT_EMULATED_ORDER=<number> is as draw_order(number).
const bool asked_for = [] {
  const char* text = std::getenv("SALIENT_EMULATED_ORDER");
  if (text != nullptr) draw_order(static_cast<unsigned>(std::strtoul(text, nullptr, 10)));
  return text != nullptr;
}();

// The numbers below `count` in their order, or in one drawn by lot.
void put_in_order(std::vector<size_t>& numbers, size_t count) {
  numbers.resize(count);
  std::iota(numbers.begin(), numbers.end(), size_t{0});
  if (lots.has_value()) std::shuffle(numbers.begin(), numbers.end(), *lots);
}

[[noreturn]] void stuck(const char* what) {
  std::fprintf(stderr, "Kernel %s, block [%u, %u, %u], thread %zu: %s\n", block.name, place.block.x, place.block.y,
               place.block.z, block.current, what);
  std::abort();
}

void go(Context& from, Context& to, [[maybe_unused]] const void* bottom, [[maybe_unused]] size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&from.fake, bottom, size);
#endif
  race_check::turn_to(to.fiber);
#if defined(__x86_64__)
  simt_switch(&from.pointer, to.pointer);
#else
  swapcontext(&from.context, &to.context);
#endif
#if defined(__SANITIZE_ADDRESS__)
  const void* came_from = nullptr;
  size_t size_of_it = 0;
  __sanitizer_finish_switch_fiber(from.fake, &came_from, &size_of_it);
  if (&from != &scheduler) {  // each thread of the host has a stack of its own
    scheduler_bottom = came_from;
    scheduler_size = size_of_it;
  }
#endif
}

void to_scheduler(Thread& thread) { go(thread.stack->context, scheduler, scheduler_bottom, scheduler_size); }

void set_place(size_t i) {
  block.current = i;
  const dim3& size = place.block_size;
  place.thread.x = static_cast<unsigned>(i % size.x);
  place.thread.y = static_cast<unsigned>(i / size.x % size.y);
  place.thread.z = static_cast<unsigned>(i / size.x / size.y);
}

void release_warp(size_t w) {
  Warp& warp = block.warps[w];
  if (warp.arrived == 0) return;
  const size_t first = w * 32;
  for (unsigned lane = 0; lane < 32; lane++) {
    if ((warp.arrived >> lane & 1) == 0) continue;
    if (((block.threads[first + lane].mask & warp.living) & ~warp.arrived) != 0) return;
  }
  for (unsigned lane = 0; lane < 32; lane++) {
    if ((warp.arrived >> lane & 1) != 0) block.threads[first + lane].state = State::Ready;
  }
  warp.arrived = 0;
  warp.barriers++;
}

// What a stack runs: threads of blocks, as long as none waits on it.
void work() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_bottom, &scheduler_size);
#endif
  for (;;) {
    race_check::acquire(&block_begins);
    (*block.body)();
    race_check::release(&block_ends);
    Thread& thread = block.threads[block.current];
    thread.state = State::Ended;
    block.ended++;
    const size_t w = block.current / 32;
    block.warps[w].living &= ~(1u << (block.current % 32));
    release_warp(w);
    to_scheduler(thread);  // comes back as another thread
  }
}

void prepare(Stack& stack) {
#if defined(__x86_64__)
  auto* top = reinterpret_cast<uint64_t*>(stack.memory + kStack);
  *--top = 0;                                    // keeps the stack aligned at work's first instruction
  *--top = reinterpret_cast<uint64_t>(&work);    // where simt_switch returns to
  for (int i = 0; i < 6; i++) *--top = 0;        // what it takes off
  stack.context.pointer = top;
#else
  getcontext(&stack.context.context);
  stack.context.context.uc_stack.ss_sp = stack.memory;
  stack.context.context.uc_stack.ss_size = kStack;
  stack.context.context.uc_link = nullptr;
  makecontext(&stack.context.context, work, 0);
#endif
}

// The stack of thread i of a block that runs. Where races are looked for it is always the same: memory of a stack that goes
// from one thread to another would look like one.
Stack* take_stack(size_t i) {
  while (race_check::on && stacks.size() <= i) {
    stacks.push_back(std::make_unique<Stack>());
    prepare(*stacks.back());
  }
  if (race_check::on) return stacks[i].get();
  if (idle.empty()) {
    stacks.push_back(std::make_unique<Stack>());
    prepare(*stacks.back());
    idle.push_back(stacks.back().get());
  }
  Stack* stack = idle.back();
  idle.pop_back();
  return stack;
}

void run_block() {
  const size_t count = block.threads.size();
  static std::vector<size_t> order;
  put_in_order(order, count);
  while (block.ended < count) {
    bool moved = false;
    for (const size_t i : order) {
      Thread& thread = block.threads[i];
      if (thread.state == State::AtCondition && (*thread.condition)()) thread.state = State::Ready;
      if (thread.state != State::Ready && thread.state != State::Unstarted) continue;
      moved = true;
      if (thread.state == State::Unstarted) thread.stack = take_stack(i);
      thread.state = State::Ready;
      set_place(i);
      go(scheduler, thread.stack->context, thread.stack->memory, kStack);
      if (thread.state == State::Ended && !race_check::on) idle.push_back(thread.stack);
    }
    if (block.arrived == count) {
      block.arrived = 0;
      block.barriers++;
      for (Thread& thread : block.threads) thread.state = State::Ready;
      moved = true;
    }
    if (!moved) {
      if (block.arrived > 0 && block.ended > 0) stuck("some threads ended and others wait at a barrier");
      if (block.arrived > 0) stuck("a barrier that only some threads reached");
      for (const Thread& thread : block.threads) {
        if (thread.state == State::AtCondition) stuck("threads wait for a phase of an mbarrier that does not end");
      }
      stuck("lanes wait for lanes that do not come");
    }
  }
}

}  // namespace

void check_limits(const char* name, dim3 grid, dim3 size, size_t shared) {
  const size_t count = static_cast<size_t>(size.x) * size.y * size.z;
  // The limits of every GPU of the supported generations, but for kernels of one that has more shared memory.
  if (count == 0 || count > 1024 || size.z > 64 || shared > most_shared || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      grid.y > 65535 || grid.z > 65535 || grid.x > 0x7fffffff) {
    std::fprintf(stderr, "Kernel %s cannot be launched: grid [%u, %u, %u], block [%u, %u, %u], %zu bytes shared\n", name,
                 grid.x, grid.y, grid.z, size.x, size.y, size.z, shared);
    std::abort();
  }
}

void run(const char* name, dim3 grid, dim3 size, size_t shared, const std::function<void()>& body) {
  check_limits(name, grid, size, shared);
  const std::lock_guard lock(running);
  const size_t count = static_cast<size_t>(size.x) * size.y * size.z;
  block.name = name;
  emulated::note_launch(name);
  if (emulated::idle()) return;
  const emulated::Opened opened;
  block.body = &body;
  place.block_size = size;
  place.grid_size = grid;
  scheduler.fiber = race_check::current();
  std::vector<size_t> order;
  put_in_order(order, static_cast<size_t>(grid.x) * grid.y * grid.z);
  for (const size_t at : order) {
    place.block = {static_cast<unsigned>(at % grid.x), static_cast<unsigned>(at / grid.x % grid.y),
                   static_cast<unsigned>(at / grid.x / grid.y)};
    block.threads.assign(count, Thread{});
    block.warps.assign((count + 31) / 32, Warp{});
    for (size_t i = 0; i < count; i++) block.warps[i / 32].living |= 1u << (i % 32);
    block.arrived = block.ended = 0;
    dynamic.assign(shared + 128, 0xff);
    race_check::release(&block_begins);
    run_block();
    race_check::acquire(&block_ends);
  }
}

void draw_order(unsigned seed) {
  lots.reset();
  if (seed != 0) lots.emplace(seed);
}

unsigned char* dynamic_shared() {
  const auto address = reinterpret_cast<uintptr_t>(dynamic.data());
  return dynamic.data() + ((128 - address % 128) % 128);
}

void block_barrier() {
  Thread& thread = block.threads[block.current];
  const size_t i = block.current;
  thread.state = State::AtBlock;
  block.arrived++;
  char* token = &block_tokens[block.barriers % 2];
  race_check::release(token);
  to_scheduler(thread);
  race_check::acquire(token);
  set_place(i);
}

void warp_barrier(unsigned mask) {
  const size_t w = block.current / 32;
  char* token = &warp_tokens[w][block.warps[w].barriers % 8];
  race_check::release(token);
  warp_meeting(mask);
  race_check::acquire(token);
}

void warp_meeting(unsigned mask) {
  const size_t i = block.current, w = i / 32;
  Thread& thread = block.threads[i];
  if ((mask >> (i % 32) & 1) == 0) stuck("a lane that is not in its own mask");
  thread.mask = mask;
  thread.state = State::AtWarp;
  block.warps[w].arrived |= 1u << (i % 32);
  release_warp(w);
  if (thread.state == State::Ready) return;
  to_scheduler(thread);
  set_place(i);
}

size_t dynamic_bytes() { return dynamic.size() - 128; }

void wait_until(const std::function<bool()>& condition) {
  if (condition()) return;
  const size_t i = block.current;
  Thread& thread = block.threads[i];
  thread.condition = &condition;
  thread.state = State::AtCondition;
  to_scheduler(thread);
  set_place(i);
}

unsigned lane() { return static_cast<unsigned>(block.current % 32); }
unsigned living_lanes() { return block.warps[block.current / 32].living; }

uint64_t exchange(unsigned mask, uint64_t bits, unsigned source) {
  const size_t i = block.current;
  Thread& thread = block.threads[i];
  // Two sets of slots: a lane that is ahead writes to the other one, and cannot get further ahead.
  uint64_t* slots = block.warps[i / 32].slots[thread.parity];
  thread.parity ^= 1;
  slots[i % 32] = bits;
  warp_meeting(mask);
  const bool there = source < 32 && (mask >> source & 1) != 0 && i / 32 * 32 + source < block.threads.size();
  return there ? slots[source] : bits;
}

}  // namespace simt
