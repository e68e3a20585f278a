#include "apps/cli/quantize_report.h"

#include <system_error>
#include <utility>

#include "apps/cli/result_json.h"
#include "base/strings.h"
#include "report/number.h"
#include "report/tensor_map.h"
#include "sys/atomic_file.h"
#include "tensor/shape.h"

namespace mote::cli {
namespace {

namespace fs = std::filesystem;
using quantize::QuantizeReport;
using quantize::TensorReport;

constexpr ErrorCode kOutputCreate{"OUTPUT_CREATE", ErrorKind::failed};

double expected_of(const QuantizeRun& run) {
  double sum = 0;
  for (const TensorReport& t : run.report.tensors) sum += t.expected_kld;
  return sum;
}

bool is_known(const QuantizeRun& run, const TensorReport& tensor) { return !run.dry_run && !tensor.resumed; }

Json tensor_json(const TensorReport& t, bool sized) {
  Json entry;
  entry["name"] = t.name;
  entry["type"] = t.type;
  entry["method"] = t.method;
  entry["error"] = t.error;
  if (t.searched_error > 0) entry["searched_error"] = t.searched_error;
  entry["source_type"] = t.source_type;
  entry["bytes"] = t.bytes;
  if (sized) entry["expected_kld"] = t.expected_kld;
  entry["fallback"] = t.fallback;
  entry["resumed"] = t.resumed;
  return entry;
}

// "blk.3.attn_q.weight" is attn_q of blk.3, "model.layers.3.mlp.up_proj.weight" mlp.up_proj of
// model.layers.3; what is of no block has a row to itself.
report::TensorField field_of(const TensorReport& tensor) {
  report::TensorField field;
  std::string name = tensor.name;
  if (name.ends_with(".weight")) name.resize(name.size() - std::string_view(".weight").size());
  std::size_t dot = std::string::npos;
  for (const std::string_view before : {"blk.", ".layers."}) {
    const std::size_t number = name.find(before);
    if (dot == std::string::npos && number != std::string::npos) {
      dot = name.find('.', number + before.size());
    }
  }
  field.row = name.substr(0, dot);
  if (dot != std::string::npos) field.column = name.substr(dot + 1);
  field.label = tensor.type;
  field.note = tensor.name + ": " + std::string(tensor.type) + ", " + std::string(tensor.method) + ", " +
               human_bytes(tensor.bytes);
  return field;
}

// The choice of types where that was made for a size, else what each matrix lost.
report::TensorMap map_of(const QuantizeRun& run) {
  report::TensorMap map;
  map.title = (run.sized ? "types for a size" : run.report.preset) + ", " + report::fixed(run.report.bpw, 3) +
              " bits per weight, " + human_bytes(run.report.bytes);
  map.value_name = run.sized ? "share of the expected divergence" : "squared error over squared norm";
  const double whole = expected_of(run);
  for (const TensorReport& tensor : run.report.tensors) {
    if (tensor.shape.size() < 2) continue;
    report::TensorField field = field_of(tensor);
    field.value = run.sized ? (whole > 0 ? tensor.expected_kld / whole : 0.0) : tensor.error;
    if (run.sized) field.note += ", " + report::percent(field.value, 2) + " of the expected divergence";
    if (tensor.resumed) field.note += ", written by an earlier run";
    if (!run.sized && tensor.resumed) field.label += " ?";
    if (is_known(run, tensor)) field.note += ", error " + report::significant(tensor.error, 3);
    map.fields.push_back(std::move(field));
  }
  return map;
}

}  // namespace

Json quantize_json(const QuantizeRun& run) {
  const QuantizeReport& report = run.report;
  JsonArray tensors;
  for (const TensorReport& t : report.tensors) tensors.push_back(tensor_json(t, run.sized));
  JsonArray files;
  for (const quantize::FileReport& file : report.files) {
    Json entry;
    entry["path"] = file.path.string();
    entry["bytes"] = file.bytes;
    entry["tensors"] = static_cast<std::uint64_t>(file.tensors);
    files.push_back(std::move(entry));
  }
  Json out;
  out["output"] = report.files.front().path.string();
  out["type"] = report.preset;
  if (!report.layout.empty()) out["layout"] = report.layout;
  out["bytes"] = report.bytes;
  out["bpw"] = report.bpw;
  out["parameters"] = report.parameters;
  out["seconds"] = report.seconds;
  out["peak_rss_bytes"] = report.peak_rss_bytes;
  out["planned_memory_bytes"] = report.planned_memory;
  out["dry_run"] = run.dry_run;
  if (report.learning) {
    Json learning;
    learning["kld_before"] = report.learning->before;
    learning["kld_after"] = report.learning->after;
    out["learning"] = std::move(learning);
  }
  if (report.transforms) {
    Json transforms;
    transforms["scaled"] = static_cast<std::uint64_t>(report.transforms->scaled);
    transforms["permuted"] = static_cast<std::uint64_t>(report.transforms->permuted);
    transforms["rotated"] = static_cast<std::uint64_t>(report.transforms->rotated);
    transforms["error_ratio"] = report.transforms->error;
    out["transforms"] = std::move(transforms);
  }
  out["files"] = std::move(files);
  out["tensors"] = std::move(tensors);
  return out;
}

report::Table tensor_table(const QuantizeRun& run) {
  using report::Align;
  std::vector<report::Column> columns{{"tensor"}, {"shape"},  {"from"},
                                      {"to"},     {"method"}, {"bytes", Align::right}};
  if (!run.dry_run) {
    columns.push_back({"error of the search", Align::right});
    columns.push_back({"error", Align::right});
  }
  if (run.sized) columns.push_back({"share of the divergence", Align::right});
  report::Table table(std::move(columns));
  const double whole = expected_of(run);
  for (const TensorReport& t : run.report.tensors) {
    std::vector<std::string> cells{t.name,
                                   to_string(Shape(t.shape)),
                                   std::string(t.source_type),
                                   std::string(t.type) + (t.fallback ? " (fall-back)" : ""),
                                   std::string(t.method),
                                   with_thousands(t.bytes)};
    if (!run.dry_run) {
      cells.push_back(t.searched_error > 0 ? report::significant(t.searched_error, 3) : "");
      cells.push_back(is_known(run, t) && t.method != "copy" ? report::significant(t.error, 3) : "");
    }
    if (run.sized) cells.push_back(whole > 0 ? report::percent(t.expected_kld / whole, 2) : "");
    table.add_row(std::move(cells));
  }
  return table;
}

std::string quantize_summary(const QuantizeRun& run) {
  const QuantizeReport& report = run.report;
  const bool several = report.files.size() > 1;
  std::string out = run.dry_run ? "would write " : "wrote ";
  if (several) {
    out += std::to_string(report.files.size()) + " files: ";
  } else if (!run.dry_run) {
    out += escape_untrusted(report.files.front().path.string()) + ": ";
  }
  out += human_bytes(report.bytes) + ", " + report::fixed(report.bpw, 3) + " bits per weight, " +
         report.preset + (report.layout.empty() ? "" : " (" + report.layout + ")");
  if (!run.dry_run) {
    out += ", in " + report::duration(report.seconds) + " with at most " +
           human_bytes(report.peak_rss_bytes) + " of memory";
  }
  out += "\n";
  if (report.learning) {
    out += "divergence on held-out calibration text: " + report::significant(report.learning->before, 4) +
           " nats before learning, " + report::significant(report.learning->after, 4) + " after\n";
  }
  if (report.transforms) {
    const quantize::TransformReport& t = *report.transforms;
    out += "channels scaled at " + std::to_string(t.scaled) + " places, permuted at " +
           std::to_string(t.permuted) + ", rotated at " + std::to_string(t.rotated) +
           ": error of the search " + report::significant(t.error, 3) + " of what it was\n";
  }
  if (!several) return out;
  report::Table parts({{"file"}, {"tensors", report::Align::right}, {"bytes", report::Align::right}});
  for (const quantize::FileReport& file : report.files) {
    parts.add_row({file.path.string(), with_thousands(file.tensors), with_thousands(file.bytes)});
  }
  return out + parts.render();
}

Result<bool> make_report_folder(const fs::path& folder, const fs::path& output) {
  const auto whole = [](const fs::path& path) {
    std::error_code ignored;
    const fs::path found = fs::weakly_canonical(fs::absolute(path, ignored), ignored);
    return found.has_filename() ? found : found.parent_path();  // "name/"
  };
  const fs::path inside = whole(folder).lexically_relative(whole(output));
  if (!output.empty() && !inside.empty() && *inside.begin() != "..") {
    return Error{kOutputCreate, "the folder of the report lies in the output", "give another --report",
                 folder.string(), std::nullopt};
  }
  std::error_code failed;
  const bool was_there = fs::exists(folder, failed);
  fs::create_directories(folder, failed);
  if (!failed && fs::is_directory(folder, failed)) return !was_there;
  return Error{kOutputCreate, "cannot make the folder" + (failed ? ": " + failed.message() : ""),
               "give another --report", folder.string(), std::nullopt};
}

void remove_empty_folder(const fs::path& folder) {
  std::error_code ignored;
  if (fs::is_empty(folder, ignored)) fs::remove(folder, ignored);
}

Result<void> write_quantize_report(const fs::path& folder, const QuantizeRun& run) {
  MOTE_TRY(
      sys::write_file_atomically(folder / "quantize.json", result_json(quantize_json(run)).dump(1) + "\n"));
  MOTE_TRY(sys::write_file_atomically(folder / "quantize.txt",
                                      quantize_summary(run) + "\n" + tensor_table(run).render()));
  return sys::write_file_atomically(folder / "tensors.svg", report::tensor_map_svg(map_of(run)));
}

}  // namespace mote::cli
