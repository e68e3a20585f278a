// The quantize job: a checkpoint goes in, a smaller GGUF file comes out, tensor by tensor; or a Hugging Face
// folder of affine groups, NF4, FP4 or FP8 in the layout of another tool (docs/formats/affine-groups.md).
//
// Why tensor by tensor: peak memory is bounded by the largest tensor's encoded bytes and a band of decoded
// rows, never by the model. Method feedback goes by blocks: the weights as floats are mapped, hidden states
// of all calibration tokens are kept twice, and second moments of a matrix's inputs; learned keeps the
// encoded model too. The writer records each finished tensor, so a killed job goes on where it stopped;
// feedback computes the hidden states anew and chooses codes for what is missing; what is learned is written
// at the end. The bytes depend on the input and the options alone: not on threads, not on the instruction
// set, not on interruptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mote/calibrate.h"
#include "mote/cancel.h"
#include "mote/result.h"
#include "mote/runtime.h"

namespace mote::quantize {

// How codes are chosen. rtn: plain rounding as the format's reference does it. search: weighted search over
// scales and codes for the least squared error, for the formats that have one; the others are rounded.
// feedback: block by block on calibration text, so that what a matrix makes of its inputs comes out right
// (QuantizeOptions::text or the tokens of its statistics), or matrix by matrix with second moments: from the
// statistics (where there is no text), or observed first (mixtures of experts, encoders); search for what has
// no inputs to calibrate.
// learned: feedback, and then the factors of all blocks follow the divergence from the original model on the
// same text downhill. awq: feedback after Transform::scale.
enum class Method : std::uint8_t { rtn, search, feedback, learned, awq };
std::string_view to_string(Method method);

// What may be done to the channels between two layers before codes are chosen. The model computes what it
// did, its weights lose less; where the products of a matrix with its inputs do not come out better, its
// channels stay as they are. scale: divided by factors (AWQ). permute: like beside like (of heads of the
// attention's values, of the feed-forward network). rotate: heads of the attention's values times a Hadamard
// matrix.
enum class Transform : std::uint8_t { scale, permute, rotate };
std::string_view to_string(Transform transform);

// `pattern` is a regular expression (PCRE2, searched anywhere in the tensor's GGUF name, bounded steps),
// `type` a codec name. The first pattern that matches decides.
struct TensorTypeRule {
  std::string pattern;
  std::string type;
};

struct QuantizeProgress {
  std::uint64_t done_bytes = 0;  // of the source
  std::uint64_t total_bytes = 0;
  std::size_t tensor = 0;  // index of the tensor about to start
  std::size_t tensor_count = 0;
  std::string_view name;
  std::string_view what;  // "observing", "comparing types", "probing", "transforming",
                          // "quantizing", "learning"
};

struct QuantizeOptions {
  std::filesystem::path input;   // GGUF file, Hugging Face folder, ... (anything LoadedModel::load takes)
  std::filesystem::path output;  // GGUF file, or the folder to make; not touched by a dry run
  std::string type;              // preset or codec name, "Q4_K_M", "q4_0", "int4-g128-sym"; case is ignored
  // Folders: where the type's group does not divide a row, the largest group that divides all of them.
  bool group_fallback = false;
  Method method = Method::search;
  std::vector<Transform> transforms;  // tried in the order of the enumeration; they need what feedback needs
  calibrate::CalibrationText text;    // what method feedback runs through the model
  // A file of `mote calibrate` or an importance matrix of llama.cpp, or empty: how much an input matters to
  // the search, with the file's tokens what feedback runs on where `text` has no files, and with its second
  // moments what feedback takes where no text can run.
  std::filesystem::path statistics;
  // Where either is not zero the types are chosen per tensor, so that the file is as good as it can be and
  // not larger: bytes of all files, or bits of the tensors per weight. Needs what feedback needs. Options
  // below that name a type still decide; `type` may be empty.
  std::uint64_t max_bytes = 0;
  double max_bpw = 0;
  bool pure = false;  // one type for all matrices, no per-tensor rules (shape fall-backs still apply)
  std::vector<TensorTypeRule> tensor_types;
  std::string embedding_type;  // codec name; empty: the preset decides
  std::string output_type;     // codec name; empty: the preset decides
  // Several files instead of one where either is not zero: NAME-00001-of-00003.gguf and so on beside
  // `output`, which is NAME.gguf. Bytes of tensor data and number of tensors that a file may have.
  std::uint64_t split_max_bytes = 0;
  std::uint64_t split_max_tensors = 0;
  // What feedback may take besides the mapped model, refused before it starts; 0: no limit. `on_memory` hears
  // what it will take.
  std::uint64_t max_memory = 0;
  std::function<void(std::uint64_t bytes)> on_memory;
  // Where what memory has no room for lies while types are chosen for a size; empty: beside the output.
  std::filesystem::path scratch_folder;
  bool allow_requantize =
      false;             // quantize again what is already quantized (loses more than quantizing once)
  bool dry_run = false;  // types and sizes only
  std::function<void(const QuantizeProgress&)> progress;  // called on the calling thread before each tensor
  const CancelToken* cancel = nullptr;                    // checked between bands of rows
};

struct TensorReport {
  std::string name;                  // GGUF's, "blk.0.attn_q.weight"
  std::vector<std::uint64_t> shape;  // row-major: the last dimension is contiguous
  std::string_view source_type;      // codec name, "F16"; static storage
  std::string_view type;             // the same of the result, "Q4_K"
  // Divergence from the original, in nats, that the type alone is expected to cause; 0 where types were not
  // chosen for a size.
  double expected_kld = 0;
  // "rtn", "search", "feedback", "learned", "awq", "lattice" where training has left the weights on the
  // type's lattice, or "copy" where the type stays or is a plain float.
  std::string_view method;
  // Squared error over squared norm, weighted where statistics are given, with feedback of the products with
  // the inputs (before factors were learned); 0 in a dry run and for tensors that an earlier run wrote and
  // this one had no need to look at.
  double error = 0;
  double searched_error = 0;  // the same of the search alone where feedback came after it, else 0
  std::uint64_t bytes = 0;
  bool fallback = false;  // the preset's type does not divide the row
  bool resumed = false;   // written by an earlier, interrupted run; then `method` is the one that was planned
};

struct FileReport {
  std::filesystem::path path;  // empty in a dry run without an output
  std::uint64_t bytes = 0;
  std::size_t tensors = 0;
};

// What learning brought, in nats of divergence from the original on windows of the text that it did not learn
// from.
struct LearningReport {
  double before = 0;
  double after = 0;
};

// Connections between two layers that were given another form, of all that could be, and what that brought:
// squared error of the products with the inputs, over that of the same search without, on a sample of rows.
struct TransformReport {
  std::size_t scaled = 0;
  std::size_t permuted = 0;
  std::size_t rotated = 0;
  double error = 1;
};

struct QuantizeReport {
  std::uint64_t bytes = 0;  // of all files
  std::uint64_t parameters = 0;
  double bpw = 0;  // tensor bits per parameter
  double seconds = 0;
  std::uint64_t peak_rss_bytes = 0;        // of the process so far
  std::uint64_t planned_memory = 0;        // of feedback, besides the mapped model
  std::string preset;                      // canonical name
  std::string layout;                      // of a folder: "compressed-tensors pack-quantized"; else empty
  std::vector<TensorReport> tensors;       // in file order
  std::vector<std::string> warnings;       // of the tokenizer that went into the file, of another group taken
  std::vector<FileReport> files;           // the one to open first
  std::optional<LearningReport> learning;  // with method learned, unless an earlier run had written all
  std::optional<TransformReport> transforms;
};

// Errors: those of opening the model and of writing (OUTPUT_CREATE, OUTPUT_SPACE, IO_WRITE, JOB_LOCKED);
// QUANT_TYPE_UNKNOWN (with the nearest names), QUANT_PATTERN (a tensor_type pattern that does not compile or
// matches too slowly), QUANT_REQUANTIZE, QUANT_IMPORTANCE (a type that is written with
// statistics only, and they do not have the tensor), those of reading statistics and STATISTICS_MODEL,
// STATISTICS_NONFINITE, STATISTICS_SHORT, QUANT_IN_PLACE (an output is one of the input's files), SPLIT_FILES
// (too many files), MODEL_NONFINITE (names tensor and element), QUANT_VERIFY, OUT_OF_MEMORY, CANCELLED; with
// feedback and transforms those of loading a model and of reading a text, QUANT_METHOD (statistics without
// tokens and second moments, another method than feedback for a mixture of experts or an encoder; with rtn a
// type without rounding), CALIBRATION_SHORT,
// CALIBRATION_WINDOW, STATISTICS_SINGULAR (names the tensor); with a size QUANT_BUDGET (the least that is
// possible), QUANT_MEMORY (more than max_memory). An existing output is replaced once the new one is
// complete. Of folders: QUANT_OUTPUT (a type that does not go with the output, a folder that is not empty, an
// option that folders have not), QUANT_INPUT (no Hugging Face folder, or of a model that is not written so),
// QUANT_GROUP (a row that the group does not divide; names the groups that do), OUTPUT_EXISTS.
Result<QuantizeReport> quantize(engine::Runtime& runtime, const QuantizeOptions& options);

// Whether a file of statistics has what feedback needs, the tokens of its text or second moments; false also
// for what is no such file.
// Folders have no feedback with stored moments.
bool can_feed(const std::filesystem::path& statistics, bool to_folder = false);

// Names that `type` takes for a GGUF file, in order of falling size.
std::vector<std::string_view> type_names();
// Whether `type` is one of a folder; case is ignored.
bool is_folder_type(std::string_view type);
// Names that `type` takes for a folder.
std::vector<std::string_view> folder_type_names();
// Names that TensorTypeRule::type, `embedding_type` and `output_type` take and that can be written.
std::vector<std::string_view> tensor_type_names();

}  // namespace mote::quantize
