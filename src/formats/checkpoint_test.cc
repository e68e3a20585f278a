#include "formats/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "formats/file_kind.h"
#include "formats/gguf_test_file.h"
#include "testing/environment.h"

namespace mote::formats {
namespace {

using testing::Bytes;
using ::testing::HasSubstr;
using testing::save;
using testing::TestGguf;

std::string small_gguf() {
  TestGguf file;
  file.entry("general.architecture", 8, Bytes().string("llama"));
  file.tensor({"t", {4}, 0, 0});
  file.data = std::string(16, 'x');
  return file.text();
}

std::string small_safetensors() {
  return Bytes()
      .string(R"({"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})")
      .raw(std::string(16, 'x'))
      .text();
}

class CheckpointTest : public ::testing::Test {
 protected:
  std::string code(const std::filesystem::path& path) {
    const auto checkpoint = open_checkpoint(path);
    if (checkpoint) return "opened";
    message_ = checkpoint.error().message;
    hint_ = checkpoint.error().hint;
    EXPECT_FALSE(checkpoint.error().file.empty());
    return std::string(checkpoint.error().code.name);
  }
  std::filesystem::path folder_ = mote::testing::fresh_folder();
  std::string message_;
  std::string hint_;
};

TEST_F(CheckpointTest, OpensAGgufFileWhateverItsName) {
  for (const char* name : {"model.gguf", "model", "model.bin", "model.safetensors"}) {
    const auto checkpoint = open_checkpoint(save(folder_ / name, small_gguf()));
    ASSERT_TRUE(checkpoint) << format_error(checkpoint.error());
    EXPECT_EQ(checkpoint->kind, CheckpointKind::gguf);
    EXPECT_EQ(checkpoint->folder, folder_);
    EXPECT_EQ(checkpoint->metadata.get_string("general.architecture").value_or(""), "llama");
    EXPECT_EQ(checkpoint->source->tensors().size(), 1U);
    EXPECT_EQ(checkpoint->file_bytes, small_gguf().size());
  }
}

TEST_F(CheckpointTest, OpensAVocabularyOnlyFile) {
  TestGguf file;
  file.entry("general.architecture", 8, Bytes().string("llama"));
  const auto checkpoint = open_checkpoint(save(folder_ / "vocab.gguf", file.text()));
  ASSERT_TRUE(checkpoint);
  EXPECT_TRUE(checkpoint->source->tensors().empty());
}

TEST_F(CheckpointTest, OpensAFolderAndTheFileInIt) {
  save(folder_ / "model.safetensors", small_safetensors());
  save(folder_ / "config.json", R"({"model_type":"llama"})");
  save(folder_ / "generation_config.json", R"({"eos_token_id":2})");
  for (const auto& path : {folder_, folder_ / "model.safetensors"}) {
    const auto checkpoint = open_checkpoint(path);
    ASSERT_TRUE(checkpoint) << format_error(checkpoint.error());
    EXPECT_EQ(checkpoint->kind, CheckpointKind::huggingface);
    EXPECT_EQ(checkpoint->folder, folder_);
    EXPECT_EQ(*checkpoint->config.find("model_type")->if_string(), "llama");
    EXPECT_EQ(checkpoint->generation_config.find("eos_token_id")->as_int64(), 2);
    EXPECT_EQ(checkpoint->file_bytes, small_safetensors().size());
    EXPECT_TRUE(checkpoint->source->find("t"));
  }
  std::filesystem::remove(folder_ / "generation_config.json");
  const auto checkpoint = open_checkpoint(folder_);
  ASSERT_TRUE(checkpoint);
  EXPECT_TRUE(checkpoint->generation_config.is_null());
}

TEST_F(CheckpointTest, OpensAFolderOfShardsAndItsIndex) {
  save(folder_ / "model-00001-of-00001.safetensors", small_safetensors());
  save(folder_ / "config.json", "{}");
  save(folder_ / "model.safetensors.index.json",
       R"({"weight_map":{"t":"model-00001-of-00001.safetensors"}})");
  for (const auto& path : {folder_, folder_ / "model.safetensors.index.json"}) {
    const auto checkpoint = open_checkpoint(path);
    ASSERT_TRUE(checkpoint) << format_error(checkpoint.error());
    EXPECT_EQ(checkpoint->kind, CheckpointKind::huggingface);
    EXPECT_EQ(checkpoint->path, folder_ / "model.safetensors.index.json");
    EXPECT_EQ(checkpoint->file_bytes, small_safetensors().size());
  }
}

TEST_F(CheckpointTest, OpensTheBundledKindOfLlama2cFile) {
  const auto path = mote::testing::shared_path("models/babyllama-tok105/model5000.bin");
  MOTE_NEEDS(path, "shared/models is not here");
  const auto checkpoint = open_checkpoint(*path);
  ASSERT_TRUE(checkpoint) << format_error(checkpoint.error());
  EXPECT_EQ(checkpoint->kind, CheckpointKind::llama2c);
  EXPECT_EQ(checkpoint->llama2c.dim, 128U);
  EXPECT_EQ(checkpoint->llama2c.vocab_size, 105U);
  EXPECT_EQ(checkpoint->file_bytes, 3762204U);
  EXPECT_EQ(checkpoint->folder, path->parent_path());
}

TEST_F(CheckpointTest, OpensTheRealModelInBothForms) {
  const auto gguf = mote::testing::model_path("base/base-f16.gguf");
  const auto folder = mote::testing::model_path("base/hf");
  MOTE_NEEDS(gguf && folder, "the real model is not here: ../shared/tools/get_models.sh brings it");
  const auto a = open_checkpoint(*gguf);
  const auto b = open_checkpoint(*folder);
  ASSERT_TRUE(a) << format_error(a.error());
  ASSERT_TRUE(b) << format_error(b.error());
  EXPECT_EQ(a->source->tensors().size(), b->source->tensors().size());
}

TEST_F(CheckpointTest, NeedsTheConfigBesideTheWeights) {
  save(folder_ / "model.safetensors", small_safetensors());
  EXPECT_EQ(code(folder_), "MODEL_CONFIG");
  EXPECT_THAT(message_, HasSubstr("config.json"));
  for (const char* config : {"", "[]", "{\"a\":", "{\"a\":1,\"a\":2}"}) {
    save(folder_ / "config.json", config);
    EXPECT_EQ(code(folder_), "MODEL_CONFIG") << config;
  }
}

TEST_F(CheckpointTest, RefusesQuantizedFoldersByName) {
  save(folder_ / "model.safetensors", small_safetensors());
  save(folder_ / "config.json", R"({"quantization_config":{"quant_method":"spqr","bits":4}})");
  EXPECT_EQ(code(folder_), "FORMAT_QUANTIZED");
  EXPECT_THAT(message_, HasSubstr("\"spqr\""));
  save(folder_ / "config.json", R"({"quantization_config":null})");
  EXPECT_EQ(code(folder_), "opened");
}

// Reliability table, row 34.
TEST_F(CheckpointTest, RefusesPickleWhateverItsName) {
  const std::string zip = "PK\x03\x04" + std::string(100, '\0');
  const std::string pickle = "\x80\x02\x8a\x0al\xfc\x9c" + std::string(100, '\0');
  for (const char* name : {"a.bin", "a.pt", "a.pth", "a.ckpt", "a.gguf", "a.safetensors", "a"}) {
    for (const std::string& content : {zip, pickle}) {
      EXPECT_EQ(code(save(folder_ / name, content)), "FORMAT_PICKLE") << name;
      EXPECT_THAT(hint_, HasSubstr("safetensors"));
    }
  }
  const auto folder = mote::testing::fresh_folder();
  save(folder / "pytorch_model.bin", zip);
  save(folder / "config.json", "{}");
  EXPECT_EQ(code(folder), "FORMAT_PICKLE");
}

// Row 35.
TEST_F(CheckpointTest, RefusesWhatIsNoModelFile) {
  EXPECT_EQ(code(folder_ / "absent.gguf"), "INPUT_MISSING");
  ASSERT_EQ(::mkfifo((folder_ / "pipe.gguf").c_str(), 0600), 0);
  EXPECT_EQ(code(folder_ / "pipe.gguf"), "INPUT_NOT_REGULAR");
  EXPECT_EQ(code("/dev/zero"), "INPUT_NOT_REGULAR");
  std::filesystem::create_symlink("loop", folder_ / "loop");
  EXPECT_EQ(code(folder_ / "loop"), "INPUT_NOT_REGULAR");
  EXPECT_EQ(code(folder_), "MODEL_FORMAT");
}

TEST_F(CheckpointTest, SaysWhatAnotherFileSeemsToBe) {
  EXPECT_EQ(code(save(folder_ / "page.gguf", "<html><body>404</body></html>")), "GGUF_MAGIC");
  EXPECT_EQ(code(save(folder_ / "lfs.bin", "version https://git-lfs.github.com/spec/v1\n")), "MODEL_FORMAT");
  EXPECT_THAT(hint_, HasSubstr("git lfs pull"));
  EXPECT_EQ(code(save(folder_ / "notes.txt", "some notes")), "MODEL_FORMAT");
  EXPECT_EQ(code(save(folder_ / "config.json", "{}")), "MODEL_FORMAT");
  EXPECT_EQ(code(save(folder_ / "empty", "")), "MODEL_FORMAT");
  EXPECT_EQ(code(save(folder_ / "noise.bin", std::string(100, '\xEE'))), "LLAMA2C_HEADER");
  EXPECT_EQ(code(save(folder_ / "noise", std::string(100, '\xEE'))), "MODEL_FORMAT");
}

TEST(FileKind, KnowsModelFilesByTheirFirstBytes) {
  const auto kind = [](std::string_view text) {
    return sniff(std::as_bytes(std::span(text.data(), text.size())));
  };
  EXPECT_EQ(kind(""), FileKind::empty);
  EXPECT_EQ(kind("GGUF"), FileKind::gguf);
  EXPECT_EQ(kind("FUGG"), FileKind::gguf_big_endian);
  EXPECT_EQ(kind("tjgg"), FileKind::old_ggml);
  EXPECT_EQ(kind(small_safetensors()), FileKind::safetensors);
  EXPECT_EQ(kind("\x1f\x8b\x08"), FileKind::gzip);
  EXPECT_EQ(kind("\n <!doctype HTML>"), FileKind::html);
  EXPECT_EQ(kind("{\"a\": 1}"), FileKind::json);
  EXPECT_EQ(kind("\x93NUMPY\x01"), FileKind::numpy);
  EXPECT_EQ(kind("\x89HDF\r\n\x1a\n"), FileKind::hdf5);
  EXPECT_EQ(kind("plain text"), FileKind::text);
  EXPECT_EQ(kind(std::string_view("\0\1\2\3", 4)), FileKind::unknown);
  // A llama2.c file of dimension 640 (0x280) starts like a pickle of protocol 2 and is none.
  EXPECT_EQ(kind(Bytes().u32(640).u32(1720).u32(8).u32(8).text()), FileKind::unknown);
  for (int k = 0; k <= static_cast<int>(FileKind::text); ++k)
    EXPECT_FALSE(describe(static_cast<FileKind>(k)).empty());
}

}  // namespace
}  // namespace mote::formats
