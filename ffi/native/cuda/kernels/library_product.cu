// See library_product.h. The interface's names and numbers are those of cublasLt.h, versions 12 and 13.
#include "library_product.h"

#if defined(SALIENT_EMULATED)

namespace salient::cuda {

bool library_found() { return false; }
bool library_product(Element, const TensorProduct&) { return false; }

}  // namespace salient::cuda

#else

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>

namespace salient::cuda {
namespace {

using Handle = void*;
enum : int { kReal32 = 0, kReal16 = 2, kBrain16 = 14, kComputeReal32 = 68, kTransposed = 1 };
enum : int { kDescriptorTransposesA = 3, kPreferenceAlignmentA = 5, kPreferenceAlignmentD = 8 };

constexpr uint32_t kAlignment = 16;  // bytes on which every matrix and row starts

struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

struct Library {
  Handle handle = nullptr;
  int (*create)(Handle*);
  int (*create_product)(Handle*, int compute, int scale);
  int (*set_product)(Handle, int attribute, const void*, size_t);
  int (*create_layout)(Handle*, int type, uint64_t rows, uint64_t columns, int64_t stride);
  int (*create_preference)(Handle*);
  int (*set_preference)(Handle, int attribute, const void*, size_t);
  int (*destroy_preference)(Handle);
  int (*heuristic)(Handle, Handle product, Handle a, Handle b, Handle c, Handle d, Handle preference, int count, Heuristic*, int*);
  int (*matmul)(Handle, Handle product, const void* alpha, const void* a, Handle, const void* b, Handle, const void* beta,
                const void* c, Handle, void* d, Handle, const Algorithm*, void* workspace, size_t, cudaStream_t);
  int (*destroy_layout)(Handle);
  int (*destroy_product)(Handle);
};

template <class Function>
bool find(void* file, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(file, name));
  return function != nullptr;
}

// Opened once and kept; its handle stays null where anything is missing.
const Library& library() {
  static const Library opened = [] {
    Library l;
    void* file = nullptr;
    // SALIENT_CUBLASLT=0: as if it were missing, to measure what serves without it.
    const char* wanted = std::getenv("SALIENT_CUBLASLT");
    if (wanted != nullptr && wanted[0] == '0') return l;
    for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"}) {
      if (file == nullptr) file = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
    const bool whole = file != nullptr && find(file, "cublasLtCreate", l.create) &&
                       find(file, "cublasLtMatmulDescCreate", l.create_product) &&
                       find(file, "cublasLtMatmulDescSetAttribute", l.set_product) &&
                       find(file, "cublasLtMatrixLayoutCreate", l.create_layout) &&
                       find(file, "cublasLtMatmulPreferenceCreate", l.create_preference) &&
                       find(file, "cublasLtMatmulPreferenceSetAttribute", l.set_preference) &&
                       find(file, "cublasLtMatmulPreferenceDestroy", l.destroy_preference) &&
                       find(file, "cublasLtMatmulAlgoGetHeuristic", l.heuristic) && find(file, "cublasLtMatmul", l.matmul) &&
                       find(file, "cublasLtMatrixLayoutDestroy", l.destroy_layout) &&
                       find(file, "cublasLtMatmulDescDestroy", l.destroy_product);
    if (!whole || l.create(&l.handle) != 0) l.handle = nullptr;
    return l;
  }();
  return opened;
}

// How the library runs a shape; asked for once.
struct Recipe {
  Handle product = nullptr, a = nullptr, b = nullptr, y = nullptr;
  Algorithm algorithm{};
  bool usable = false;
  ~Recipe() {
    for (const Handle layout : {a, b, y}) {
      if (layout != nullptr) library().destroy_layout(layout);
    }
    if (product != nullptr) library().destroy_product(product);
  }
};

int type_number(Element type) { return type == Element::F16 ? kReal16 : type == Element::BF16 ? kBrain16 : kReal32; }

// The library counts columns first: its y is ours transposed, [N, T], of the transposed weight and x.
std::shared_ptr<Recipe> make_recipe(Element type, const TensorProduct& p) {
  const Library& l = library();
  auto recipe = std::make_shared<Recipe>();
  const int transposed = kTransposed, half = type_number(type);
  const uint64_t K = p.row_bytes / 2;
  Handle preference = nullptr;  // as created: no workspace
  Heuristic found{};
  int count = 0;
  recipe->usable = l.create_product(&recipe->product, kComputeReal32, kReal32) == 0 &&
                   l.set_product(recipe->product, kDescriptorTransposesA, &transposed, sizeof transposed) == 0 &&
                   l.create_layout(&recipe->a, half, K, p.N, static_cast<int64_t>(K)) == 0 &&
                   l.create_layout(&recipe->b, half, K, p.T, static_cast<int64_t>(K)) == 0 &&
                   l.create_layout(&recipe->y, type_number(p.y_type), p.N, p.T, p.stride) == 0 &&
                   l.create_preference(&preference) == 0;
  for (int each = kPreferenceAlignmentA; recipe->usable && each <= kPreferenceAlignmentD; ++each) {
    recipe->usable = l.set_preference(preference, each, &kAlignment, sizeof kAlignment) == 0;
  }
  recipe->usable = recipe->usable &&
                   l.heuristic(l.handle, recipe->product, recipe->a, recipe->b, recipe->y, recipe->y, preference, 1, &found,
                               &count) == 0 &&
                   count == 1 && found.state == 0 && found.workspace == 0;
  if (preference != nullptr) l.destroy_preference(preference);
  recipe->algorithm = found.algorithm;
  return recipe;
}

// Shapes are few in a model; where there are many, all are forgotten at once.
std::shared_ptr<Recipe> recipe_for(Element type, const TensorProduct& p) {
  constexpr size_t kMostRecipes = 1024;
  static std::mutex mutex;
  // Never destroyed: calls on other threads may still come while the process ends, and the library may be gone by then.
  static auto& recipes = *new std::map<std::array<u32, 6>, std::shared_ptr<Recipe>>;
  const std::array<u32, 6> key{static_cast<u32>(type), static_cast<u32>(p.y_type), p.T, p.N, p.row_bytes, p.stride};
  const std::lock_guard lock(mutex);
  if (recipes.size() > kMostRecipes) recipes.clear();
  auto& recipe = recipes[key];
  if (recipe == nullptr) recipe = make_recipe(type, p);
  return recipe;
}

constexpr u32 kThreads = 256;

// y = y * row_scales * column_scales + bias, in place.
__global__ void __launch_bounds__(kThreads) finish_rows(TensorProduct p) {
  for (u32 t = blockIdx.y; t < p.T; t += gridDim.y) {
    const u32 n = blockIdx.x * kThreads + threadIdx.x;
    if (n >= p.N) return;
    const size_t at = static_cast<size_t>(t) * p.stride + n;
    float value = load_element(p.y, p.y_type, at);
    if (p.row_scales != nullptr) value *= p.row_scales[t];
    if (p.column_scales != nullptr) value *= p.column_scales[n];
    if (p.bias != nullptr) value += p.bias[n];
    store_element(p.y, p.y_type, at, value);
  }
}

}  // namespace

