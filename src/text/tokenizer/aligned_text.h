// Text that remembers where it came from: each byte of what a normalizer made knows the bytes of the original
// that it stands for. The rules are those of Hugging Face's tokenizers (NormalizedString, normalizer.rs), so
// that the offsets of tokens are the same. Tracking costs eight bytes for each byte of text and is off unless
// offsets are asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mote::text {

// Bytes [begin, end) of the original text, which has fewer than 2^29.
struct Origin {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

struct AlignedView {
  std::string_view text;
  std::span<const Origin> origin;  // one per byte, or empty where nothing is tracked
  std::uint32_t base = 0;          // where the piece begins in the original: what is put in front gets this

  [[nodiscard]] bool tracked() const { return origin.size() == text.size() && !text.empty(); }
  [[nodiscard]] AlignedView sub(std::size_t begin, std::size_t length) const;
  // The original bytes of [begin, end); of nothing: the base.
  [[nodiscard]] Origin source(std::size_t begin, std::size_t end) const;
};

class AlignedText {
 public:
  AlignedText() = default;
  // The original itself from byte `base` on: every byte stands for its whole character.
  AlignedText(std::string_view text, std::uint32_t base, bool track);
  explicit AlignedText(const AlignedView& view);

  [[nodiscard]] AlignedView view() const { return {text_, origin_, base_}; }
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] bool tracks() const { return track_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

  void append(const AlignedText& other);
  // Puts `text` in front; it shares the origin of the first character.
  void prepend(std::string_view text);
  void append_end(std::string_view text);  // behind, with the origin of the last byte
  void truncate(std::size_t bytes);

 private:
  friend class Rewriter;
  std::string text_;
  std::vector<Origin> origin_;
  std::uint32_t base_ = 0;
  bool track_ = false;
};

// Makes a new text from an old one, character by character. `change` says how a new character relates to the
// old ones: 0 replaces one, 1 is added (and shares the origin of what came before it), -n replaces one and
// drops the n after it.
class Rewriter {
 public:
  explicit Rewriter(const AlignedText& from) : Rewriter(from.view(), from.tracks()) {}
  Rewriter(const AlignedView& from, bool track);

  // Skips characters without writing any.
  void skip(std::size_t characters);
  void put(std::string_view character, std::ptrdiff_t change);
  void put(char32_t character, std::ptrdiff_t change);
  // Copies `bytes` of the source from where it stands; they may not cut a character.
  void copy(std::size_t bytes);
  [[nodiscard]] std::size_t size() const { return to_.text_.size(); }
  [[nodiscard]] AlignedText finish() { return std::move(to_); }

 private:
  void step();

  AlignedView from_;
  AlignedText to_;
  std::size_t at_ = 0;
};

}  // namespace mote::text
