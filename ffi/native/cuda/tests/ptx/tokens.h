// The words of a PTX file, read one after the other.
#pragma once

#include <string>
#include <vector>

#include "program.h"

namespace ptx {

class Tokens {
 public:
  Tokens(const std::string& text, std::string file);

  bool done() const { return at_ >= tokens_.size(); }
  size_t place() const { return at_; }
  void go_to(size_t place) { at_ = place; }
  int line() const { return tokens_[at_].line; }
  // The words from `first` up to here, without the last one.
  std::string text_from(size_t first) const;

  const std::string& peek() const;
  // Whether the word after the next one is this.
  bool is_second(const std::string& text) const { return at_ + 1 < tokens_.size() && tokens_[at_ + 1].text == text; }
  std::string take();
  std::string take_signed() { return skip("-") ? "-" + take() : take(); }
  // Takes it where it is next.
  bool skip(const std::string& text) { return peek() == text && ++at_ > 0; }
  void expect(const std::string& text);
  s64 integer(const std::string& text) const;
  // Throws Fault with the file and the line.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  struct Token {
    std::string text;
    int line;
  };
  std::vector<Token> tokens_;
  std::string file_;
  size_t at_ = 0;
};

}  // namespace ptx
