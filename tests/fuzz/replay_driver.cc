// main() of a fuzz target where libFuzzer is not at hand: runs every given file, then a fixed number of
// mutations of them, the same ones for the same seed. It has no feedback from the code under test, so it
// finds little that is new; it keeps what was found from coming back. Understands the few options of
// libFuzzer that the tests use.
//
//   fuzz_gguf [-runs=N] [-seed=S] [-max_len=N] [-dict=FILE] [-artifact_prefix=DIR/] [-rss_limit_mb=N]
//             [-flip_bits=1] FILE_OR_FOLDER...
//
// `-flip_bits=1` is this driver's own: every bit of every file is flipped in turn.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/hash64.h"
#include "base/rng.h"
#include "base/strings.h"
#include "fuzz/target.h"

extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

constexpr unsigned kSecondsPerInput = 20;

struct Settings {
  std::uint64_t runs = 0;  // mutated inputs, besides the files themselves
  std::uint64_t seed = 1;
  std::size_t max_bytes = std::size_t{1} << 16U;
  std::uint64_t rss_limit_mb = 2048;  // libFuzzer's default
  bool flip_bits = false;
  std::string artifact_prefix;
  std::vector<std::string> inputs;
  std::vector<std::string> words;  // of the dictionary
};

// What is being run: a failure leaves through a signal, and its handler has nothing else to go by.
struct Current {
  std::string input;
  std::string path;  // where a failing input goes
};
Current& current() {
  static Current value;
  return value;
}

void keep_input() {
  std::ofstream(current().path, std::ios::binary)
      .write(current().input.data(), static_cast<std::streamsize>(current().input.size()));
  std::fprintf(stderr, "input of %zu bytes kept as %s\n", current().input.size(), current().path.c_str());
}

// Not safe in a signal handler by the letter; the program ends here in any case, and the input is worth the
// try.
void on_signal(int number) {
  std::fprintf(stderr, number == SIGALRM ? "no end after %u seconds\n" : "signal %d\n",
               number == SIGALRM ? kSecondsPerInput : static_cast<unsigned>(number));
  keep_input();
  std::_Exit(1);
}

// The peak of the whole process so far, so the first input that goes over the limit is the one to keep.
void check_memory(const Settings& settings) {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto peak_mb = static_cast<std::uint64_t>(usage.ru_maxrss) / 1024;  // ru_maxrss is in KiB on Linux
  if (peak_mb <= settings.rss_limit_mb) return;
  std::fprintf(stderr, "%llu MiB resident, the limit is %llu\n", static_cast<unsigned long long>(peak_mb),
               static_cast<unsigned long long>(settings.rss_limit_mb));
  keep_input();
  std::_Exit(1);
}

void run_one(const Settings& settings, std::string input) {
  current().input = std::move(input);
  char name[32];
  std::snprintf(name, sizeof name, "crash-%016llx",
                static_cast<unsigned long long>(mote::hash64(current().input)));
  current().path = settings.artifact_prefix + name;
  ::alarm(kSecondsPerInput);
  // A copy on the heap of exactly its size, so that a sanitizer sees a read behind its end.
  std::vector<std::uint8_t> bytes(current().input.begin(), current().input.end());
  bytes.shrink_to_fit();
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  ::alarm(0);
  check_memory(settings);
}

// How many inputs that was.
std::uint64_t run_with_flipped_bits(const Settings& settings, const std::string& input) {
  for (std::size_t bit = 0; bit < 8 * input.size(); ++bit) {
    std::string flipped = input;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1U << bit % 8));
    run_one(settings, std::move(flipped));
  }
  return 8 * input.size();
}

// "word", name="word": the dictionaries of libFuzzer, with its escapes \\ \" \xNN.
std::vector<std::string> read_dictionary(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::fprintf(stderr, "cannot read dictionary %s\n", path.c_str());
    std::exit(2);
  }
  std::vector<std::string> words;
  for (std::string line; std::getline(file, line);) {
    const std::size_t begin = line.find('"');
    const std::size_t end = line.rfind('"');
    if (line.starts_with('#') || begin == std::string::npos || end <= begin) continue;
    std::string word;
    for (std::size_t i = begin + 1; i < end; ++i) {
      if (line[i] != '\\' || i + 1 >= end) {
        word += line[i];
      } else if (line[i + 1] == 'x' && i + 3 < end) {
        word += static_cast<char>(std::stoi(line.substr(i + 2, 2), nullptr, 16));
        i += 3;
      } else {
        word += line[++i];
      }
    }
    words.push_back(std::move(word));
  }
  return words;
}

std::vector<std::string> read_inputs(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  for (const std::string& path : paths) {
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
    } else {
      files.emplace_back(path);
    }
  }
  std::ranges::sort(files);
  std::vector<std::string> inputs;
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", path.c_str());
      std::exit(2);
    }
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

