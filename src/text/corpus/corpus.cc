#include "text/corpus/corpus.h"

#include <ctime>
#include <new>
#include <optional>
#include <utility>
#include <variant>

#include "base/strings.h"
#include "sys/mapped_file.h"
#include "text/conversation.h"
#include "text/template/chat_template.h"
#include "text/template/template_errors.h"

namespace mote::text {
namespace {

// What templates show as the present day. Figures and quantized files shall not depend on the day that made
// them, so it is one day: a Monday that lies behind the training of most models that know their date.
std::tm fixed_day() {
  std::tm day{};
  day.tm_year = 2024 - 1900;
  day.tm_mon = 0;
  day.tm_mday = 1;
  day.tm_wday = 1;
  return day;
}

TemplateLimits patient_limits() {
  TemplateLimits limits;
  limits.max_milliseconds = kMaxCorpusMilliseconds;
  return limits;
}

class CorpusReader {
 public:
  CorpusReader(const Tokenizer& tokenizer, bool add_special)
      : tokenizer_(tokenizer), add_special_(add_special) {}

  // `where` the record stands, for errors.
  Result<void> add(const Json& json, const std::string& where);
  Result<Corpus> finish();
  [[nodiscard]] std::size_t records() const { return out_.records; }

 private:
  Result<void> add_conversation(const Conversation& conversation, const std::string& where);
  Result<void> end_text();

  const Tokenizer& tokenizer_;
  bool add_special_;
  std::optional<ChatTemplate> template_;  // parsed at the first conversation
  std::optional<std::string> text_;       // of the records since the last conversation
  Corpus out_;
};

Error at(Error error, const std::string& where) {
  error.message = where + ": " + error.message;
  return error;
}

Result<void> CorpusReader::add(const Json& json, const std::string& where) {
  ++out_.records;
  Result<Record> record = read_record(json);
  if (!record) return at(std::move(record.error()), where);
  if (std::holds_alternative<Disliked>(*record)) {
    ++out_.disliked;
    return {};
  }
  if (auto* text = std::get_if<PlainText>(&*record)) {
    if (text_) {
      *text_ += "\n\n" + text->text;
    } else {
      text_ = std::move(text->text);
    }
    return {};
  }
  return add_conversation(std::get<Conversation>(*record), where);
}

Result<void> CorpusReader::add_conversation(const Conversation& conversation, const std::string& where) {
  MOTE_TRY(end_text());
  out_.kind = CorpusKind::conversations;
  if (!template_) {
    if (tokenizer_.chat_template().empty()) {
      return Error{kTemplateAbsent, where + " is a conversation, and the model has no chat template",
                   "use a model with a template, a text, or records of {\"text\": \"...\"}", "",
                   std::nullopt};
    }
    MOTE_ASSIGN(template_, ChatTemplate::parse(tokenizer_.chat_template(), patient_limits()));
  }
  const Json messages(messages_for(*template_, conversation.messages));
  Result<TextPieces> pieces =
      render_chat(*template_, tokenizer_, messages,
                  conversation.tools.is_null() ? nullptr : &conversation.tools, false, fixed_day());
  if (!pieces) {
    const std::string_view code = pieces.error().code.name;
    if (code != kTplRaised.name && code != kTplRuntime.name) return at(std::move(pieces.error()), where);
    if (out_.refused++ == 0) out_.first_refusal = where + ": " + pieces.error().message;
    return {};
  }
  // The template writes the tokens that a conversation begins with.
  MOTE_ASSIGN(const std::vector<TokenId> tokens, tokenizer_.encode_pieces(*pieces, false));
  out_.tokens.insert(out_.tokens.end(), tokens.begin(), tokens.end());
  return {};
}

Result<void> CorpusReader::end_text() {
  if (!text_) return {};
  MOTE_ASSIGN(const std::vector<TokenId> tokens,
              tokenizer_.encode(*text_, {.add_special = add_special_, .parse_special = false}));
  out_.tokens.insert(out_.tokens.end(), tokens.begin(), tokens.end());
  text_.reset();
  add_special_ = false;
  return {};
}

Result<Corpus> CorpusReader::finish() {
  MOTE_TRY(end_text());
  if (out_.records == 0) return Error{kCorpusRecord, "it has no records", "", "", std::nullopt};
  if (out_.refused + out_.disliked < out_.records) return std::move(out_);
  if (out_.refused == 0) {
    return Error{kCorpusRefused,
                 "all " + with_thousands(out_.records) + " records are labelled as bad answers", "", "",
                 std::nullopt};
  }
  return Error{kCorpusRefused,
               "the model's chat template refuses all conversations, " + with_thousands(out_.refused) + "; " +
                   out_.first_refusal,
               "give other conversations, or plain text", "", std::nullopt};
}

Result<Corpus> read_lines(const Tokenizer& tokenizer, std::string_view content, bool add_special) {
  CorpusReader reader(tokenizer, add_special);
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    const std::string_view text = content.substr(begin, end - begin);
    const std::size_t from = begin;
    begin = end + 1;
    ++line;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Result<Json> json = parse_json(text);
    if (!json) {
      if (json.error().byte_position) *json.error().byte_position += from;
      return at(std::move(json.error()), "line " + std::to_string(line));
    }
    MOTE_TRY(reader.add(
        *json, "record " + std::to_string(reader.records() + 1) + " (line " + std::to_string(line) + ")"));
  }
  return reader.finish();
}

Result<Corpus> read_document(const Tokenizer& tokenizer, std::string_view content, bool add_special) {
  Result<Json> json = parse_json(content);
  if (!json) {
    if (json.error().hint.empty()) json.error().hint = "a file with one record a line is named .jsonl";
    return std::move(json.error());
  }
  CorpusReader reader(tokenizer, add_special);
  const auto add = [&reader](const Json& record) {
    return reader.add(record, "record " + std::to_string(reader.records() + 1));
  };
  if (const JsonArray* array = json->if_array()) {
    for (const Json& record : *array) MOTE_TRY(add(record));
  } else {
    MOTE_TRY(add(*json));
  }
  return reader.finish();
}

}  // namespace

