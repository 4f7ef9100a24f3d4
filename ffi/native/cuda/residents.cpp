// Copies of files' views on the device. A view of a file is a place in the host's memory until an operation reads it;
// the copy is then kept until the view ends or the range of the file is released.
#include <mutex>
#include <vector>

#include "../abi/objects.h"
#include "device.h"
#include "memory.h"
#include "recording.h"

namespace salient {
namespace {

struct Copies {
  std::mutex mutex;
  std::vector<std::weak_ptr<Tensor>> views;  // that have a copy, or had one
};
Copies& copies() {
  static auto* instance = new Copies;
  return *instance;
}

// Whether it is in the host's memory still.
bool is_view(const Tensor& tensor) { return tensor.file != nullptr && tensor.block == nullptr && tensor.bytes > 0; }

// A view with a copy, if there is one, that holds all of another view's bytes: a weight is lent and cut into rows as views
// of their own, and is sent once for all of them.
TensorRef covering(const std::vector<std::weak_ptr<Tensor>>& views, const Tensor& tensor) {
  for (const std::weak_ptr<Tensor>& held : views) {
    TensorRef view = held.lock();
    if (view == nullptr || view->copy == nullptr || view->file != tensor.file) continue;
    if (view->data <= tensor.data && tensor.data + tensor.bytes <= view->data + view->bytes) return view;
  }
  return nullptr;
}

}  // namespace

TensorRef resident(TensorRef tensor) {
  if (Recording* step = recording()) {
    step->hold(tensor->block);
    if (!is_view(*tensor)) return tensor;
    const Unrecorded scope;  // a copy is made once
    TensorRef copy = resident(std::move(tensor));
    step->hold(copy->block);
    return copy;
  }
  if (!is_view(*tensor)) return tensor;
  Copies& all = copies();
  // Held while the copy is made: two threads that need one view would make two.
  const std::lock_guard lock(all.mutex);
  if (tensor->copy != nullptr) return tensor->copy;
  auto copy = std::make_shared<Tensor>(tensor->dtype, tensor->shape);
  copy->file = tensor->file;
  if (const TensorRef other = covering(all.views, *tensor)) {
    copy->block = other->copy->block;
    copy->data = other->copy->data + (tensor->data - other->data);
  } else {
    copy->block = std::make_shared<Block>(copy->bytes);
    copy->data = copy->block->data();
    const device::Mark* mark = static_cast<const DeviceMemory*>(copy->block->extra().get())->mark.get();
    // Without a mark only new memory may be written beside the stream, and a small block may be one that was used.
    if (mark == nullptr && copy->bytes < kMarkedBytes) device::upload(copy->data, tensor->data, copy->bytes);
    else device::stage(copy->data, tensor->data, copy->bytes, mark);
  }
  std::erase_if(all.views, [](const std::weak_ptr<Tensor>& view) { return view.expired(); });
  all.views.push_back(tensor);
  tensor->copy = copy;
  return copy;
}

void forget_resident(const File& file, uint64_t offset, uint64_t length) {
  std::vector<TensorRef> ended;  // end after the lock is gone
  Copies& all = copies();
  const std::lock_guard lock(all.mutex);
  for (const std::weak_ptr<Tensor>& held : all.views) {
    const TensorRef view = held.lock();
    if (view == nullptr || view->copy == nullptr || view->file.get() != &file) continue;
    const auto begin = static_cast<uint64_t>(view->data - file.data);
    if (begin >= offset + length || offset >= begin + view->bytes) continue;
    ended.push_back(std::move(view->copy));
    view->copy = nullptr;
  }
}

}  // namespace salient
