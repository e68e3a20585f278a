#include "sys/lost_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "sys/mapped_file.h"
#include "testing/environment.h"

namespace mote::sys {
namespace {

std::atomic<int> g_caught{0};
thread_local char g_path[512];  // of the thread that faulted

extern "C" void on_bus(int number, siginfo_t* info, void* /*context*/) {
  if (replace_lost_pages(info->si_addr, g_path)) {
    g_caught.fetch_add(1);
    return;
  }
  std::signal(number, SIG_DFL);
}

// The handler stands for one test only; the former one (a sanitizer's, say) comes back.
class LostPagesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    g_caught = 0;
    g_path[0] = '\0';
    struct sigaction action = {};
    action.sa_sigaction = on_bus;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    ASSERT_EQ(sigaction(SIGBUS, &action, &before_), 0);
    std::ofstream(path_, std::ios::binary) << std::string(kPages * page_, 'x');
  }
  void TearDown() override { sigaction(SIGBUS, &before_, nullptr); }

  static constexpr std::size_t kPages = 64;
  const std::size_t page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::filesystem::path path_ = testing::fresh_folder() / "a model, 2.bin";
  struct sigaction before_ = {};
};

TEST_F(LostPagesTest, ReadingGoesOnWithZerosBehindTheNewEnd) {
  const auto file = MappedFile::open(path_);
  ASSERT_TRUE(file);
  std::filesystem::resize_file(path_, 10 * page_ + 100);
  std::size_t x = 0;
  std::size_t zero = 0;
  for (const std::byte b : file->bytes()) {
    x += b == std::byte{'x'};
    zero += b == std::byte{0};
  }
  EXPECT_EQ(x, 10 * page_ + 100);  // the last page in part: zeros behind the end, no fault
  EXPECT_EQ(zero, (kPages - 10) * page_ - 100);
  EXPECT_EQ(g_caught, 1);  // the whole rest was replaced at once
  EXPECT_EQ(std::string(g_path), path_.string());
  const auto checked = file->check_length();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code.name, "MODEL_CHANGED");
}

TEST_F(LostPagesTest, ThreadsMayFaultAtTheSameTime) {
  for (int round = 0; round < 50; ++round) {
    std::ofstream(path_, std::ios::binary) << std::string(kPages * page_, 'x');
    const auto file = MappedFile::open(path_);
    ASSERT_TRUE(file);
    std::filesystem::resize_file(path_, 0);
    std::atomic<int> ready{0};
    std::atomic<std::size_t> sum{0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        ready.fetch_add(1);
        while (ready.load() < 4) {
        }
        for (std::size_t p = 0; p < kPages; ++p) {
          const std::size_t page = (p * 7 + t * 16) % kPages;
          sum += std::to_integer<std::size_t>(file->bytes()[page * page_]);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(sum, 0U);
  }
  EXPECT_GE(g_caught, 50);
}

TEST_F(LostPagesTest, OtherAddressesAreNotTouched) {
  char path[64];
  static const char kConstant = 'c';
  char local = 'l';
  const auto heap = std::make_unique<char>('h');
  for (const char* address : std::initializer_list<const char*>{&kConstant, &local, heap.get(), nullptr}) {
    EXPECT_FALSE(replace_lost_pages(address, path));
  }
  EXPECT_EQ(kConstant, 'c');
  EXPECT_EQ(local, 'l');
  EXPECT_EQ(*heap, 'h');
  // A mapping that may be written to is no model file.
  void* shared = ::mmap(nullptr, page_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  EXPECT_FALSE(replace_lost_pages(shared, path));
  ::munmap(shared, page_);
}

TEST_F(LostPagesTest, ALongNameIsCut) {
  const auto file = MappedFile::open(path_);
  ASSERT_TRUE(file);
  std::array<char, 8> path;
  path.fill('#');
  EXPECT_TRUE(replace_lost_pages(file->bytes().data(), path));
  EXPECT_EQ(std::string(path.data()), path_.string().substr(0, 7));
  EXPECT_EQ(file->bytes()[0], std::byte{0});
}

}  // namespace
}  // namespace mote::sys
