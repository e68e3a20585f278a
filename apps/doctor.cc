// mote doctor: what this machine offers and which kernels it gets.
#include "apps/cli/command.h"
#include "apps/cli/model_options.h"
#include "base/strings.h"
#include "kernels/select.h"
#include "measure/bench.h"
#include "report/number.h"
#include "report/table.h"

#include <unistd.h>

namespace mote::cli {
namespace {

std::uint64_t memory_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  return pages < 0 || page < 0 ? 0 : static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
}

class Doctor : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "doctor"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Show the processor, the kernels chosen for it, memory and bandwidth";
  }
  std::vector<Option> options() override { return runtime_.options(); }
  [[nodiscard]] std::span<const LaterOption> later_options() const override {
    static constexpr LaterOption kLater[] = {{"--profile", "device profiles"}};
    return kLater;
  }

  Result<Json> run(Program& program) override {
    MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime, make_runtime(program, runtime_.threads));
    const sys::CpuFeatures& cpu = runtime->features();
    MOTE_ASSIGN(const std::vector<kernels::KernelChoice> chosen,
                kernels::describe_kernels(cpu, runtime->isa()));
    program.progress("measuring memory bandwidth");
    MOTE_ASSIGN(const double bandwidth, measure::probe_read_bandwidth(runtime->pool(), measure::kProbeBytes));
    program.end_progress();

    Json out;
    out["cpu"] = cpu.model_name;
    out["cpu_features"] = cpu.to_string();
    out["physical_cores"] = cpu.physical_cores;
    out["logical_cores"] = cpu.logical_cores;
    out["threads"] = runtime->pool().size();
    out["isa"] = kernels::to_string(runtime->isa());
    JsonArray available;
    std::string available_text;
    for (const kernels::Isa isa : kernels::available_isas(cpu)) {
      available.emplace_back(kernels::to_string(isa));
      available_text += (available_text.empty() ? "" : " ") + std::string(kernels::to_string(isa));
    }
    out["available_isas"] = std::move(available);
    Json kernel_map = JsonObject{};
    report::Table table({{"kernel"}, {"implementation"}});
    for (const kernels::KernelChoice& choice : chosen) {
      kernel_map[choice.entry] = kernels::to_string(choice.isa);
      table.add_row({std::string(choice.entry), std::string(kernels::to_string(choice.isa))});
    }
    out["kernels"] = std::move(kernel_map);
    out["memory_bytes"] = memory_bytes();
    out["memory_available_bytes"] = runtime->memory_available_bytes();
    out["read_bandwidth_gbps"] = bandwidth;
    program.print("processor     " + escape_untrusted(cpu.model_name) + "\ncores         " +
                  std::to_string(cpu.physical_cores) + " physical, " + std::to_string(cpu.logical_cores) +
                  " logical; " + std::to_string(runtime->pool().size()) + " threads in use\nkernels       " +
                  std::string(kernels::to_string(runtime->isa())) + " (available: " + available_text +
                  ")\nmemory        " + human_bytes(memory_bytes()) + ", " +
                  human_bytes(runtime->memory_available_bytes()) + " available\nread rate     " +
                  report::fixed(bandwidth, 1) + " GB/s\n\n");
    program.print(table);
    return out;
  }

 private:
  RuntimeSettings runtime_;
};

}  // namespace

std::unique_ptr<Command> make_doctor() { return std::make_unique<Doctor>(); }

}  // namespace mote::cli