class Mutator {
 public:
  Mutator(const Settings& settings, const std::vector<std::string>& inputs)
      : settings_(settings), inputs_(inputs), rng_(settings.seed) {}

  std::string next() {
    std::string out = inputs_[below(inputs_.size())];
    for (std::size_t n = 1 + below(4); n > 0; --n) change(out);
    out.resize(std::min(out.size(), settings_.max_bytes));
    return out;
  }

 private:
  std::size_t below(std::size_t bound) {
    return bound == 0 ? 0 : static_cast<std::size_t>(rng_.next_below(bound));
  }

  void change(std::string& out) {
    const std::size_t at = below(out.size() + 1);
    switch (below(8)) {
      case 0:
        if (at < out.size()) out[at] = static_cast<char>(out[at] ^ (1 << below(8)));
        return;
      case 1:
        if (at < out.size()) out[at] = static_cast<char>(below(256));
        return;
      case 2:
        return put_number(out, at);
      case 3:
        out.erase(at, 1 + below(16));
        return;
      case 4: {
        const std::string part = out.substr(at, 1 + below(64));
        out.insert(below(out.size() + 1), part);
        return;
      }
      case 5:
        out.resize(at);
        return;
      case 6: {
        const std::string& other = inputs_[below(inputs_.size())];
        const std::size_t from = below(other.size() + 1);
        out.insert(at, other, from, 1 + below(128));
        return;
      }
      default:
        if (settings_.words.empty()) return;
        const std::string& word = settings_.words[below(settings_.words.size())];
        if (below(2) == 0) out.erase(at, word.size());
        out.insert(at, word);
    }
  }

  // A number that is likely to be at a limit, over what stands there.
  void put_number(std::string& out, std::size_t at) {
    constexpr std::array<std::uint64_t, 14> kNumbers = {0,
                                                        1,
                                                        2,
                                                        3,
                                                        31,
                                                        64,
                                                        0x7F,
                                                        0xFF,
                                                        0x7FFF'FFFF,
                                                        0x8000'0000,
                                                        0xFFFF'FFFF,
                                                        0x7FFF'FFFF'FFFF'FFFF,
                                                        0x8000'0000'0000'0000,
                                                        0xFFFF'FFFF'FFFF'FFFF};
    const std::uint64_t number = kNumbers[below(kNumbers.size())];
    const std::size_t bytes = std::min(std::size_t{1} << below(4), out.size() - at);
    if (bytes > 0) std::memcpy(out.data() + at, &number, bytes);
  }

  const Settings& settings_;
  const std::vector<std::string>& inputs_;
  mote::Rng rng_;
};

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = [&](std::string_view option) -> const char* {
      return argument.starts_with(option) ? argument.c_str() + option.size() : nullptr;
    };
    if (const char* runs = value("-runs=")) {
      settings.runs = std::strtoull(runs, nullptr, 10);
    } else if (const char* seed = value("-seed=")) {
      settings.seed = std::strtoull(seed, nullptr, 10);
    } else if (const char* limit = value("-rss_limit_mb=")) {
      settings.rss_limit_mb = std::strtoull(limit, nullptr, 10);
    } else if (argument == "-flip_bits=1") {
      settings.flip_bits = true;
    } else if (const char* length = value("-max_len=")) {
      settings.max_bytes = std::strtoull(length, nullptr, 10);
    } else if (const char* dictionary = value("-dict=")) {
      settings.words = read_dictionary(dictionary);
    } else if (const char* prefix = value("-artifact_prefix=")) {
      settings.artifact_prefix = prefix;
    } else if (!argument.starts_with('-')) {
      settings.inputs.push_back(argument);
    }  // what only libFuzzer knows (-timeout, -max_total_time ...) is of no use here
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = parse(argc, argv);
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) std::signal(number, on_signal);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(keep_input);
  const std::vector<std::string> inputs = read_inputs(settings.inputs);
  if (inputs.empty()) {
    std::fprintf(stderr, "no inputs: name files or folders\n");
    return 2;
  }
  for (const std::string& input : inputs) run_one(settings, input);
  std::uint64_t flips = 0;
  if (settings.flip_bits) {
    for (const std::string& input : inputs) flips += run_with_flipped_bits(settings, input);
  }
  Mutator mutator(settings, inputs);
  for (std::uint64_t i = 0; i < settings.runs; ++i) run_one(settings, mutator.next());
  std::printf("%zu files, %llu flips and %llu mutations: nothing found\n", inputs.size(),
              static_cast<unsigned long long>(flips), static_cast<unsigned long long>(settings.runs));
  return 0;
}
