// The codes that tokenizers raise (docs/errors.md).
#pragma once

#include "mote/error.h"

namespace mote::text {

// A file that is no tokenizer of the kind it claims to be.
inline constexpr ErrorCode kTokFormat{"TOK_FORMAT", ErrorKind::corrupt_data};
// Tokens: equal ids, gaps, empty or oversized ones, none at all, byte tokens that are not <0xNN>.
inline constexpr ErrorCode kTokVocab{"TOK_VOCAB", ErrorKind::corrupt_data};
// Merges: missing, too many, not two parts, of tokens that do not exist.
inline constexpr ErrorCode kTokMerges{"TOK_MERGES", ErrorKind::corrupt_data};
// A splitter pattern that is unsupported, too large, or ran past its budget.
inline constexpr ErrorCode kTokRegex{"TOK_REGEX", ErrorKind::corrupt_data};
// A chain of replacements made the text too long.
inline constexpr ErrorCode kTokExpansion{"TOK_EXPANSION", ErrorKind::resource_exhausted};
// Steps nested in steps without end.
inline constexpr ErrorCode kTokCycle{"TOK_CYCLE", ErrorKind::corrupt_data};
// SentencePiece's protobuf: cut short, wrong wire type, bad varint.
inline constexpr ErrorCode kTokProto{"TOK_PROTO", ErrorKind::corrupt_data};
// A kind of tokenizer that mote does not have (WordPiece, unigram).
inline constexpr ErrorCode kTokUnsupported{"TOK_UNSUPPORTED", ErrorKind::failed};
// tokenizer.ggml.pre names a splitter that mote does not know, or GGUF has no name for this one.
inline constexpr ErrorCode kTokPre{"TOK_PRE", ErrorKind::failed};
// No tokenizer where one was looked for.
inline constexpr ErrorCode kTokMissing{"TOK_MISSING", ErrorKind::failed};
inline constexpr ErrorCode kTokMemory = kOutOfMemory;

}  // namespace mote::text
