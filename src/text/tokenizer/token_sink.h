// Where encoders put tokens: the ids, and where offsets are asked for, the bytes of the original text.
#pragma once

#include <vector>

#include "mote/tokenizer.h"
#include "text/tokenizer/aligned_text.h"

namespace mote::text {

class TokenSink {
 public:
  explicit TokenSink(std::vector<TokenId>& ids, std::vector<Origin>* spans = nullptr)
      : ids_(&ids), spans_(spans) {}

  [[nodiscard]] bool tracks() const { return spans_ != nullptr; }
  // Token `id` for bytes [begin, end) of `text`.
  void push(TokenId id, const AlignedView& text, std::size_t begin, std::size_t end) {
    ids_->push_back(id);
    if (spans_ != nullptr) spans_->push_back(text.source(begin, end));
  }
  void push(TokenId id, Origin origin) {
    ids_->push_back(id);
    if (spans_ != nullptr) spans_->push_back(origin);
  }

 private:
  std::vector<TokenId>* ids_;
  std::vector<Origin>* spans_;
};

}  // namespace mote::text