CorpusForm corpus_form(const std::filesystem::path& file) {
  const std::string extension = to_lower_ascii(file.extension().string());
  if (extension == ".json") return CorpusForm::json;
  return extension == ".jsonl" || extension == ".ndjson" ? CorpusForm::json_lines : CorpusForm::text;
}

std::vector<std::string> Corpus::warnings(const std::filesystem::path& file) const {
  if (refused == 0) return {};
  return {file.string() + ": the model's chat template refuses " + with_thousands(refused) + " of " +
          with_thousands(records) + " records, which are left out; " + first_refusal};
}

Result<Corpus> tokenize_corpus(const Tokenizer& tokenizer, std::string_view content, CorpusForm form,
                               bool add_special) {
  try {
    if (form == CorpusForm::json) return read_document(tokenizer, content, add_special);
    if (form == CorpusForm::json_lines) return read_lines(tokenizer, content, add_special);
    Corpus out;
    MOTE_ASSIGN(out.tokens, tokenizer.encode(content, {.add_special = add_special, .parse_special = false}));
    return out;
  } catch (const std::bad_alloc&) {
    return Error{kOutOfMemory, "no memory for the records of a file", "give a smaller one", "", std::nullopt};
  }
}

Result<Corpus> read_corpus(const Tokenizer& tokenizer, const std::filesystem::path& file,
                           std::uint64_t max_bytes, bool add_special) {
  MOTE_ASSIGN(const std::string content, sys::read_text_file(file, max_bytes));
  Result<Corpus> out = tokenize_corpus(tokenizer, content, corpus_form(file), add_special);
  if (!out && out.error().file.empty()) out.error().file = file.string();
  return out;
}

}  // namespace mote::text
