// How large a tokenizer may be before it is taken for damage (docs/limits.md).
#pragma once

#include <cstddef>
#include <cstdint>

namespace mote::text {

// The largest public vocabulary has 262,144 tokens.
inline constexpr std::size_t kMaxTokens = std::size_t{1} << 24;
inline constexpr std::size_t kMaxTokenBytes = 65'536;
// Some vocabularies leave ids out (reserved for later); more holes than this are damage.
inline constexpr std::size_t kMaxIdGaps = 65'536;
// Several times the largest public one (Gemma has 580,604).
inline constexpr std::size_t kMaxMerges = 2'000'000;
// Matching an added token costs its length at every position, so this bounds the time.
inline constexpr std::size_t kMaxAddedTokenBytes = 1024;
// The longest token of a unigram or WordPiece vocabulary. It bounds the steps per byte of text: without it a
// vocabulary of one token of 64 KiB makes a text of one megabyte cost 6e10 steps. SentencePiece's own limit
// is 512 bytes.
inline constexpr std::size_t kMaxTriePieceBytes = 1024;
// Words up to this length are looked at character by character by WordPiece, whatever they are made of.
inline constexpr std::uint32_t kMaxWordCharacters = 10'000;
// SentencePiece's largest own map, nmt_nfkc_cf, has 0.3 MiB.
inline constexpr std::size_t kMaxCharsmapBytes = std::size_t{16} << 20;
// What its trie replaces and by what. Unicode's longest decomposition has 33 bytes (U+FDFA), and a map made
// from a list of one's own may have whole words.
inline constexpr std::size_t kMaxCharsmapKeyBytes = 256;
inline constexpr std::size_t kMaxReplacementBytes = 1024;
// Normalizers, splitters, processors and decoders of a tokenizer.json, each kind for itself. Each costs a
// pass over the text; public files have up to some ten.
inline constexpr std::size_t kMaxPipelineSteps = 256;
// Tokens that a tokenizer puts around a text, and entries of the template that says so; public files have one
// or two.
inline constexpr std::size_t kMaxTokensAround = 1024;
// The longest splitter pattern of a public tokenizer is under 2,000 bytes (DeepSeek's list of letters).
inline constexpr std::size_t kMaxSplitPatternBytes = 16'384;
// Steps of one match. A run of n characters may take n steps, so a megabyte of spaces has to fit.
inline constexpr std::uint32_t kMaxSplitPatternSteps = 4'000'000;
// Steps of all matches of a pattern in a text, for each byte of it and in any case: a pattern that looks to
// the end of the text from every place takes a megabyte's square otherwise.
inline constexpr std::uint64_t kMaxSplitStepsPerByte = 256;

inline constexpr std::uint64_t kMaxTokenizerJsonBytes = std::uint64_t{256} << 20;  // also vocab.json
inline constexpr std::uint64_t kMaxMergesFileBytes = std::uint64_t{64} << 20;      // merges.txt
inline constexpr std::uint64_t kMaxTokenizerConfigBytes = std::uint64_t{16} << 20;
inline constexpr std::uint64_t kMaxTokenizerConfigValues = std::uint64_t{1} << 20;
inline constexpr std::uint32_t kMaxLlama2cTokenBytes = 4096;

}  // namespace mote::text
