#include "tokens.h"

#include <algorithm>
#include <cctype>

namespace ptx {
namespace {

bool inside_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '.'; }

}  // namespace

Tokens::Tokens(const std::string& text, std::string file) : file_(std::move(file)) {
  int line = 1;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    size_t end = i + 1;
    if (c == '\n') line++;
    if (std::isspace(static_cast<unsigned char>(c))) {
      i++;
      continue;
    }
    if (text.compare(i, 2, "//") == 0) {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (c == '"') end = text.find('"', i + 1) + 1;
    else if (c == '%' || inside_word(c)) {
      while (end < text.size() && (inside_word(text[end]) || (text.compare(end, 2, "::") == 0))) {
        end += text[end] == ':' ? 2 : 1;
      }
    }
    tokens_.push_back({text.substr(i, end - i), line});
    i = end;
  }
}

std::string Tokens::text_from(size_t first) const {
  std::string text;
  for (size_t i = first; i + 1 < at_; i++) text += (i == first ? "" : " ") + tokens_[i].text;
  return text;
}

const std::string& Tokens::peek() const {
  if (done()) fail("ends too early");
  return tokens_[at_].text;
}

std::string Tokens::take() {
  std::string text = peek();
  at_++;
  return text;
}

void Tokens::expect(const std::string& text) {
  if (!skip(text)) fail("not known: " + peek() + " instead of " + text);
}

s64 Tokens::integer(const std::string& text) const {
  size_t used = 0;
  s64 value = 0;
  try {
    value = text[0] == '-' ? std::stoll(text, &used, 0) : static_cast<s64>(std::stoull(text, &used, 0));
  } catch (const std::logic_error&) {
  }
  if (used == 0 || (used != text.size() && text.substr(used) != "U")) fail("no integer: " + text);
  return value;
}

void Tokens::fail(const std::string& what) const {
  const int line = tokens_.empty() ? 0 : tokens_[std::min(at_ == 0 ? 0 : at_ - 1, tokens_.size() - 1)].line;
  throw Fault(file_ + ":" + std::to_string(line) + ": " + what);
}

}  // namespace ptx