bool library_found() { return library().handle != nullptr; }

bool library_product(Element type, const TensorProduct& p) {
  // A result that is finished afterwards must not have been rounded, nor have left the range, before.
  const bool finishes = p.row_scales != nullptr || p.column_scales != nullptr || p.bias != nullptr;
  const uintptr_t places = reinterpret_cast<uintptr_t>(p.a) | reinterpret_cast<uintptr_t>(p.b) | reinterpret_cast<uintptr_t>(p.y);
  const bool aligned = (places | p.stride * element_bytes(p.y_type)) % kAlignment == 0;
  // What is recorded is done by our own kernels, which can be done again (../tape.h).
  if (simt::tape != nullptr) return false;
  if (type == Element::I8 || !aligned || (finishes && p.y_type != Element::F32) || !library_found()) return false;
  const std::shared_ptr<Recipe> recipe = recipe_for(type, p);
  if (!recipe->usable) return false;
  const float one = 1.0f, zero = 0.0f;
  const Library& l = library();
  if (l.matmul(l.handle, recipe->product, &one, p.b, recipe->a, p.a, recipe->b, &zero, p.y, recipe->y, p.y, recipe->y,
               &recipe->algorithm, nullptr, 0, simt::stream()) != 0) {
    return false;
  }
  if (finishes) {
    simt::launch("finish product", finish_rows, dim3(simt::blocks(p.N, kThreads), min(p.T, 65535u)), kThreads, 0, p);
  }
  return true;
}

}  // namespace salient::cuda

#endif
