// A file to calibrate or to measure with, as token ids: a text, or records of texts and conversations.
//
// A text is tokenized as it is. Texts of records are one text with a blank line between them. Conversations
// go through the model's own chat template, one behind the other, each as it stands in the prompt after its
// last answer: what a model that serves a chat sees. Only what the template wrote can become a control token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "mote/result.h"
#include "mote/tokenizer.h"
#include "text/corpus/record.h"

namespace mote::text {

// Every conversation of a file was refused by the template, or is labelled as a bad one.
inline constexpr ErrorCode kCorpusRefused{"CORPUS_REFUSED", ErrorKind::invalid_argument};

// That one conversation may take to render. The limit of templates is there for those without end; on a busy
// machine it may not decide what is read.
inline constexpr std::uint32_t kMaxCorpusMilliseconds = 10'000;

enum class CorpusForm : std::uint8_t {
  text,        // no records
  json,        // an array of records, or one record
  json_lines,  // a record on each line; lines without one are allowed
};

// By the name: .json, .jsonl and .ndjson in any case; everything else is text.
CorpusForm corpus_form(const std::filesystem::path& file);

enum class CorpusKind : std::uint8_t { text, conversations };

struct Corpus {
  std::vector<TokenId> tokens;
  CorpusKind kind = CorpusKind::text;  // conversations where there is at least one
  std::size_t records = 0;             // all of the file; 0 where it is a text
  std::size_t disliked = 0;            // of them labelled as bad answers, and left out
  std::size_t refused = 0;             // of them refused by the template, and left out
  std::string first_refusal;           // "record 3 (line 7): what the template said"

  // What a user should know of `file`: conversations that were left out because of the template.
  [[nodiscard]] std::vector<std::string> warnings(const std::filesystem::path& file) const;
};

// `add_special`: the text, or the first one of the records, gets the tokens around it that the model expects;
// conversations have what the template writes. Errors: CORPUS_RECORD and those of parse_json (with record and
// line), CORPUS_REFUSED, TEMPLATE_ABSENT (a conversation, and no chat template), those of rendering other
// than TPL_RAISED and TPL_RUNTIME, those of encoding, OUT_OF_MEMORY.
Result<Corpus> tokenize_corpus(const Tokenizer& tokenizer, std::string_view content, CorpusForm form,
                               bool add_special);

// A file of at most `max_bytes`, by its name. Errors: those of reading and of tokenize_corpus, with the file.
Result<Corpus> read_corpus(const Tokenizer& tokenizer, const std::filesystem::path& file,
                           std::uint64_t max_bytes, bool add_special);

}  // namespace mote::text
